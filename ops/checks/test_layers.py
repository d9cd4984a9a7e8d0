#!/usr/bin/env python3
"""layers.py finds each wrong arrow, and passes the right ones."""

import subprocess
import sys
import unittest
from pathlib import Path

import layers
from small_tree import SmallTree

RIGHT = {
    "config/options.hpp": "#include <chrono>\n",
    "config/load.cpp": '#include "config/options.hpp"\n#include <toml++/toml.h>\n',
    "messages/task.hpp": "#include <string>\n",
    "messages/codec.cpp": '#include "messages/task.hpp"\n#include <msgpack.hpp>\n#include <nlohmann/json.hpp>\n',
    "messages/digest.cpp": "#include <openssl/evp.h>\n",
    "actors/ports/runner.hpp": '#include "messages/task.hpp"\n',
    "actors/session/machine.hpp": '#include "messages/task.hpp"\n#include "config/options.hpp"\n',
    "actors/session/actor.cpp": '#include "actors/session/machine.hpp"\n#include "actors/ports/runner.hpp"\n#include <caf/all.hpp>\n',
    "bridge/nats/log.hpp": '#include "actors/ports/runner.hpp"\n#include <nats/nats.h>\n',
    "bridge/process/child.cpp": "#include <sys/wait.h>\n#include <unistd.h>\n#include <uv.h>\n",
    "ops/batond/wiring.cpp": '#include "actors/session/machine.hpp"\n#include "bridge/nats/log.hpp"\n#include <caf/all.hpp>\n',
    "tests/unit/task_test.cpp": '#include "messages/task.hpp"\n#include <catch2/catch_test_macros.hpp>\n#include <nats.h>\n',
    "examples/producer.cpp": "#include <nats.h>\n#include <msgpack.hpp>\n",
}


class Layers(SmallTree):
    def setUp(self):
        super().setUp()
        self.write_all(RIGHT)

    def expect(self, *findings):
        self.assertEqual(self.found(layers.check(self.root)), sorted(findings))

    def test_the_right_arrows_pass(self):
        self.expect()

    def test_a_lower_layer_may_not_include_a_higher_one(self):
        self.write("messages/bad.hpp", '#pragma once\n#include "actors/ports/runner.hpp"\n')
        self.write("config/options.hpp", '#include "messages/task.hpp"\n')
        self.write("actors/ports/bad.hpp", '#include "actors/session/machine.hpp"\n')
        self.expect("messages/bad.hpp:2: layer", "config/options.hpp:1: layer", "actors/ports/bad.hpp:1: layer")

    def test_actors_and_bridge_do_not_know_each_other(self):
        self.write("actors/session/bad.cpp", '#include "bridge/nats/log.hpp"\n')
        self.write("bridge/nats/bad.cpp", '#include "actors/session/machine.hpp"\n')
        self.expect("actors/session/bad.cpp:1: layer", "bridge/nats/bad.cpp:1: layer")

    def test_actors_and_bridge_meet_only_in_the_wiring(self):
        self.write("actors/session/actor.hpp", "")
        self.write("ops/batond/main.cpp", '#include "actors/session/actor.hpp"\n#include "bridge/nats/log.hpp"\n')
        self.write("ops/batond/wiring.cpp", '#include "actors/session/actor.hpp"\n#include "bridge/nats/log.hpp"\n')
        self.expect("ops/batond/main.cpp:2: meeting")

    def test_nothing_includes_tests_or_ops(self):
        self.write("ops/batond/main.hpp", "")
        self.write("tests/support/world.hpp", "")
        self.write("bridge/nats/bad.cpp", '#include "ops/batond/main.hpp"\n#include "tests/support/world.hpp"\n')
        self.expect("bridge/nats/bad.cpp:1: layer", "bridge/nats/bad.cpp:2: layer")

    def test_an_example_includes_nothing_of_ours(self):
        self.write("examples/bad.cpp", '#include "messages/task.hpp"\n#include "actors/ports/runner.hpp"\n#include "config/options.hpp"\n')
        self.expect(*(f"examples/bad.cpp:{n}: layer" for n in (1, 2, 3)))

    def test_only_the_options_of_config_are_for_all(self):
        self.write("config/load.hpp", "")
        self.write("actors/session/bad.cpp", '#include "config/load.hpp"\n')
        self.expect("actors/session/bad.cpp:1: layer")

    def test_a_library_has_its_one_place(self):
        self.write("bridge/process/bad.cpp", "#include <nats/nats.h>\n#include <msgpack.hpp>\n#include <caf/actor.hpp>\n")
        self.write("messages/task.cpp", "#include <nlohmann/json.hpp>\n#include <spdlog/spdlog.h>\n")
        self.write("ops/baton/bad.cpp", "#include <caf/all.hpp>\n#include <catch2/catch_all.hpp>\n")
        self.expect(*(f"bridge/process/bad.cpp:{n}: library" for n in (1, 2, 3)), "messages/task.cpp:1: library",
                    "messages/task.cpp:2: library", "ops/baton/bad.cpp:1: library", "ops/baton/bad.cpp:2: library")

    def test_a_machine_and_a_port_know_the_standard_library_alone(self):
        self.write("actors/session/machine_parts.cpp", "#include <caf/all.hpp>\n#include <unistd.h>\n")
        self.write("actors/ports/bad.hpp", "#include <caf/fwd.hpp>\n")
        self.expect("actors/session/machine_parts.cpp:1: library", "actors/session/machine_parts.cpp:2: library",
                    "actors/ports/bad.hpp:1: library")

    def test_what_the_machines_target_lists_is_a_machine(self):
        self.write("actors/CMakeLists.txt", "add_library(baton_machines STATIC\n  session/admission.cpp # pure\n)\n")
        self.write("actors/session/admission.hpp", '#include "config/load.hpp"\n')
        self.write("config/load.hpp", "")
        self.write("actors/session/admission.cpp", '#include "actors/session/admission.hpp"\n#include <caf/all.hpp>\n')
        self.expect("actors/session/admission.hpp:1: layer", "actors/session/admission.cpp:2: library")

    def test_what_a_machine_includes_is_a_part_of_it(self):
        self.write("actors/session/machine.hpp", '#include "actors/session/state.hpp"\n')
        self.write("actors/session/state.hpp", '#include "messages/task.hpp"\n#include "actors/session/waits.hpp"\n')
        self.write("actors/session/waits.hpp", "")
        self.expect()
        self.write("actors/session/waits.hpp", '#include "bridge/nats/log.hpp"\n#include <caf/fwd.hpp>\n')
        self.expect("actors/session/waits.hpp:1: layer", "actors/session/waits.hpp:2: library")

    def test_a_machine_does_not_include_its_shell(self):
        self.write("actors/session/actor.hpp", "#include <caf/all.hpp>\n")
        self.write("actors/session/machine.hpp", '#include "actors/session/actor.hpp"\n')
        self.expect("actors/session/machine.hpp:1: layer")

    def test_an_actor_does_not_talk_to_the_system(self):
        self.write("actors/session/bad.cpp", "#include <sys/socket.h>\n#include <fcntl.h>\n")
        self.expect("actors/session/bad.cpp:1: system", "actors/session/bad.cpp:2: system")

    def test_an_unknown_library_needs_a_line_in_the_table(self):
        self.write("bridge/nats/bad.cpp", "#include <boost/asio.hpp>\n")
        self.expect("bridge/nats/bad.cpp:1: library")

    def test_paths_are_written_from_the_root_and_exist(self):
        self.write("messages/bad.cpp", '#include "task.hpp"\n#include "messages/../config/options.hpp"\n#include "messages/gone.hpp"\n')
        self.expect("messages/bad.cpp:1: path", "messages/bad.cpp:2: path", "messages/bad.cpp:3: missing")

    def test_a_cycle_of_headers_is_found(self):
        self.write("messages/a.hpp", '#include "messages/b.hpp"\n')
        self.write("messages/b.hpp", '#include "messages/c.hpp"\n')
        self.write("messages/c.hpp", '#include "messages/a.hpp"\n')
        self.expect("messages/a.hpp:1: cycle")

    def test_an_include_in_a_comment_or_a_literal_does_not_count(self):
        self.write("messages/good.cpp", '// #include <caf/all.hpp>\n/*\n#include "bridge/x.hpp"\n*/\nauto text = R"(\n#include <uv.h>\n)";\n')
        self.expect()

    def test_the_command_prints_the_place_and_exits_with_1(self):
        script = Path(layers.__file__)
        good = subprocess.run([sys.executable, script, self.root], capture_output=True, text=True)
        self.assertEqual((good.returncode, good.stdout), (0, ""))
        self.write("messages/bad.hpp", '#include "config/load.cpp"\n')
        bad = subprocess.run([sys.executable, script, self.root], capture_output=True, text=True)
        self.assertEqual(bad.returncode, 1)
        self.assertRegex(bad.stdout, r"^messages/bad\.hpp:1: layer: messages may include options; not config .*\n$")


if __name__ == "__main__":
    unittest.main()
