// baton: the command line.
#include <iostream>

#include "config/load.hpp"
#include "messages/codec.hpp"
#include "ops/baton/arguments.hpp"
#include "ops/baton/system_clock.hpp"

namespace {

using namespace baton;
using namespace baton::cli;

int complain_of(const complaint& what, bool json) {
  if (json) {
    const value told{value::object{{"error", what.text}, {"exit_code", static_cast<int>(what.code)}}};
    std::cerr << codec::encode_value(told, encoding::json) << '\n';
  } else {
    std::cerr << "baton: " << what.text << '\n';
  }
  return static_cast<int>(what.code);
}

int run(const run_command& wanted, const std::string& user) {
  const system_clock time;
  const auto target = find_target(wanted.target);
  if (!target) return complain_of({exit_code::unreachable, target.error()}, wanted.json);
  const auto broker = client::connect(*target, time);
  if (!broker) return complain_of(broker.error(), wanted.json);
  console tell{wanted.json};
  desk at{**broker, tell, time, user};
  const auto end = wanted.command(at);
  return end ? static_cast<int>(*end) : complain_of(end.error(), wanted.json);
}

} // namespace

int main(int argc, char** argv) {
  const auto environment = config::environment();
  const auto wanted = parse_arguments({argv + 1, argv + argc}, environment);
  if (const auto* text = std::get_if<say_text>(&wanted)) {
    std::cout << text->text;
    return static_cast<int>(exit_code::done);
  }
  if (const auto* wrong = std::get_if<complaint>(&wanted)) return complain_of(*wrong, false);
  const auto user = environment.find("USER");
  return run(std::get<run_command>(wanted), user == environment.end() ? std::string{} : user->second);
}
