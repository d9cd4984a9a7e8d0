#!/usr/bin/env python3
"""Every state in which work remains (DESIGN section 3, "what brings a session back"): the node is killed there; what it acknowledges
from there on never arrives, and it is killed; what it acknowledges is never confirmed, and it is killed. Each time all ends as it
would have, once, in order.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import collections
import dataclasses
import fcntl
import json
import os
import sys
import tempfile
import time
import unittest

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from broker import Broker  # noqa: E402
from log_rules import broken_rules  # noqa: E402
from node import Node, finals_of, log_of, programs_of, wait_until  # noqa: E402
from server import Server  # noqa: E402
from sieve import Sieve  # noqa: E402

INBOX = "_INBOX.states"
ACKS = "$JS.ACK."
LETTERS = "baton.dead."
GATES = ("a", "b")
CONFIG = """
[node]
slots = {slots}
[session]
settle = "10m"
retry_first = "1h"
retry_longest = "1h"
debounce = "1h"
debounce_longest = "1h"
{session}
[runners.gates]
type = "command"
program = "{root}/tests/support/programs/gates.py"
args = ["{folder}"]
mode = "jsonl"
"""


# ---- the steps that bring a state about, and let it go on. Each is a function of the world; session `s` if nothing else is said.
def turn(task, *script, session="s", **fields):
    return lambda w: w.publish("task", session, {"id": task, "runner": "gates", "input": "\n".join(script), **fields})


def later(task, *script):
    """A turn that is delayed, and due soon."""
    def publish(w):
        turn(task, *script, not_before=int(time.time() * 1000) + 3_000)(w)
    return publish


def control(message, kind, **fields):
    return lambda w: w.publish("control", "s", {"id": message, "kind": kind, **fields})


def stands_at(gate, run="t1", session="s"):
    """A program does, now."""
    return lambda w: wait_until(lambda: f"{session} {run} at {gate}" in w.marks(), f"{run} to stand at gate {gate}")


def opened(*gates):
    return lambda w: w.open_gates(gates)


def in_hand(tasks, controls=0):
    """So many messages are delivered and not acknowledged."""
    return lambda w: wait_until(lambda: w.in_hand("BATON_TASKS") == tasks and w.in_hand("BATON_CONTROL") == controls, f"{tasks} tasks and {controls} controls to be in hand")


def stored(kind, run=None):
    return lambda w: wait_until(lambda: any(e["kind"] == kind and run in (None, e.get("run")) for e in w.events()), f"{kind} of {run} to be stored")


def swallowed(*subjects):
    """From now on, until the node dies."""
    return lambda w: w.link.swallow(*subjects)


def has_tried(subject):
    return lambda w: wait_until(lambda: w.link.swallowed[subject], f"a message to {subject}")


def unreadable():
    return lambda w: w.spoil()


def mended():
    return lambda w: w.mend()


def has_said(text):
    return lambda w: wait_until(lambda: text in w.node.text(), f"the node to say {text}")


@dataclasses.dataclass
class State:
    how: list
    # (run, kind), in this order.
    ends: list
    # Messages that joined a run: id -> disposition.
    joined: dict = dataclasses.field(default_factory=dict)
    # Messages with a dead letter -> reason.
    letters: dict = dataclasses.field(default_factory=dict)
    # What is told to those that ask, apart from the runs that end: id -> (verdicts, status).
    told: dict = dataclasses.field(default_factory=dict)
    # What is seen outside exactly once; and at least twice, because it is repeated.
    once: tuple = ()
    again: tuple = ()
    # What it needs to go on: of a node that was killed there, of one that lives on, of both.
    then: list = dataclasses.field(default_factory=list)
    then_alive: list = dataclasses.field(default_factory=list)
    # Events that stand in the log once.
    kept: tuple = ()
    slots: int = 8
    session: str = ""


def completed(*runs):
    return [(run, "run_completed") for run in runs]


def cancelled(*runs):
    return [(run, "run_cancelled") for run in runs]


def failed(*runs):
    return [(run, "run_failed") for run in runs]


ONE_IN_MEMORY = "in_memory_max = 1"
NO_COMMIT_AT_START = 'slice_commit_after = "10m"'
COMMIT_AT_START = 'slice_commit_after = "10ms"'
YIELD_TO_OTHERS = 'slice_share = "50ms"'
LOST = (INBOX, ACKS)
RUNS = [turn("t1", "gate a"), stands_at("a")]
HAS_CHECKPOINT = [turn("t1", "mark before", "checkpoint", "gate a", "mark after"), stands_at("a")]
# `t1` waits for the slot that another session's run has.
HAS_YIELDED = [turn("t1", "mark before", "checkpoint", "gate a", "until yield", "obey", "mark after"), stands_at("a"), turn("t2"),
               turn("o1", "gate b", session="other"), in_hand(3), opened("a"), stored("run_yielded", "t1"), stands_at("b", "o1", "other")]
WAITS_FOR_RETRY = [turn("t1", "mark before", "checkpoint", "fail", "mark after"), stored("run_retry_scheduled", "t1"), turn("t2"), in_hand(2)]
OBEYS_LATE = ("until cancel", "gate b", "obey")
WAKES = "baton.wake."
THEN_ANOTHER = [stored("run_completed", "t1"), turn("t2"), stored("run_completed", "t2")]
CANCELLED = {"c1": ({"accepted", "duplicate"}, "cancelled")}

STATES = {
    "a turn is queued":
        State([*RUNS, turn("t2"), turn("t3"), in_hand(3)], completed("t1", "t2", "t3")),
    "a turn is queued beyond memory":
        State([*RUNS, *(turn(f"t{n}") for n in range(2, 7)), in_hand(6)], completed(*(f"t{n}" for n in range(1, 7))), session=ONE_IN_MEMORY),
    "the first slice runs and the log does not know":
        State([turn("t1", "mark before", "gate a"), stands_at("a"), turn("t2"), in_hand(2)], completed("t1", "t2"), session=NO_COMMIT_AT_START),
    "the first slice runs":
        State([*RUNS, stored("slice_started", "t1"), turn("t2"), in_hand(2)], completed("t1", "t2"), session=COMMIT_AT_START),
    "a run has a checkpoint":
        State([*HAS_CHECKPOINT, turn("t2"), in_hand(2)], completed("t1", "t2"), once=("s t1 before", "s t1 after")),
    "a run has yielded":
        State(HAS_YIELDED, completed("t1", "t2"), once=("s t1 before", "s t1 after"), slots=1, session=YIELD_TO_OTHERS),
    "a run waits for its next attempt":
        State(WAITS_FOR_RETRY, completed("t1", "t2"), once=("s t1 before", "s t1 after"), then=[control("c1", "unstick")],
              told={"c1": ({"accepted", "duplicate"}, None)}),
    "a run has ended and nobody was told":
        State([swallowed(*LOST), turn("t1", "mark done"), turn("t2"), stored("run_completed", "t2")], completed("t1", "t2"), once=("s t1 done",)),
    "a dead letter is not confirmed":
        State([swallowed(LETTERS), turn("t1", "break"), turn("t2"), stored("run_completed", "t2"), has_tried(LETTERS)],
              failed("t1") + completed("t2"), letters={"t1": "runner_failed"}),
    "a refusal's letter is not confirmed":
        State([swallowed(LETTERS), turn("t1", runner="nobody"), turn("t2"), stored("run_completed", "t2"), has_tried(LETTERS)],
              completed("t2"), letters={"t1": "unknown_runner"}, told={"t1": ({"refused"}, None)}),
    "a refusal of that moment has no letter yet":
        State([*RUNS, swallowed(LETTERS), turn("t2", when_busy="reject"), turn("t3"), has_tried(LETTERS)],
              completed("t1", "t3"), letters={"t2": "session_busy"}, told={"t2": ({"refused"}, None)}),

    "a queued turn is cancelled and nobody was told":
        State([*RUNS, turn("t2"), turn("t3"), in_hand(3), swallowed(*LOST), control("c1", "cancel", run="t2"), stored("run_cancelled", "t2")],
              cancelled("t2") + completed("t1", "t3"), told=CANCELLED),
    "a turn beyond memory is cancelled and nobody was told":
        State([*RUNS, turn("t2"), turn("t3"), turn("t4"), in_hand(4), swallowed(*LOST), control("c1", "cancel", run="t4"), stored("run_cancelled", "t4")],
              cancelled("t4") + completed("t1", "t2", "t3"), told=CANCELLED, session=ONE_IN_MEMORY),
    "a run is told to stop in its first slice":
        State([turn("t1", "gate a", *OBEYS_LATE), stands_at("a"), turn("t2"), control("c1", "cancel", run="t1"), in_hand(2, 1), opened("a"), stands_at("b")],
              cancelled("t1") + completed("t2"), told=CANCELLED, session=NO_COMMIT_AT_START),
    "whatever runs is told to stop":
        State([turn("t1", "gate a", *OBEYS_LATE), stands_at("a"), turn("t2"), control("c1", "cancel"), in_hand(2, 1), opened("a"), stands_at("b")],
              cancelled("t1") + completed("t2"), told=CANCELLED, session=NO_COMMIT_AT_START),
    "a run is told to stop after a checkpoint":
        State([turn("t1", "checkpoint", *OBEYS_LATE), stored("checkpoint_stored", "t1"), control("c1", "cancel", run="t1"), stands_at("b")],
              cancelled("t1"), told=CANCELLED),
    "a yielded run is cancelled and nobody was told":
        State([*HAS_YIELDED, swallowed(*LOST), control("c1", "cancel", run="t1"), stored("run_cancelled", "t1")],
              cancelled("t1") + completed("t2"), told=CANCELLED, slots=1, session=YIELD_TO_OTHERS),
    "a run is cancelled between attempts and nobody was told":
        State([*WAITS_FOR_RETRY, swallowed(*LOST), control("c1", "cancel", run="t1"), stored("run_cancelled", "t1")],
              cancelled("t1") + completed("t2"), told=CANCELLED),
    "a cancel comes too late and the dead letter is not confirmed":
        State([swallowed(LETTERS, ACKS), turn("t1", "break"), has_tried(LETTERS), control("c1", "cancel", run="t1"), in_hand(1, 1)],
              failed("t1"), letters={"t1": "runner_failed"}, told={"c1": ({"conflict", "duplicate"}, "failed")}),
    "a cancel waits for its turn":
        State([control("c1", "cancel", run="t1"), in_hand(0, 1)], cancelled("t1"), told=CANCELLED, then=[turn("t1")]),
    "an edit is stored and nobody was told":
        State([turn("t1"), stored("run_completed", "t1"), swallowed(*LOST), control("c1", "edit", title="A title"), stored("session_edited")],
              completed("t1"), told={"c1": ({"accepted", "duplicate"}, None)}, kept=("session_edited",)),
    "a session is deleted and nobody was told":
        State([turn("t1"), stored("run_completed", "t1"), swallowed(*LOST), control("c1", "delete"), stored("session_deleted")],
              [], told={"c1": ({"accepted", "duplicate"}, None), "t1": ({"accepted", "duplicate"}, "completed")}, kept=("session_deleted",)),

    "a steer waits for a boundary":
        State([turn("t1", "gate a", "checkpoint", "gate b", "checkpoint"), stands_at("a"), control("c1", "steer", run="t1", input="pear"), in_hand(1, 1)],
              completed("t1"), joined={"c1": "injected"}),
    "a steer is injected and not heard":
        State([turn("t1", "gate a", "checkpoint", "gate b", "checkpoint"), stands_at("a"), control("c1", "steer", input="pear"),
               turn("t2", "apple", when_busy="steer"), in_hand(2, 1), opened("a"), stands_at("b")],
              completed("t1"), joined={"c1": "injected", "t2": "injected"}),
    "a turn is merged into one that waits":
        State([*RUNS, turn("t2", "mark second"), turn("t3", "mark third", when_busy="merge"), stored("message_disposed", "t3")],
              completed("t1", "t2"), joined={"t3": "merged"}, once=("s t2 second", "s t2 third")),
    "a turn waits for quiet":
        State([*RUNS, stored("slice_started", "t1"), turn("t2", "mark second", when_busy="debounce"), in_hand(2)],
              completed("t1", "t2"), once=("s t2 second",), then=[stored("run_completed", "t1"), control("c1", "unstick")], session=COMMIT_AT_START),
    "a turn is merged into one that waits for quiet":
        State([*RUNS, stored("slice_started", "t1"), turn("t2", "mark second", when_busy="debounce"),
               turn("t3", "mark third", when_busy="debounce"), stored("message_disposed", "t3")],
              completed("t1", "t2"), joined={"t3": "merged"}, once=("s t2 second", "s t2 third"),
              then=[stored("run_completed", "t1"), control("c1", "unstick")], session=COMMIT_AT_START),
    "a run is interrupted and has not stopped":
        State([turn("t1", "gate a", *OBEYS_LATE), stands_at("a"), turn("t2"), turn("t3", when_busy="interrupt"), in_hand(3), opened("a"), stands_at("b")],
              cancelled("t1") + completed("t2", "t3")),
    "turns are replaced and nobody was told":
        State([*RUNS, turn("t2"), turn("t3"), in_hand(3), swallowed(*LOST), turn("t4", when_busy="replace"), stored("run_cancelled", "t3")],
              cancelled("t2", "t3") + completed("t1", "t4")),

    "a turn for later is stored and its wake is not":
        State([swallowed(WAKES), later("t1", "mark done"), has_tried(WAKES)], completed("t1"), once=("s t1 done",), then=[stored("run_completed", "t1")],
              told={"t1": ({"accepted", "duplicate"}, None)}),
    "a turn for later waits for its time":
        State([later("t1", "mark done"), stored("message_disposed", "t1"), in_hand(0)], completed("t1", "t2"), once=("s t1 done",), then=THEN_ANOTHER),
    "a turn for later runs":
        State([later("t1", "mark before", "checkpoint", "gate a", "mark after"), stored("message_disposed", "t1"), stands_at("a"), in_hand(0)],
              completed("t1", "t2"), once=("s t1 before", "s t1 after"), then=THEN_ANOTHER),
    "a turn for later has ended and nobody was told":
        State([swallowed(*LOST), later("t1", "mark done"), stored("run_completed", "t1")], completed("t1"), once=("s t1 done",)),

    "a session is set aside":
        State([turn("t0"), stored("run_completed", "t0"), unreadable(), turn("t1"), turn("t2"), has_said("session s keeps ending in error")],
              completed("t0", "t1", "t2"), then=[mended()], then_alive=[control("c1", "unstick")]),
}


class World:
    """One node behind a sieve, one broker, gates that are shut."""

    def __init__(self, test, state):
        self.folder = test.enterContext(tempfile.TemporaryDirectory(prefix="baton-test-"))
        self.gates = {gate: open(os.path.join(self.folder, gate), "w") for gate in GATES}
        for gate in self.gates.values():
            fcntl.flock(gate, fcntl.LOCK_EX)
            test.addCleanup(gate.close)
        self.server = test.enterContext(Server())
        self.link = Sieve(self.server.port)
        test.addCleanup(self.link.close)
        self.broker = Broker(self.server.url)
        test.addCleanup(self.broker.close)
        self.broker.subscribe(f"{INBOX}.>")
        config = CONFIG.format(slots=state.slots, session=state.session, root=ROOT, folder=self.folder)
        self.node = test.enterContext(Node(BIN, config, ["--nats", self.link.url])).start()
        self.asked = set()

    def publish(self, queue, session, fields):
        self.asked.add(fields["id"])
        self.broker.store(f"baton.{queue}.{session}", {**fields, "reply_to": f"{INBOX}.{fields['id']}"})

    def marks(self):
        try:
            with open(os.path.join(self.folder, "marks")) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def events(self):
        return [event for _, _, events in log_of(self.broker) for event in events]

    def in_hand(self, stream):
        names = json.loads(self.broker.request(f"$JS.API.CONSUMER.LIST.{stream}", b"")[2])
        return sum(consumer["num_ack_pending"] for consumer in names["consumers"])

    def in_queue(self):
        return sum(self.broker.stream(stream)["state"]["messages"] for stream in ("BATON_TASKS", "BATON_CONTROL"))

    def open_gates(self, gates):
        for gate in gates:
            fcntl.flock(self.gates[gate], fcntl.LOCK_UN)

    def letters(self):
        events = [json.loads(dict(headers)["Baton-Event"]) for _, _, headers, _ in self.broker.messages("BATON_DEAD")]
        return [(event["run"], event["code"]) for event in events]

    def spoil(self):
        subject = next(subject for _, subject, _, _ in self.broker.messages("BATON_LOG") if subject.endswith(".s"))
        self.spoilt = self.broker.store(subject, b"no commit")

    def mend(self):
        self.broker.request("$JS.API.STREAM.MSG.DELETE.BATON_LOG", json.dumps({"seq": self.spoilt}).encode())

    def story(self):
        return "\n".join([*map(str, log_of(self.broker)), *self.marks(), self.node.text()])

    def take(self, steps):
        for step in steps:
            step(self)

    def kill(self):
        self.node.kill()
        wait_until(lambda: not programs_of(self.node.data), "its programs to be gone")

    def restart(self):
        """Gates that are shut stay so until all that is in the queue has come again."""
        self.link.let_pass()
        self.node.start()
        wait_until(lambda: self.in_queue() == self.in_hand("BATON_TASKS") + self.in_hand("BATON_CONTROL"), "what is in the queue to come again")
        self.open_gates(GATES)


class States(unittest.TestCase):
    maxDiff = None

    def begin(self, state):
        w = World(self, state)
        w.take(state.how)
        return w

    def go_on_until_all_is_stored(self, w, state):
        w.open_gates(GATES)
        w.take(state.then + state.then_alive)
        # A tombstone takes all before it along.
        wait_until(lambda: finals_of(log_of(w.broker)).get("s", []) == state.ends, f"{state.ends} to be stored")
        wait_until(lambda: dict(w.letters()) == state.letters, "the dead letters to be stored")
        wait_until(lambda: w.link.swallowed[ACKS], "an acknowledgement")

    def check(self, w, state, are_answers_lost=False):
        try:
            wait_until(lambda: w.in_queue() == 0, "every message to be acknowledged")
        except TimeoutError as late:
            self.fail(f"{late}\n{w.story()}")
        log = log_of(w.broker)
        self.assertEqual(finals_of(log).get("s", []), state.ends)
        self.assertEqual(broken_rules(log), [])
        self.assertEqual(sorted(w.letters()), sorted(state.letters.items()))
        disposed = [(e["run"], e["disposition"]) for e in w.events() if e["kind"] == "message_disposed" and e["disposition"] in ("merged", "injected")]
        self.assertEqual(sorted(disposed), sorted(state.joined.items()))
        kinds = collections.Counter(event["kind"] for event in w.events())
        self.assertEqual({kind: kinds[kind] for kind in state.kept}, {kind: 1 for kind in state.kept})
        marks = collections.Counter(w.marks())
        self.assertEqual({mark: marks[mark] for mark in state.once}, {mark: 1 for mark in state.once})
        if not are_answers_lost:
            self.check_answers(w, state)
        self.assertEqual(w.node.stop(), 0, w.node.text())

    def check_answers(self, w, state):
        """Whoever asked has got one answer or more, and none that is not so."""
        of_runs = {run: ({"accepted", "duplicate"}, kind.removeprefix("run_")) for run, kind in state.ends}
        of_joined = {run: ({"accepted", "duplicate"}, how) for run, how in state.joined.items()}
        wanted = {**of_runs, **of_joined, **state.told}
        silent = set(w.asked)
        while silent:
            subject, _, payload = w.broker.next()
            asked, said = subject.rsplit(".", 1)[1], json.loads(payload)
            silent.discard(asked)
            if asked not in wanted:
                continue
            verdicts, status = wanted[asked]
            self.assertIn(said["verdict"], verdicts, asked)
            told = (said.get("body") or {}).get("status")
            if status and told:
                self.assertIn(told, (status, "joined") if asked in state.joined else (status,), asked)

    def kill_in(self, state):
        w = self.begin(state)
        w.kill()
        w.restart()
        w.take(state.then)
        self.check(w, state)

    def lose_acks_from(self, state):
        w = self.begin(state)
        w.link.swallow(ACKS)
        self.go_on_until_all_is_stored(w, state)
        self.assertGreater(w.in_queue(), 0)
        w.kill()
        w.restart()
        self.check(w, state)

    def lose_confirmations_from(self, state):
        w = self.begin(state)
        w.link.mute(ACKS)
        w.link.swallow()
        self.go_on_until_all_is_stored(w, state)
        wait_until(lambda: w.in_queue() == 0, "every acknowledgement to arrive")
        w.kill()
        w.restart()
        w.publish("task", "other", {"id": "last", "runner": "gates", "input": ""})
        wait_until(lambda: ("last", "run_completed") in finals_of(log_of(w.broker)).get("other", []), "a further turn")
        # Nothing comes again, so nobody is told again.
        self.check(w, state, are_answers_lost=w.link.swallowed[INBOX] > 0)


# Each waits some seconds for a confirmation that never comes: in so many parts they wait side by side.
PARTS = 4


def add_tests():
    for number, (name, state) in enumerate(STATES.items()):
        name = name.replace(" ", "_")
        setattr(States, f"test_killed_when_{name}", lambda self, state=state: self.kill_in(state))
        setattr(States, f"test_acks_are_lost_when_{name}", lambda self, state=state: self.lose_acks_from(state))
        setattr(States, f"test_confirmations{number % PARTS + 1}_are_lost_when_{name}", lambda self, state=state: self.lose_confirmations_from(state))


add_tests()

if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
