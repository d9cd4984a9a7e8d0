// Performs every scenario of this folder and compares what happens with what stands in it. With BATON_UPDATE_GOLDEN set, the
// files are written anew: read the diff.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/scenarios/scenario_script.hpp"
#include "tests/support/golden.hpp"

using namespace baton::support;

namespace {

std::vector<std::filesystem::path> scenarios() {
  std::vector<std::filesystem::path> all;
  for (const auto& file : std::filesystem::directory_iterator{BATON_SCENARIO_FOLDER}) {
    if (file.path().extension() == ".txt" && file.path().filename() != "CMakeLists.txt") all.push_back(file.path());
  }
  std::ranges::sort(all);
  return all;
}

} // namespace

TEST_CASE("every scenario goes as it is written", "[session][scenario]") {
  const auto all = scenarios();
  REQUIRE(all.size() >= 10);
  for (const auto& file : all) {
    INFO(file.filename().string());
    std::ifstream in{file};
    const std::string script{std::istreambuf_iterator<char>{in}, {}};
    const auto found = perform_scenario(script);
    CHECK(found.find("CANNOT GO ON") == std::string::npos);
    CHECK(compare_with_golden(found, file, std::filesystem::path{BATON_SCENARIO_FOUND_FOLDER} / file.filename()) == "");
  }
}

TEST_CASE("a scenario that cannot go on, or tells something else, is noticed", "[scenario]") {
  CHECK(perform_scenario("> grant\n").find("CANNOT GO ON") != std::string::npos);
  CHECK(perform_scenario("> fly\n").find("no such verb: fly") != std::string::npos);
  const auto one = perform_scenario("# a turn\n> task t1\n> grant\n> end completed\n");
  const auto other = perform_scenario("# a turn\n> task t1\n> grant\n> end failed\n");
  CHECK(one != other);
  CHECK(perform_scenario(one) == one);
}
