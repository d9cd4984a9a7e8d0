#!/usr/bin/env python3
"""kill -9 of batond at each labelled step of a turn, then a restart: DESIGN section 7, rules 1 to 8, as the log shows them.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import os
import sys
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from node import Node, finals_of, log_of, programs_of, wait_until  # noqa: E402

CONFIG = f"""
[session]
retry_first = "100ms"
[runners.count]
type = "command"
program = "{ROOT}/examples/programs/count_words.py"
mode = "jsonl"
[runners.fail]
type = "command"
program = "false"
"""

# What producers publish: session -> [(task, fields)], in this order.
TASKS = {
    "quick": [(f"q{i}", {"runner": "echo", "input": f"turn {i}"}) for i in range(6)],
    "slow": [("long", {"runner": "count", "input": "\n".join(f"a line {i}" for i in range(20))}),
             ("after", {"runner": "echo", "input": "after the long one"})],
    "sad": [("doomed", {"runner": "fail", "input": "x"}), ("then", {"runner": "echo", "input": "goes on"})],
    "lost": [("nobody", {"runner": "no-such-runner", "input": "x"})],
}
EXPECTED = {
    "quick": [(f"q{i}", "run_completed") for i in range(6)],
    "slow": [("long", "run_completed"), ("after", "run_completed")],
    "sad": [("doomed", "run_failed"), ("then", "run_completed")],
}


def publish_all(broker):
    for session, tasks in TASKS.items():
        for task, fields in tasks:
            broker.store(f"baton.task.{session}", {"id": task, **fields})


class CrashPoints(unittest.TestCase):
    def crash_at(self, label):
        with Node(BIN, CONFIG) as node:
            node.start(BATON_CRASH_AT=label)
            broker = node.broker()
            self.addCleanup(broker.close)
            publish_all(broker)
            node.wait_killed()
            node.start()
            wait_until(lambda: broker.stream("BATON_TASKS")["state"]["messages"] == 0, "every task to be acknowledged")
            wait_until(lambda: finals_of(log_of(broker)) == EXPECTED, f"every run to end once, in order: {finals_of(log_of(broker))}",
                       patience=20)
            self.check_log(log_of(broker))
            dead = broker.stream("BATON_DEAD")["state"]["messages"]
            self.assertEqual(dead, 2, "one dead letter for the failed run, one for the refused task")
            wait_until(lambda: not programs_of(node.data), "no program to run any more", patience=20)
            self.assertEqual(node.stop(), 0)

    def check_log(self, log):
        epochs = {}
        for seq, session, events in log:
            for event in events:
                self.assertGreaterEqual(event["epoch"], epochs.get(session, 0), f"a stale owner wrote commit {seq}")
                epochs[session] = event["epoch"]
        ended = set()
        for seq, session, events in log:
            for event in events:
                if event["kind"] in ("slice_started", "checkpoint_stored"):
                    self.assertNotIn((session, event["run"]), ended, f"commit {seq} goes on with a run that has ended")
                if event["kind"].startswith("run_") and event["kind"] in ("run_completed", "run_failed", "run_cancelled"):
                    self.assertNotIn((session, event["run"]), ended, f"commit {seq} ends a run again")
                    ended.add((session, event["run"]))

    def test_task_delivered(self):
        self.crash_at("task.delivered")

    def test_task_delivered_later(self):
        self.crash_at("task.delivered:5")

    def test_slice_before_launch(self):
        self.crash_at("slice.before_launch:2")

    def test_slice_started(self):
        self.crash_at("slice.started:3")

    def test_append_before(self):
        self.crash_at("append.before:2")

    def test_append_stored(self):
        self.crash_at("append.stored:3")

    def test_checkpoint_stored(self):
        self.crash_at("checkpoint.stored:7")

    def test_ack_before(self):
        self.crash_at("ack.before:2")

    def test_ack_confirmed(self):
        self.crash_at("ack.confirmed:2")

    def test_dead_letter_stored(self):
        self.crash_at("dead_letter.stored")

    def test_second_dead_letter_stored(self):
        self.crash_at("dead_letter.stored:2")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
