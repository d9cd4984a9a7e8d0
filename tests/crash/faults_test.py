#!/usr/bin/env python3
"""Real kills: of the broker in the middle of many turns, of the node by one of its own programs, of the node under load.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import os
import signal
import sys
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from broker import Broker  # noqa: E402
from node import Node, finals_of, log_of, programs_of, wait_until  # noqa: E402

TURNS, SESSIONS = 1000, 40


def publish_turns(broker, runner="echo"):
    """Round robin over the sessions; what must be found in the end."""
    expected = {}
    for i in range(TURNS):
        session, task = f"s{i % SESSIONS}", f"t{i}"
        broker.store(f"baton.task.{session}", {"id": task, "runner": runner, "input": str(i)})
        expected.setdefault(session, []).append((task, "run_completed"))
    return expected


class Faults(unittest.TestCase):
    def connect(self, node):
        broker = node.broker()
        self.addCleanup(broker.close)
        return broker

    def finish(self, broker, expected, patience=90):
        wait_until(lambda: broker.stream("BATON_TASKS")["state"]["messages"] == 0, "every task to be acknowledged", patience)
        self.assertEqual(finals_of(log_of(broker)), expected)

    def connect_again(self, node):
        def attempt():
            try:
                return Broker(node.url(), patience=5)
            except (OSError, TimeoutError):
                return None
        broker = wait_until(attempt, "the broker to come back")
        self.addCleanup(broker.close)
        return broker

    def publish_while_paused(self, node, broker):
        """The node sleeps meanwhile, so that all turns lie before it when it wakes."""
        node.process.send_signal(signal.SIGSTOP)
        expected = publish_turns(broker)
        node.process.send_signal(signal.SIGCONT)
        return expected

    def test_broker_is_killed_in_the_middle_of_a_thousand_turns(self):
        with Node(BIN, "[node]\nslots = 1\n") as node:
            broker = self.connect(node.start())
            expected = self.publish_while_paused(node, broker)
            wait_until(lambda: broker.stream("BATON_LOG")["state"]["messages"] > 20, "the first commits")
            os.kill(node.broker_pid(), signal.SIGKILL)
            broker = self.connect_again(node)
            self.assertLess(broker.stream("BATON_LOG")["state"]["messages"], TURNS, "the kill came in the middle")
            self.finish(broker, expected)
            self.assertFalse(node.ended(), "batond lives through it")

    def test_node_is_killed_again_and_again_under_load(self):
        with Node(BIN, "[node]\nslots = 1\n") as node:
            broker = self.connect(node.start())

            def commits():
                return broker.stream("BATON_LOG")["state"]["messages"]

            before = commits()
            expected = self.publish_while_paused(node, broker)
            for _ in range(3):
                wait_until(lambda: commits() > before, "a commit by this life")
                node.kill()
                before = commits()
                self.assertLess(before, TURNS, "it was killed at work")
                node.start()
            self.finish(broker, expected)

    def test_poison_that_kills_its_node_ends_alone(self):
        innocents = 4
        with Node(BIN) as node:
            lock = os.path.join(node.data, "lock")
            with open(node.config, "w") as file:
                file.write(f"""
[session]
slice_commit_after = "100ms"
max_attempts = 3
[runners.poison]
type = "command"
program = "{ROOT}/tests/support/programs/kill_the_node.py"
env = {{ NODE_LOCK = "{lock}" }}
[runners.count]
type = "command"
program = "{ROOT}/examples/programs/count_words.py"
mode = "jsonl"
""")
            broker = self.connect(node.start())
            expected = {}
            for i in range(innocents):
                broker.store(f"baton.task.good{i}", {"id": "g", "runner": "count", "input": "a line\n" * 30})
                expected[f"good{i}"] = [("g", "run_completed")]
            broker.store("baton.task.bad", {"id": "p", "runner": "poison", "input": ""})
            broker.store("baton.task.bad", {"id": "after", "runner": "echo", "input": "next"})
            expected["bad"] = [("p", "run_failed"), ("after", "run_completed")]

            def settled():
                if node.ended():
                    node.wait_killed()
                    self.assertLess(node.starts, 10, "the poison must not kill the node for ever")
                    node.start()
                return broker.stream("BATON_TASKS")["state"]["messages"] == 0
            wait_until(settled, "everything to end", patience=120)
            self.assertEqual(finals_of(log_of(broker)), expected)
            dead = [events for _, subject, headers, _ in broker.messages("BATON_DEAD") for events in [dict(headers)]]
            self.assertEqual(len(dead), 1)
            self.assertIn('"code":"max_attempts"', dead[0]["Baton-Event"])
            wait_until(lambda: not programs_of(node.data), "no program to run any more", patience=20)

    def test_node_whose_own_actor_ends_by_a_bug_ends_with_its_programs(self):
        with Node(BIN, "[runners.sleep]\ntype = \"command\"\nprogram = \"sleep\"\nargs = [\"1000\"]\n") as node:
            broker = self.connect(node.start(BATON_CRASH_AT="node.beat:3"))
            broker.store("baton.task.s", {"id": "t", "runner": "sleep", "input": ""})
            wait_until(lambda: programs_of(node.data), "the program to run")
            self.assertEqual(node.process.wait(60), 70)
            self.assertEqual(programs_of(node.data), [])
            self.assertIn("the node actor has ended, which is a bug", node.text())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
