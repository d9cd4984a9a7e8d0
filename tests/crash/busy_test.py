#!/usr/bin/env python3
"""Messages that come while a run is under way, with every policy, through kill -9 of batond at the steps that matter: each of
them ends in exactly one way, and a program hears what was said to its run.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import collections
import json
import os
import sys
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from node import FINAL, Node, log_of, wait_until  # noqa: E402

CONFIG = f"""
[session]
retry_first = "100ms"
debounce = "100ms"
[runners.count]
type = "command"
program = "{ROOT}/examples/programs/count_words.py"
mode = "jsonl"
"""
INBOX = "_INBOX.busy"
LINES = 12
TEXT = "\n".join(["a line"] * LINES)
POLICIES = ["enqueue", "steer", "interrupt", "rollback", "reject", "replace", "merge", "debounce"]
# Label -> the passes at which the node is killed. There are eight sessions, each with a run of twelve boundaries and three
# messages that come while it goes on.
POINTS = {
    "append.before": (10, 60),
    "append.stored": (12, 33, 90),
    "answer.before": (1, 4),
    "checkpoint.stored": (20, 70),
    "ack.before": (2, 9),
    "ack.confirmed": (5,),
    "dead_letter.stored": (1,),
}


def count(words, **more):
    return {"runner": "count", "input": words, "options": {"pause": 0.05}, **more}


def messages(policy):
    """What comes for a session, in this order, once its first run is under way."""
    return [("second", count("second", reply_to=f"{INBOX}.{policy}.second")),
            ("third", count("third", when_busy=policy, reply_to=f"{INBOX}.{policy}.third")),
            ("fourth", count("fourth", when_busy=policy))]


class Busy(unittest.TestCase):
    maxDiff = None

    def under_way(self, broker):
        """Sessions whose first run has a checkpoint."""
        return {session for _, session, events in log_of(broker) for event in events
                if event["kind"] == "checkpoint_stored" and event["run"] == "first"}

    def publish(self, broker, node):
        for policy in POLICIES:
            broker.store(f"baton.task.{policy}", {"id": "first", **count(TEXT)})
        wait_until(lambda: node.ended() or len(self.under_way(broker)) == len(POLICIES), "every first run to be under way")
        for policy in POLICIES:
            for task, fields in messages(policy):
                broker.store(f"baton.task.{policy}", {"id": task, **fields})

    def check(self, broker):
        log = log_of(broker)
        refused = [subject for _, subject, _, _ in broker.messages("BATON_DEAD")]
        for policy in POLICIES:
            ends = collections.Counter()
            joined = []
            order = []
            for _, session, events in log:
                for event in events:
                    if session != policy:
                        continue
                    if event["kind"] in FINAL:
                        ends[event["run"]] += 1
                        order.append((event["run"], event["kind"]))
                    if event["kind"] == "message_disposed" and event["disposition"] in ("merged", "injected"):
                        ends[event["run"]] += 1
                        joined.append(event["run"])
            dead = sum(subject.endswith("." + policy) for subject in refused)
            with self.subTest(policy=policy):
                self.assertEqual(set(ends.values()), {1}, f"one end for each message: {order}, joined {joined}")
                self.assertEqual(len(ends) + dead, 4, f"an end for each message: {order}, joined {joined}, dead {dead}")
                self.check_policy(policy, order, joined, dead)

    def check_policy(self, policy, order, joined, dead):
        # Those that gave way end without their turn.
        ended = [run for run, kind in order if kind == "run_completed"]
        self.assertEqual(ended, sorted(ended, key=["first", "second", "third", "fourth"].index), "turns end in stream order")
        kinds = dict(order)
        if policy == "enqueue":
            self.assertEqual(order, [(run, "run_completed") for run in ("first", "second", "third", "fourth")])
        if policy == "steer":
            self.assertEqual((kinds["first"], kinds["second"]), ("run_completed", "run_completed"))
        if policy in ("interrupt", "rollback"):
            self.assertEqual((kinds["first"], kinds["fourth"]), ("run_cancelled", "run_completed"))
        if policy == "reject":
            self.assertEqual((ended, dead), (["first", "second"], 2))
        if policy == "replace":
            self.assertEqual((kinds["first"], kinds["fourth"]), ("run_completed", "run_completed"))
            self.assertIn("run_cancelled", (kinds["second"], kinds["third"]))
        if policy in ("merge", "debounce"):
            # Into the second, or if that had started by then, into each other.
            self.assertTrue({"third", "fourth"} & set(joined), joined)
            self.assertEqual(kinds["second"], "run_completed")

    def crash_at(self, label, nth):
        with Node(BIN, CONFIG) as node:
            node.start(BATON_CRASH_AT=f"{label}:{nth}")
            broker = node.broker()
            self.addCleanup(broker.close)
            broker.subscribe(f"{INBOX}.>")
            self.publish(broker, node)
            node.wait_killed()
            node.start()
            wait_until(lambda: all(broker.stream(s)["state"]["messages"] == 0 for s in ("BATON_TASKS", "BATON_CONTROL")),
                       "every message to be acknowledged")
            self.check(broker)
            self.check_answers(broker)
            self.assertEqual(node.stop(), 0)

    def check_answers(self, broker):
        """Whoever asked for an answer has got one, perhaps two."""
        wanted = {f"{INBOX}.{policy}.{task}" for policy in POLICIES for task in ("second", "third")}
        while wanted:
            wanted.discard(broker.next()[0])

    def test_a_program_hears_what_is_said_to_its_run(self):
        with Node(BIN, CONFIG) as node:
            broker = node.start().broker()
            self.addCleanup(broker.close)
            broker.subscribe(f"{INBOX}.>")
            broker.store("baton.task.s", {"id": "first", **count(TEXT)})
            wait_until(lambda: self.under_way(broker), "the run to be under way")
            broker.store("baton.task.s", {"id": "t2", **count("apple apple", when_busy="steer", reply_to=f"{INBOX}.t2")})
            broker.store("baton.control.s", {"id": "c1", "kind": "steer", "input": "pear", "reply_to": f"{INBOX}.c1"})
            answers = dict((subject, json.loads(payload)) for subject, _, payload in (broker.next(), broker.next()))
            for told in answers.values():
                self.assertEqual((told["verdict"], told["body"]), ("accepted", {"status": "injected", "run": "first"}))
            wait_until(lambda: broker.stream("BATON_TASKS")["state"]["messages"] == 0, "the run to end")
            wait_until(lambda: broker.stream("BATON_CONTROL")["state"]["messages"] == 0, "the steer to be settled")
            words = 2 * LINES + 3
            bodies = [body for _, _, _, body in broker.messages("BATON_LOG")]
            # The result stands in the last commit: {"lines": …, "words": …}, msgpack.
            self.assertIn(b"\xa5words" + bytes([words]), bodies[-1])
            broker.store("baton.control.s", {"id": "c2", "kind": "steer", "run": "first", "input": "late", "reply_to": f"{INBOX}.c2"})
            late = json.loads(broker.next()[2])
            self.assertEqual((late["verdict"], late["body"]["status"]), ("conflict", "completed"))
            self.assertEqual(node.stop(), 0)


def add_tests():
    for label, passes in POINTS.items():
        for nth in passes:
            name = f"test_killed_at_{label.replace('.', '_')}_{nth}"
            setattr(Busy, name, lambda self, label=label, nth=nth: self.crash_at(label, nth))


if __name__ == "__main__":
    add_tests()
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
