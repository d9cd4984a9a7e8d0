// The pages in ops/errors say what the tables say: no reason, no option and no default in them is made up or out of date.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "config/field.hpp"
#include "config/table.hpp"
#include "messages/reason.hpp"

using namespace baton;

namespace {

const std::filesystem::path pages = std::filesystem::path{BATON_SOURCE_DIR} / "ops" / "errors";

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  if (!file) FAIL("there is no " << path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string page_of(const reason_row& row) { return text_of(pages / (std::string{row.text} + ".md")); }

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::smatch> matches(const std::string& text, const std::regex& pattern) {
  return {std::sregex_iterator{text.begin(), text.end(), pattern}, {}};
}

const config::option_row* find_option(const std::string& name) {
  const auto rows = config::option_rows();
  const auto row = std::ranges::find(rows, name, &config::option_row::name);
  return row == rows.end() ? nullptr : &*row;
}

bool is_group(const std::string& name) {
  return std::ranges::any_of(config::option_rows(), [&](const auto& row) { return row.name.starts_with(name + "."); });
}

/// As a page writes it: without TOML's quotes.
std::string default_of(const config::option_row& row) {
  options defaults;
  auto text = config::toml_value(row, defaults);
  std::erase(text, '"');
  return text;
}

} // namespace

TEST_CASE("each reason's page says what it is, what to do, and shows it", "[errors]") {
  for (const auto& row : reasons) {
    CAPTURE(row.text);
    const auto page = page_of(row);
    REQUIRE(page.starts_with("# " + std::string{row.text} + "\n\n> " + std::string{row.sentence} + "\n"));
    REQUIRE(holds(page, "\n**Producer.** "));
    REQUIRE(holds(page, "\n**Operator.** "));
    REQUIRE(holds(page, "\n```\n"));
  }
}

TEST_CASE("the letters that the pages show are letters of that reason", "[errors]") {
  static const std::regex field{"\nreason    (\\S+)\n"};
  for (const auto& row : reasons) {
    CAPTURE(row.text);
    const auto page = page_of(row);
    const auto shown = matches(page, field);
    // These bury nothing.
    const bool has_letter = row.is != reason::title_conflict && row.is != reason::log_unreadable && row.is != reason::replaced;
    REQUIRE(shown.size() == (has_letter ? 1 : 0));
    for (const auto& match : shown)
      REQUIRE(match[1].str() == row.text);
  }
}

TEST_CASE("the options that the pages name exist, with the defaults that they name", "[errors]") {
  static const std::regex option{"`([a-z]+)\\.([a-z_]+)`( \\(([^)]*)\\))?"};
  std::size_t named = 0;
  for (const auto& row : reasons) {
    const auto page = page_of(row);
    for (const auto& match : matches(page, option)) {
      if (!is_group(match[1].str())) continue;
      const auto name = match[1].str() + "." + match[2].str();
      CAPTURE(row.text, name);
      const auto* found = find_option(name);
      REQUIRE(found != nullptr);
      if (match[3].matched) REQUIRE(match[4].str() == default_of(*found));
      ++named;
    }
  }
  REQUIRE(named > 20);
}

TEST_CASE("the index leads to every page, and every link to a page", "[errors]") {
  const auto index = text_of(pages / "README.md");
  for (const auto& row : reasons) {
    CAPTURE(row.text);
    const std::string name{row.text};
    REQUIRE(holds(index, "| [" + name + "](" + name + ".md) | " + std::string{row.sentence} + " |\n"));
  }
  static const std::regex link{"\\]\\(([^)]+)\\)"};
  for (const auto& row : reasons) {
    const auto page = page_of(row);
    for (const auto& match : matches(page, link)) {
      CAPTURE(row.text, match[1].str());
      REQUIRE(std::filesystem::exists(pages / match[1].str()));
    }
  }
}
