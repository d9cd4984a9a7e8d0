#!/usr/bin/env python3
"""kill -9 of batond at each labelled step of a turn, then a restart: DESIGN section 7, rules 1 to 8, as the log shows them.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import glob
import json
import os
import re
import sys
import time
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from log_rules import broken_rules  # noqa: E402
from node import Node, command_of, finals_of, log_of, programs_of, started_at, wait_until  # noqa: E402

CONFIG = f"""
[session]
retry_first = "100ms"
[runners.alone]
type = "command"
program = "{ROOT}/tests/support/programs/stay_alone.py"
mode = "jsonl"
[runners.fail]
type = "command"
program = "false"
"""

INBOX = "_INBOX.crash"

# Label -> the passes at which the node is killed, each in a test of its own. The turns of FIRST make four deliveries, launches
# and starts, and two or more appends and acks; then come the control messages' own.
POINTS = {
    "task.delivered": (1, 5, 12),
    "slice.before_launch": (1, 6),
    "slice.started": (2, 7),
    "spilled.committed": (1,),
    "wake.stored": (1,),
    "append.before": (1, 4, 9),
    "append.stored": (3, 6, 10),
    "checkpoint.stored": (7,),
    "ack.before": (3, 6),
    "ack.confirmed": (4, 7),
    "answer.before": (1, 3),
    "dead_letter.stored": (1, 2),
}

# What producers publish, in this order: session -> [(task, fields)]. The first ones run, or are over, before the rest comes.
FIRST = {
    "stays": [("sleeper", {"runner": "alone", "input": "until go"})],
    "told": [("endless", {"runner": "alone", "input": "for ever"})],
    "marked": [("turn", {"runner": "echo", "input": "x"})],
    "gone": [("turn", {"runner": "echo", "input": "x"})],
}
CONTROLS = {
    "told": {"id": "enough", "kind": "cancel", "run": "endless"},
    "marked": {"id": "naming", "kind": "edit", "title": "A title"},
    "gone": {"id": "away", "kind": "delete"},
}
REST = {
    "quick": [(f"q{i}", {"runner": "echo", "input": f"turn {i}"}) for i in range(6)],
    "asked": [("question", {"runner": "echo", "input": "x", "reply_to": f"{INBOX}.question"})],
    "slow": [("long", {"runner": "alone", "input": "\n".join(f"a line {i}" for i in range(20))}),
             ("after", {"runner": "echo", "input": "after the long one"})],
    "sad": [("doomed", {"runner": "fail", "input": "x"}), ("then", {"runner": "echo", "input": "goes on"})],
    "later": [("appointment", {"runner": "echo", "input": "x", "not_before": "in four seconds"})],
    "lost": [("nobody", {"runner": "no-such-runner", "input": "x"})],
}
EXPECTED = {
    "stays": [("sleeper", "run_completed")],
    "told": [("endless", "run_cancelled")],
    "marked": [("turn", "run_completed")],
    "quick": [(f"q{i}", "run_completed") for i in range(6)],
    "asked": [("question", "run_completed")],
    "slow": [("long", "run_completed"), ("after", "run_completed")],
    "later": [("appointment", "run_completed")],
    "sad": [("doomed", "run_failed"), ("then", "run_completed")],
}


def publish(broker, tasks_by_session):
    for session, tasks in tasks_by_session.items():
        for task, fields in tasks:
            if "not_before" in fields:
                fields = {**fields, "not_before": int(time.time() * 1000) + 4_000}
            broker.store(f"baton.task.{session}", {"id": task, **fields})


def publish_controls(broker):
    for session, fields in CONTROLS.items():
        broker.store(f"baton.control.{session}", {**fields, "reply_to": f"{INBOX}.{fields['id']}"})


def is_empty(broker, stream):
    return broker.stream(stream)["state"]["messages"] == 0


def unguarded(node):
    """The programs alone: a guard may still be ending when what it guarded is gone."""
    return [pid for pid in programs_of(node.data) if "baton-guard" not in "".join(command_of(pid)[:1])]


class CrashPoints(unittest.TestCase):
    def crash_at(self, label, nth):
        with Node(BIN, CONFIG) as node:
            node.start(BATON_CRASH_AT=f"{label}:{nth}")
            broker = node.broker()
            self.addCleanup(broker.close)
            broker.subscribe(f"{INBOX}.*")
            old = self.run_until_killed(node, broker)
            open(os.path.join(node.data, "go"), "w").close()
            node.start()
            # One that was about to become a guard was seen under its node's name.
            left = {pid: command_of(pid) for pid in unguarded(node) if pid in old and started_at(pid) == old[pid]}
            self.assertEqual(left, {}, "programs of the old process")
            self.wait_until_settled(node, broker)
            wait_until(lambda: is_empty(broker, "BATON_WAKES"), "the turn for later to be over")
            self.assertEqual(finals_of(entry for entry in log_of(broker) if entry[1] != "gone"), EXPECTED)
            self.assertEqual(broken_rules(log_of(broker)), [])
            self.check_delay(log_of(broker), is_sure=label in ("spilled.committed", "wake.stored"))
            self.check_controls(log_of(broker))
            self.check_answers(broker)
            # A delete may overtake the turn before it, which is refused then.
            dead = [subject for _, subject, _, _ in broker.messages("BATON_DEAD") if subject != "baton.dead.gone"]
            self.assertEqual(sorted(dead), ["baton.dead.lost", "baton.dead.sad"])
            self.assertGreater(broker.stream("BATON_BLOBS")["state"]["last_seq"], 0, "a checkpoint went into a blob")
            self.assertEqual(glob.glob(os.path.join(node.data, "workspaces/*/overlap")), [], "slices of a session overlapped")
            wait_until(lambda: not programs_of(node.data), "no program to run any more", patience=20)
            self.assertEqual(node.stop(), 0)

    def wait_until_settled(self, node, broker):
        try:
            wait_until(lambda: is_empty(broker, "BATON_TASKS") and is_empty(broker, "BATON_CONTROL"), "every message to be acknowledged")
        except TimeoutError as late:
            left = [message for stream in ("BATON_TASKS", "BATON_CONTROL") for message in broker.messages(stream)]
            raise AssertionError(f"{late}; left: {left}; log: {log_of(broker)}; the node said: {node.text()}") from late

    def run_until_killed(self, node, broker):
        """The programs that ran meanwhile: pid -> start. None of them ends by itself."""
        old = {}

        def is_killed():
            old.update({pid: started_at(pid) for pid in unguarded(node)})
            return node.ended()

        def are_first_at_work():
            over = finals_of(log_of(broker))
            return len(unguarded(node)) >= 2 and "marked" in over and "gone" in over

        publish(broker, FIRST)
        wait_until(lambda: is_killed() or are_first_at_work(), "the first turns to be at work")
        if not is_killed():
            self.assertGreaterEqual(len(old), 2)
        publish_controls(broker)
        publish(broker, REST)
        wait_until(is_killed, "batond to die")
        node.wait_killed()
        return old

    def check_controls(self, log):
        kinds = [event["kind"] for _, session, events in log if session == "marked" for event in events]
        self.assertEqual(kinds.count("session_edited"), 1)
        # Its turn is over, or was cancelled by the very commit.
        gone = [[event["kind"] for event in events if event["kind"] != "run_cancelled"] for _, session, events in log if session == "gone"]
        self.assertEqual(gone, [["session_deleted"]], "the tombstone alone is left")

    def check_delay(self, log, is_sure):
        """One commit says until when, and nothing starts before. What was not delivered before its time, simply runs."""
        events = [event for _, session, events in log if session == "later" for event in events if event.get("run") == "appointment"]
        delays = [event for event in events if event.get("disposition") == "delayed"]
        self.assertIn(len(delays), (1,) if is_sure else (0, 1), events)
        self.assertTrue(all(event["at"] >= delay["due"] for delay in delays for event in events if event is not delay), events)

    def check_answers(self, broker):
        """At least one each, of what is stored; a repeated one may say so."""
        verdicts = {}
        while not {"question", *(fields["id"] for fields in CONTROLS.values())} <= verdicts.keys():
            subject, _, payload = broker.next(patience=10)
            if subject.startswith(INBOX):
                verdicts.setdefault(subject.rsplit(".", 1)[1], set()).add(json.loads(payload)["verdict"])
        for asked, said in verdicts.items():
            self.assertLessEqual(said, {"accepted", "duplicate"}, asked)

    def test_every_label_in_the_source_is_armed(self):
        labels = set()
        for path in glob.glob(os.path.join(ROOT, "actors/**/*.cpp"), recursive=True):
            with open(path) as file:
                labels.update(re.findall(r'\bcrash_point\("([^"]+)"\)', file.read()))
        self.assertEqual(labels, set(POINTS))


def add_tests():
    for label, passes in POINTS.items():
        for nth in passes:
            def crash(self, label=label, nth=nth):
                self.crash_at(label, nth)
            setattr(CrashPoints, f"test_{label.replace('.', '_')}_{nth}", crash)


add_tests()

if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
