#!/usr/bin/env python3
"""The examples against a real node: what they print, how they exit, and what the log holds of them.

Arguments: the directory with the binaries, the repository's root, the directory for the JavaScript ones with their packages,
then unittest's own. They are copied there, so that nothing is installed into the source tree."""
from base64 import b64decode
import glob
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import unittest

BIN, ROOT, JS = sys.argv[1:4]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from broker import events_of, headers_of  # noqa: E402
from node import Node, log_of, wait_until  # noqa: E402

PATIENCE = 120
INSTALL_PATIENCE = 300
EXAMPLES = os.path.join(ROOT, "examples")
SHOUT = os.path.join(EXAMPLES, "programs/shout.mjs")
CONFIG = "".join(f"""
[runners.{name}]
type = "command"
program = "{os.path.join(EXAMPLES, "programs", file)}"
mode = "jsonl"
""" for name, file in (("shout", "shout.mjs"), ("count", "count_words.py")))
NODE, NPM = shutil.which("node"), shutil.which("npm")
if not (NODE and NPM):
    print("examples_test: *** node or npm is missing: the JavaScript examples are NOT tested ***", file=sys.stderr)
needs_js = unittest.skipUnless(NODE and NPM, "*** node or npm is missing ***")
COMPLETED, NOT_COMPLETED, USAGE, NOT_ACCEPTED, ACCEPTED_BEFORE = 0, 1, 2, 3, 4
# Long enough to be caught in the middle: each sentence is a commit.
SENTENCES = 2000


def javascript(file):
    """The command that runs a JavaScript example; its packages are installed once for each state of the lock file."""
    os.makedirs(JS, exist_ok=True)
    for path in glob.glob(os.path.join(EXAMPLES, "*/*.mjs")) + glob.glob(os.path.join(EXAMPLES, "package*.json")):
        shutil.copy(path, JS)
    installed = os.path.join(JS, "installed.json")
    with open(os.path.join(JS, "package-lock.json")) as lock:
        wanted = lock.read()
    if not is_text_of(installed, wanted):
        done = subprocess.run([NPM, "ci", "--no-audit", "--no-fund"], cwd=JS, capture_output=True, text=True, timeout=INSTALL_PATIENCE)
        if done.returncode != 0:
            raise RuntimeError(f"npm ci failed:\n{done.stderr}")
        with open(installed, "w") as stamp:
            stamp.write(wanted)
    return [NODE, os.path.join(JS, file)]


def is_text_of(path, text):
    if not os.path.exists(path):
        return False
    with open(path) as file:
        return file.read() == text


def binary(name):
    return [os.path.join(BIN, name)]


class Talk:
    """A program whose lines are read as they come; `said` is what it was not asked for yet."""

    def __init__(self, case, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.out, self.err = queue.Queue(), queue.Queue()
        self.readers = [threading.Thread(target=self.read, args=pipe)
                        for pipe in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()
        case.addCleanup(self.close)

    @staticmethod
    def read(pipe, into):
        for line in pipe:
            into.put(line.rstrip("\n"))

    def say(self, **fields):
        self.process.stdin.write(json.dumps(fields) + "\n")
        self.process.stdin.flush()

    def heard(self):
        return json.loads(self.out.get(timeout=PATIENCE))

    def end(self):
        """Its exit code and the lines that were not read, once it ends by itself."""
        code = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join()
        return code, list(self.out.queue)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


def new_node():
    node = Node(BIN, CONFIG).start()
    wait_until(lambda: "ready: owns its partitions" in node.text(), "the node to own its partitions")
    return node


class WithNode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = new_node()
        cls.addClassCleanup(cls.node.__exit__)

    def setUp(self):
        self.session = self.id().rsplit(".", 1)[1]
        self.broker = self.node.broker()
        self.addCleanup(lambda: self.broker.close())

    def events(self, session=None):
        """Of the session, as the log holds them."""
        return [event for _, at, events in log_of(self.broker) if at == (session or self.session) for event in events]

    def kinds(self):
        """Without the start of a slice, which is on record only if it took its time."""
        return [event["kind"] for event in self.events() if event["kind"] != "slice_started"]

    def turn(self, runner, text, run="t1", session=None):
        self.broker.store(f"baton.task.{session or self.session}", {"kind": "turn", "id": run, "runner": runner, "input": text})

    def ended(self):
        return wait_until(lambda: [e for e in self.events() if e["kind"] in ("run_completed", "run_failed", "run_cancelled")],
                          "the run to end", PATIENCE)


class Producer:
    """What both producers do; `command` runs one."""

    def produce(self, *arguments, code):
        done = subprocess.run([*self.command(), *arguments], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def test_sends_a_turn_and_prints_its_answer(self):
        done = self.produce(self.node.url(), self.session, "Grüße, \"you\"", code=COMPLETED)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["verdict"], answer["body"]), ("accepted", {"status": "completed", "result": "Grüße, \"you\""}))
        self.assertRegex(done.stderr, rf"accepted {answer['to']} as BATON_TASKS \d+")
        self.assertEqual([(e["kind"], e["run"]) for e in self.events()], [("run_completed", answer["to"])])

    def test_the_same_task_is_stored_once(self):
        self.produce(self.node.url(), self.session, "x", "count", "t1", code=COMPLETED)
        self.assertIn("accepted before", self.produce(self.node.url(), self.session, "x", "count", "t1", code=ACCEPTED_BEFORE).stderr)
        self.assertEqual(self.kinds().count("run_completed"), 1)

    def test_the_same_id_in_another_session_is_another_task(self):
        for name in ("a", "b"):
            self.produce(self.node.url(), f"{self.session}_{name}", "x", "echo", "t1", code=COMPLETED)
            self.assertEqual([e["kind"] for e in self.events(f"{self.session}_{name}")], ["run_completed"])

    def test_a_refusal_is_shown(self):
        answer = json.loads(self.produce(self.node.url(), self.session, "x", "nobody", code=NOT_COMPLETED).stdout)
        self.assertEqual((answer["verdict"], answer["reason"]), ("refused", "unknown_runner"))
        self.assertRegex(answer["detail"], "^nobody: node [a-z0-9A-Z_-]+ has .*echo")
        self.assertNotIn("run_completed", self.kinds())

    def test_what_no_stream_takes_in_is_not_accepted(self):
        self.assertIn("not accepted", self.produce(self.node.url(), "two.tokens", "x", code=NOT_ACCEPTED).stderr)

    def test_no_broker_and_a_wrong_call(self):
        self.assertIn("cannot connect", self.produce("nats://127.0.0.1:1", self.session, "x", code=NOT_ACCEPTED).stderr)
        self.assertIn("usage", self.produce(self.node.url(), code=USAGE).stderr)


class ProducerCpp(Producer, WithNode):
    def command(self):
        return binary("example_producer")


@needs_js
class ProducerJs(Producer, WithNode):
    def command(self):
        return javascript("producer.mjs")


class Dashboard:
    """What both dashboards do; `command` runs one."""

    def watch(self, count):
        watching = Talk(self, [*self.command(), "--count", str(count), self.node.url()])
        self.assertEqual(watching.err.get(timeout=PATIENCE), "watching")
        return watching

    def test_shows_what_is_said_live_and_what_is_committed(self):
        watching = self.watch(5)
        self.turn("count", "one two\nthree")
        code, lines = watching.end()
        self.ended()
        of_live = [f'live       {self.session} delta run=t1 "line {n} of 2\\n"' for n in (1, 2)]
        of_log = [f"committed  {self.session} {e['kind']} run=t1 epoch={e['epoch']}" for e in self.events()]
        # A slow slice commits its start too: then the last of them all is not shown any more.
        shown = [line for line in lines if line.startswith("committed")]
        self.assertEqual([line for line in lines if line.startswith("live")], of_live)
        self.assertEqual((code, len(lines), shown), (0, 5, of_log[:3]))
        self.assertEqual(self.kinds(), ["checkpoint_stored", "checkpoint_stored", "run_completed"])

    def test_shows_what_is_refused(self):
        watching = self.watch(1)
        self.turn("nobody", "x")
        self.assertEqual(watching.end(), (0, [f"refused    {self.session} task_refused run=t1 code=unknown_runner"]))

    def committed(self, session, seq, before):
        head = ("NATS/1.0\r\n" f"Nats-Sequence: {seq}\r\nNats-Last-Sequence: {before}\r\n"
                f'Baton-Event: {{"kind":"run_completed","run":"r{seq}","epoch":7}}\r\n\r\n').encode()
        self.broker._send(f"HPUB baton.committed.{session} {len(head)} {len(head)}\r\n".encode() + head + b"\r\n")

    def test_tells_a_gap_of_a_session_and_only_that(self):
        watching = self.watch(5)
        # History before the first; then another session in between; then nothing missed; then 12 and 15 missed.
        for session, seq, before in (("a", 10, 3), ("b", 11, 0), ("a", 13, 10), ("b", 14, 11), ("a", 17, 15)):
            self.committed(session, seq, before)
        code, lines = watching.end()
        told = lambda session, seq: f"committed  {session} run_completed run=r{seq} epoch=7"  # noqa: E731
        self.assertEqual((code, lines), (0, [told("a", 10), told("b", 11), told("a", 13), told("b", 14),
                                             "gap        a after 13, before 17", told("a", 17)]))

    def test_one_run_after_another_is_no_gap(self):
        watching = self.watch(3)
        for run in ("t1", "t2", "t3"):
            self.turn("echo", "x", run)
        code, lines = watching.end()
        self.assertEqual((code, [line for line in lines if line.startswith("gap")]), (0, []))

    def test_a_wrong_call(self):
        for arguments in ([], ["--count", "0", "nats://127.0.0.1:1"]):
            self.assertEqual(subprocess.run([*self.command(), *arguments], capture_output=True, timeout=PATIENCE).returncode, 2)


class DashboardCpp(Dashboard, WithNode):
    def command(self):
        return binary("example_dashboard")


@needs_js
class DashboardJs(Dashboard, WithNode):
    def command(self):
        return javascript("dashboard.mjs")


class CountWords(WithNode):
    def test_runs_as_a_turn(self):
        done = subprocess.run([*binary("example_producer"), self.node.url(), self.session, "a b a\nc, a", "count"],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(json.loads(done.stdout)["body"]["result"], {"lines": 2, "words": 5, "most": {"a": 3, "b": 1, "c": 1}})
        self.assertEqual(self.kinds(), ["checkpoint_stored", "checkpoint_stored", "run_completed"])


@unittest.skipUnless(NODE, "*** node is missing ***")
class ShoutByHand(unittest.TestCase):
    """Every order at its boundary, which a node gives when it likes."""

    def start(self, text, checkpoint=None):
        talk = Talk(self, [NODE, SHOUT])
        talk.say(type="start", version=1, input=text, checkpoint=checkpoint)
        return talk

    def until(self, talk, kind):
        while (said := talk.heard())["type"] != kind:
            self.assertEqual(said["type"], "delta")
        return said

    def test_goes_on_when_stored(self):
        talk = self.start(" One two. Three! ")
        self.assertEqual([talk.heard()["text"] for _ in range(2)], ["ONE ", "TWO. "])
        self.assertEqual(talk.heard(), {"type": "checkpoint", "state": {"said": 1}})
        talk.say(type="stored")
        self.assertEqual(self.until(talk, "checkpoint")["state"], {"said": 2})
        talk.say(type="stored")
        self.assertEqual(self.until(talk, "result")["result"], "ONE TWO. THREE!")
        self.assertEqual(talk.end(), (0, []))

    def test_goes_on_from_a_checkpoint(self):
        talk = self.start("One. Two. Three.", {"said": 2})
        self.assertEqual(talk.heard(), {"type": "delta", "text": "THREE. "})
        self.assertEqual(talk.heard()["state"], {"said": 3})
        talk.say(type="stored")
        self.assertEqual(talk.heard()["result"], "ONE. TWO. THREE.")

    def test_yields_and_cancels_when_told_so(self):
        for order, answer in (("yield", "yielded"), ("cancel", "cancelled")):
            talk = self.start("One. Two.")
            self.until(talk, "checkpoint")
            talk.say(type=order)
            self.assertEqual(talk.heard(), {"type": answer})
            self.assertEqual(talk.end(), (0, []))

    def test_ends_when_nobody_is_there(self):
        talk = self.start("One. Two.")
        self.until(talk, "checkpoint")
        talk.process.stdin.close()
        self.assertEqual(talk.end()[0], 0)

    def test_refuses_what_is_no_text(self):
        talk = self.start(["no", "text"])
        self.assertEqual(talk.heard(), {"type": "error", "text": "the input is not a text", "retryable": False})


@unittest.skipUnless(NODE, "*** node is missing ***")
class Shout(WithNode):
    def start_long_run(self):
        self.turn("shout", "Again. " * SENTENCES)
        wait_until(lambda: "checkpoint_stored" in self.kinds_so_far(), "the first checkpoint")

    def kinds_so_far(self):
        """Kinds of the first commits: all of them would take longer to read than the run has left."""
        return [e["kind"] for e in self.first_commits(5)]

    def first_commits(self, count):
        found = []
        for number in range(count):
            want = {"next_by_subj": f"baton.log.*.{self.session}", "seq": found[-1][0] + 1 if found else 1}
            answer = json.loads(self.broker.request("$JS.API.STREAM.MSG.GET.BATON_LOG", want)[2])
            if "message" not in answer:
                break
            found.append((answer["message"]["seq"], events_of(headers_of(b64decode(answer["message"]["hdrs"])))))
        return [event for _, events in found for event in events]

    def test_runs_as_a_turn(self):
        done = subprocess.run([*binary("example_producer"), self.node.url(), self.session, "hello there. you!", "shout"],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(json.loads(done.stdout)["body"], {"status": "completed", "result": "HELLO THERE. YOU!"})
        self.assertEqual(self.kinds(), ["checkpoint_stored", "checkpoint_stored", "run_completed"])

    def test_is_cancelled_in_the_middle(self):
        self.start_long_run()
        self.broker.store(f"baton.control.{self.session}", {"kind": "cancel", "id": "c1"})
        self.assertEqual([e["kind"] for e in self.ended()], ["run_cancelled"])
        self.assertLess(self.kinds().count("checkpoint_stored"), SENTENCES)

    def test_yields_to_a_node_that_stops_and_goes_on_where_it_was(self):
        self.start_long_run()
        self.broker.close()
        self.assertEqual(self.node.stop(PATIENCE), 0, self.node.text())
        self.node.start()
        self.broker = self.node.broker()
        before = self.kinds()
        self.assertEqual([e["kind"] for e in self.ended()], ["run_completed"])
        after = self.kinds()
        self.assertNotIn("run_completed", before, "the run was over before the node was stopped")
        self.assertEqual(after.count("checkpoint_stored"), SENTENCES)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
