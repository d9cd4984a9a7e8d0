#!/usr/bin/env python3
"""tidy.py finds each thing that must not be, and passes what only looks like it."""

import subprocess
import sys
import unittest
from pathlib import Path

import tidy
from small_tree import SmallTree


def function_of(lines, head="int f() {"):
    """C++ text of a function with `lines` lines, braces included."""
    return "\n".join([head, *["  g();"] * (lines - 2), "}"]) + "\n"


class Tidy(SmallTree):
    def setUp(self):
        super().setUp()
        self.write("CMakeLists.txt", "add_subdirectory(messages)\n")
        self.write("messages/CMakeLists.txt", "add_library(m task.cpp)\n")
        self.write("messages/task.cpp", "int twice(int n) { return 2 * n; }\n")

    def expect(self, *findings):
        self.assertEqual(self.found(tidy.check(self.root)), sorted(findings))

    def expect_in_cpp(self, text, *findings, path="messages/task.cpp"):
        """Only the findings in `path` with this text count; `findings` are `line: rule`."""
        self.write(path, text)
        here = [f.removeprefix(path + ":") for f in self.found(tidy.check(self.root)) if f.startswith(path)]
        self.assertEqual([f for f in here if not f.endswith("unlisted")], sorted(findings), text)

    def test_a_tidy_tree_passes(self):
        self.expect()


class Sizes(Tidy):
    def test_a_file_has_500_lines_and_a_header_200(self):
        self.expect_in_cpp("\n" * 500)
        self.expect_in_cpp("\n" * 501, "501: size")
        self.expect_in_cpp("#pragma once\n" * 200, path="messages/big.hpp")
        self.expect_in_cpp("#pragma once\n" * 201, "201: size", path="messages/big.hpp")

    def test_a_function_has_50_lines(self):
        self.expect_in_cpp(function_of(50))
        self.expect_in_cpp("\n\n" + function_of(51), "3: function")

    def test_functions_of_all_shapes_are_measured(self):
        for head in ("void session::take(const input& in) const noexcept {", "session::session(int a) : a_{a}, b_(a) {",
                     "auto f(int n) -> std::vector<int> {", "template <class T = std::map<int, int>>\nT f(T t) {",
                     'TEST_CASE("a { in a name", "[x]") {', "bool operator<(const a& l, const b& r) {",
                     "session::session(int a)\n    : base{a},\n      b_{{1, 2}} {", "session::~session() {",
                     "static std::pair<int, std::function<void()>> f(int n) {", "explicit operator bool() const {",
                     "template <class T>\n  requires std::integral<T>\nint f(T t) {", "extern \"C\" int f(void) {",
                     "[[nodiscard]] constexpr int f(int n = {}) {"):
            with self.subTest(head=head):
                lines = 51 - head.count("\n")
                self.expect_in_cpp("namespace baton {\n\n" + function_of(lines, head) + "}\n", "3: function")
                self.expect_in_cpp("namespace baton {\n\n" + function_of(lines - 1, head) + "}\n")

    def test_a_method_in_a_class_is_measured_and_the_class_is_not(self):
        methods = "\n".join(["  int f() {", "    return 1;", "  }"] * 30)
        self.expect_in_cpp("struct many : base<int> {\n" + methods + "\n};\n")
        self.expect_in_cpp("class one {\npublic:\n" + function_of(51) + "};\n", "3: function")

    def test_tables_and_comments_do_not_count_as_functions(self):
        self.expect_in_cpp("constexpr auto t = std::to_array<row>({\n" + '  {1, "{"},\n' * 80 + "});\n")
        self.expect_in_cpp("/* int f() {" + "\n" * 80 + "} */\n")

    def test_branches_of_the_preprocessor_open_one_function(self):
        both = "#ifdef A\nint f(int a) {\n#else\nint f() {\n#endif\n"
        self.expect_in_cpp(both + "  g();\n}\n" + "int n;\n" * 60)
        self.expect_in_cpp(both + "  g();\n" * 46 + "}\n", "2: function")

    def test_python_functions_are_measured(self):
        self.expect_in_cpp("def f():\n" + "    g()\n" * 50, "1: function", path="ops/checks/long.py")


    def test_shell_functions_are_measured(self):
        text = "#!/bin/bash\nshort() { g; }\nf() {\n" + "  g\n" * 49 + "}\n"
        self.expect_in_cpp(text, "3: function", path="ops/run")
        self.expect_in_cpp(text.replace("  g\n", "", 1), path="ops/run")


class Names(Tidy):
    def test_names_of_nothing_are_banned(self):
        self.write("bridge/utils/socket.hpp", "#pragma once\n")
        self.write("actors/session_manager.hpp", "#pragma once\nclass lease_manager {};\n")
        self.write("messages/common.hpp", "#pragma once\n")
        self.expect("bridge/utils/socket.hpp:1: name", "actors/session_manager.hpp:1: name",
                    "actors/session_manager.hpp:2: name", "messages/common.hpp:1: name")


class Bans(Tidy):
    def test_clocks(self):
        self.expect_in_cpp("auto t = std::chrono::system_clock::now();\nauto u = steady_clock::now();\nauto v = time(nullptr);\n",
                           "1: clock", "2: clock", "3: clock")
        self.expect_in_cpp("using clock = std::chrono::steady_clock;\nauto t = clock::now();\n", "2: clock")
        self.expect_in_cpp("auto t = std::chrono::system_clock::now();\n", path="ops/batond/system.cpp")
        self.expect_in_cpp("#pragma once\nauto t = std::chrono::system_clock::now();\n", path="tests/support/system_clock.hpp")
        self.expect_in_cpp("auto t = self->clock().now(); auto u = now;\n")

    def test_chance(self):
        self.expect_in_cpp("std::random_device d;\nint n = rand();\nstd::mt19937 g;\n", "1: chance", "2: chance", "3: seed")
        self.expect_in_cpp("std::mt19937_64 g{seed};\n", path="tests/unit/machine_test.cpp")
        self.expect_in_cpp("std::random_device d;\n", "1: chance", path="tests/unit/machine_test.cpp")
        self.expect_in_cpp("std::random_device d;\n", path="ops/batond/system.cpp")

    def test_environment(self):
        self.expect_in_cpp('auto v = std::getenv("X");\nsetenv("A", "b", 1);\n', "1: environment", "2: environment")
        self.expect_in_cpp('auto v = std::getenv("X");\n', path="config/environment.cpp")

    def test_sleeps_also_in_tests(self):
        for path in ("messages/task.cpp", "tests/unit/x_test.cpp", "tests/support/world.cpp"):
            self.expect_in_cpp("std::this_thread::sleep_for(1s);\nusleep(5);\n::sleep(1);\nreturn sleep(1);\n",
                               *(f"{n}: sleep" for n in (1, 2, 3, 4)), path=path)
        self.expect_in_cpp("import time\ntime.sleep(1)\n", "2: sleep", path="tests/integration/slow.py")

    def test_shells(self):
        self.expect_in_cpp('std::system("ls");\npopen("ls", "r");\n', "1: shell", "2: shell")
        self.expect_in_cpp("self->system().spawn(f);\nauto& s = system();\ncaf::actor_system system(config);\n")

    def test_subject_and_metric_literals(self):
        self.expect_in_cpp('auto s = "baton.task." + id;\nauto n = "BATON_LOG";\nauto m = "baton_turns_total";\n',
                           "1: subject", "2: subject", "3: metric")
        self.expect_in_cpp('auto s = "baton.task.";\n', path="messages/subjects.cpp")
        self.expect_in_cpp('auto s = "baton.task.s1";\n', path="tests/integration/send_test.cpp")
        self.expect_in_cpp('auto m = "baton_turns_total";\n', path="ops/batond/metrics.cpp")
        self.expect_in_cpp('auto e = "BATON_LOG_LEVEL"; auto h = "see baton.task.<session>"; // "baton.task.x"\n')

    def test_what_only_looks_like_it(self):
        self.expect_in_cpp('auto s = "sleep_for(1s)"; // getenv("x")\n/* std::random_device */\nvoid sleep(int n);\nbed.sleep(8);\n')
        self.expect_in_cpp('auto s = R"(\nsteady_clock::now()\n)"; auto c = \'"\'; int n = 1\'000;\nauto t = "getenv(";\n')

    def test_a_default_over_our_enum(self):
        self.write("messages/reason.hpp", "#pragma once\nenum class reason : std::uint8_t { too_large, b };\n")
        self.expect_in_cpp("switch (r) {\n  case reason::too_large: return 1;\n  default: return 2;\n}\n", "3: default")
        self.expect_in_cpp("switch (r) {\n  case baton::reason::b: {\n f();\n }\n  default: return 2;\n}\n", "5: default")
        self.expect_in_cpp("using enum reason;\nswitch (r) {\n  case too_large: { f(); break; }\n  default: break;\n}\n", "4: default")

    def test_a_default_over_others_is_needed(self):
        self.write("messages/reason.hpp", "#pragma once\nenum class reason { a };\n")
        self.expect_in_cpp("switch (n) { case code::gone: return 1; default: return 2; } // a namespace of numbers\n")
        self.expect_in_cpp("switch (c) { case 'a': return 1; default: return 2; }\n")
        self.expect_in_cpp("switch (s) { case NATS_OK: return 1; default: return 2; }\n")
        self.expect_in_cpp("switch (t) { case json::value_t::null: return 1; default: return 2; }\n")
        self.expect_in_cpp("switch (n) { case 1: switch (r) { case reason::a: break; } break; default: return 2; }\n")
        self.expect_in_cpp("constexpr int gone = 404;\nswitch (n) { case gone: return 1; default: return 2; }\n")
        self.expect_in_cpp("struct x { x() = default; };\n")

    def test_headers(self):
        self.expect_in_cpp("using namespace std;\n", "1: once", "1: using", path="messages/bad.hpp")

    def test_leftovers(self):
        self.expect_in_cpp("// TO" "DO: later\nint n; // FIX" "ME\n", "1: leftover", "2: leftover")


class Lists(Tidy):
    def test_a_source_that_no_list_names(self):
        self.write("messages/forgotten.cpp", "")
        self.write("messages/CMakeLists.txt", "add_library(m task.cpp)\n# forgotten.cpp\n")
        self.expect("messages/forgotten.cpp:1: unlisted")

    def test_a_list_above_may_name_it(self):
        self.write("messages/parts/one.cpp", "")
        self.write("messages/CMakeLists.txt", "add_library(m task.cpp ${CMAKE_CURRENT_SOURCE_DIR}/parts/one.cpp)\n")
        self.expect()

    def test_a_folder_that_no_list_adds(self):
        self.write("tests/unit/CMakeLists.txt", "add_executable(t a_test.cpp)\n")
        self.write("tests/unit/a_test.cpp", "")
        self.expect("tests/unit/CMakeLists.txt:1: unlisted")

    def test_a_script_that_is_a_test(self):
        self.write("ops/checks/test_new.py", "")
        self.write("examples/new_test.mjs", "")
        self.expect("ops/checks/test_new.py:1: unlisted", "examples/new_test.mjs:1: unlisted")
        self.write("CMakeLists.txt", "add_subdirectory(messages)\nadd_script_test(examples/new_test)\n")
        self.expect("ops/checks/test_new.py:1: unlisted")


class Reasons(Tidy):
    def test_each_reason_has_its_page_and_each_page_its_reason(self):
        self.write("messages/reason.hpp", '#pragma once\n{reason::too_deep, "too_deep", "x"},\n{reason::deleted, "deleted", "x"},\n')
        self.write("ops/errors/too_deep.md", "# too_deep\n")
        self.write("ops/errors/README.md", "")
        self.write("ops/errors/gone.md", "# gone\n")
        self.expect("messages/reason.hpp:3: page", "ops/errors/gone.md:1: page")
        self.write("ops/errors/deleted.md", "")
        self.expect("messages/reason.hpp:3: page", "ops/errors/gone.md:1: page")


class Command(Tidy):
    def test_it_prints_the_place_and_exits_with_1(self):
        script = Path(tidy.__file__)
        good = subprocess.run([sys.executable, script, self.root], capture_output=True, text=True)
        self.assertEqual((good.returncode, good.stdout), (0, ""))
        self.write("messages/task.cpp", "int n = rand();\n")
        bad = subprocess.run([sys.executable, script, self.root], capture_output=True, text=True)
        self.assertEqual(bad.returncode, 1)
        self.assertRegex(bad.stdout, r"^messages/task\.cpp:1: chance: chance and new ids come in .*\n$")


if __name__ == "__main__":
    unittest.main()
