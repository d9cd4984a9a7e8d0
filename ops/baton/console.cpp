#include "ops/baton/console.hpp"

#include <unistd.h>

#include <iostream>
#include <string>

#include "messages/codec.hpp"

namespace baton::cli {

bool console::input_is_terminal() { return isatty(STDIN_FILENO) != 0; }

void console::piece(std::string_view text) {
  if (text.empty()) return;
  std::cout << text << std::flush;
  open_line_ = text.back() != '\n';
}

void console::line(std::string_view text) {
  end_open_line();
  std::cout << text;
  if (text.empty() || text.back() != '\n') std::cout << '\n';
  std::cout << std::flush;
}

void console::object(const value& told) { line(codec::encode_value(told, encoding::json)); }

void console::aside(std::string_view text) {
  end_open_line();
  std::cerr << text << std::endl;
}

bool console::asks(std::string_view question) {
  std::cerr << question << " [y/N] " << std::flush;
  std::string said;
  return std::getline(std::cin, said) && !said.empty() && (said.front() == 'y' || said.front() == 'Y');
}

void console::end_open_line() {
  if (open_line_) std::cout << '\n' << std::flush;
  open_line_ = false;
}

} // namespace baton::cli
