#!/usr/bin/env python3
"""Starts of batond that cannot succeed, or not at once: each ends with a line for a person and an exit code.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import ctypes
import os
import sys
import tempfile
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from node import Node, wait_until  # noqa: E402
from server import Server  # noqa: E402

CANNOT_RUN, BAD_USAGE = 1, 2


def share_lock_of(node):
    """The node's own descriptor of its lock, as a child has it that was killed between fork and exec. For as long as it is open."""
    folder = f"/proc/{node.process.pid}/fd"
    number = next(fd for fd in os.listdir(folder) if os.readlink(f"{folder}/{fd}") == os.path.join(node.data, "lock"))
    get_fd_of_process = 438
    return ctypes.CDLL(None, use_errno=True).syscall(get_fd_of_process, os.pidfd_open(node.process.pid), int(number), 0)


class Start(unittest.TestCase):
    def test_one_node_at_a_time_has_the_directory_and_a_dead_one_has_it_no_more(self):
        with Node(BIN) as node, Node(BIN) as second:
            node.start()
            second.data = node.data
            second.launch()
            self.assertEqual(second.process.wait(30), CANNOT_RUN)
            self.assertIn(f"another batond (process {node.process.pid}) uses {node.data}", second.text())
            shared = share_lock_of(node)
            self.assertGreater(shared, 0)
            node.kill()
            node.start()
            os.close(shared)
            self.assertIn(" listens", node.text())
            self.assertEqual(node.stop(), 0)

    def test_sigterm_is_heard_while_the_private_server_starts(self):
        with Node(BIN) as node:
            program = os.path.join(node.dir, "nats-server")
            with open(program, "w") as file:
                file.write("#!/bin/sh\n[ \"$1\" = --version ] && echo 'nats-server: v2.11.3' && exit 0\nexec sleep 1000\n")
            os.chmod(program, 0o700)
            with open(node.config, "w") as file:
                file.write(f'[broker]\nserver_program = "{program}"\n')
            node.launch()
            wait_until(lambda: os.path.exists(os.path.join(node.data, "nats/server.group")), "the server to be started")
            node.process.terminate()
            self.assertEqual(node.process.wait(30), CANNOT_RUN)
            self.assertIn("asked to stop while the private nats-server started", node.text())
            self.assertFalse(os.path.exists(os.path.join(node.data, "nats/server.group")))

    def test_too_few_descriptors_are_told(self):
        """With one more each time, so that each part in turn is the one that gets none."""
        refused = 0
        with Server() as server, tempfile.TemporaryDirectory() as limited:
            for descriptors in range(8, 200):
                with open(os.path.join(limited, "batond"), "w") as file:
                    file.write(f"#!/bin/sh\nulimit -n {descriptors}\nexec {BIN}/batond \"$@\"\n")
                os.chmod(file.name, 0o700)
                with Node(limited, "", ["--nats", server.url]) as node:
                    node.launch()
                    wait_until(lambda: node.ended() or " listens" in node.text() or "trying again" in node.text(), "an end or a start")
                    if " listens" in node.text():
                        break
                    if not node.ended():
                        node.kill()
                        continue
                    self.assertEqual(node.process.returncode, CANNOT_RUN, f"with {descriptors} descriptors:\n{node.text()}")
                    refused += "the system refuses what it needs" in node.text()
        self.assertGreater(refused, 0)

    def test_a_check_names_every_runner_whose_program_cannot_be_run(self):
        with tempfile.TemporaryDirectory() as folder:
            plain = os.path.join(folder, "plain")
            open(plain, "w").close()
            config = "".join(f'[runners.{name}]\ntype = "command"\nprogram = "{program}"\n' for name, program in (
                ("gone", os.path.join(folder, "gone")), ("plain", plain), ("cat", "cat"), ("unknown", "no-such-program")))
            with Node(BIN, config, ["--check-config"]) as node:
                node.launch()
                self.assertEqual(node.process.wait(30), BAD_USAGE)
                said = node.text()
            for fault in ("runners.gone.program = .*cannot be run: No such file", "runners.plain.program = .*it is not executable",
                          "runners.unknown.program = .*no program of that name is on PATH"):
                self.assertRegex(said, fault)
            self.assertNotIn("runners.cat", said)
            with Node(BIN, config) as node:
                self.assertRegex(node.start().text(), "warning.* runners.gone.program = .*cannot be run")

    def test_a_loss_is_accepted_only_when_that_is_said(self):
        with Server() as server, Node(BIN, "", ["--nats", server.url]) as node:
            broker = node.start().broker()
            self.addCleanup(broker.close)
            self.assertEqual(node.stop(), 0)
            broker.request("$JS.API.STREAM.DELETE.BATON_LOG", b"")
            node.start()
            self.assertEqual(node.process.wait(30), CANNOT_RUN)
            self.assertIn("--broker.accept-loss", node.text())
            node.arguments.append("--broker.accept-loss")
            self.assertIn(" listens", node.start().text())
            self.assertEqual(node.stop(), 0)
            node.arguments.pop()
            self.assertIn(" listens", node.start().text())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
