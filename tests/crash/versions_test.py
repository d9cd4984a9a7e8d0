#!/usr/bin/env python3
"""Records that a node cannot read, because a newer one wrote them or because they were damaged: that session waits and says so, the
others go on, nothing is lost, and it goes on once somebody has mended it.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import json
import os
import subprocess
import sys
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from node import Node, finals_of, log_of, wait_until  # noqa: E402

# Of a body: the key, and the number under which a node of this version writes.
SCHEMA = b"\xa6schema\x01"
NEWER = b"\xa6schema\x02"
REFUSED = 4


class Versions(unittest.TestCase):
    def setUp(self):
        self.node = self.enterContext(Node(BIN)).start()
        self.broker = self.node.broker()
        self.addCleanup(self.broker.close)

    def turn(self, session, task):
        self.broker.store(f"baton.task.{session}", {"id": task, "runner": "echo", "input": "x"})

    def wait_for_end(self, session, *tasks):
        wanted = [(task, "run_completed") for task in tasks]
        wait_until(lambda: finals_of(log_of(self.broker)).get(session) == wanted, f"the end of {tasks} of {session}")

    def baton(self, *arguments):
        return subprocess.run([os.path.join(BIN, "baton"), *arguments, "--data-dir", self.node.data], capture_output=True, text=True, timeout=60)

    def last_of(self, session):
        """The subject, the sequence and the body of its newest commit."""
        found = [(subject, seq, body) for seq, subject, _, body in self.broker.messages("BATON_LOG") if subject.endswith("." + session)]
        return found[-1]

    def spoil(self, session, body):
        """Something else stands in its log now; the sequence."""
        subject, _, _ = self.last_of(session)
        return self.broker.store(subject, body)

    def check_it_waits_and_goes_on(self, session, spoilt, says):
        self.turn(session, "t2")
        self.turn("well", "u1")
        self.wait_for_end("well", "u1")
        wait_until(lambda: f"session {session} keeps ending in error" in self.node.text(), "the node to say so")
        self.assertIn("its log cannot be read", self.node.text())
        shown = self.baton("show", session)
        self.assertEqual(shown.returncode, REFUSED, shown.stdout + shown.stderr)
        self.assertIn(says, shown.stderr)
        self.assertEqual(self.broker.stream("BATON_TASKS")["state"]["messages"], 1)
        # Mended: by a newer node that took it over, or here, by hand.
        self.broker.request("$JS.API.STREAM.MSG.DELETE.BATON_LOG", json.dumps({"seq": spoilt}).encode())
        self.assertEqual(self.baton("unstick", session).returncode, 0)
        self.wait_for_end(session, "t1", "t2")
        wait_until(lambda: self.broker.stream("BATON_TASKS")["state"]["messages"] == 0, "the task to be acknowledged")

    def test_a_session_that_a_newer_node_wrote_waits_for_one(self):
        self.turn("later", "t1")
        self.wait_for_end("later", "t1")
        _, _, body = self.last_of("later")
        self.assertIn(SCHEMA, body)
        self.check_it_waits_and_goes_on("later", self.spoil("later", body.replace(SCHEMA, NEWER)), "unknown_version")

    def test_a_session_whose_log_is_damaged_waits_to_be_mended(self):
        self.turn("torn", "t1")
        self.wait_for_end("torn", "t1")
        _, _, body = self.last_of("torn")
        self.check_it_waits_and_goes_on("torn", self.spoil("torn", body[:len(body) // 2]), "cannot be read")

    def test_a_task_of_a_later_version_is_refused(self):
        self.broker.subscribe("baton.refused.>")
        self.broker.store("baton.task.s", {"version": 2, "id": "t1", "runner": "echo", "input": "x"})
        headers = self.broker.next()[1]
        self.assertIn("unknown_version", str(headers))
        self.turn("s", "t2")
        self.wait_for_end("s", "t2")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
