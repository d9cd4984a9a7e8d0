#!/usr/bin/env python3
"""The command line against a real node: what it prints, what it answers, how it exits.

Arguments: the directory with the binaries, the repository's root, then unittest's own."""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import queue
import unittest
import urllib.parse

BIN, ROOT = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests/support/py"))

from link import Link  # noqa: E402
from node import Node, wait_until  # noqa: E402

PATIENCE = 60
CONFIG = f"""
[runners.count]
type = "command"
program = "{ROOT}/examples/programs/count_words.py"
mode = "jsonl"
[session]
labels_max = 2
[runners.wc]
type = "command"
program = "wc"
args = ["-w"]
[runners.cat]
type = "command"
program = "cat"
[runners.fail]
type = "command"
program = "false"
[runners.sleep]
type = "command"
program = "sleep"
args = ["600"]
[runners.loop]
type = "command"
program = "sh"
args = ["-c", "while echo tick; do sleep 0.2; done"]
"""
DONE, FAILED, USAGE, UNREACHABLE, REFUSED, TIMED_OUT, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 5, 130, 143


class Lines:
    """A program whose output is read line by line."""

    def __init__(self, arguments):
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.readers = [threading.Thread(target=self.read, args=(pipe,)) for pipe in (self.process.stdout, self.process.stderr)]
        for reader in self.readers:
            reader.start()

    def read(self, pipe):
        for line in pipe:
            self.lines.put(line.rstrip("\n"))

    def until(self, pattern):
        """The first line from here on that has it."""
        while True:
            line = self.lines.get(timeout=PATIENCE)
            if re.search(pattern, line):
                return line

    def until_all(self, *patterns):
        """Until each was in a line, in whatever order."""
        left = set(patterns)
        while left:
            line = self.lines.get(timeout=PATIENCE)
            left -= {pattern for pattern in left if re.search(pattern, line)}

    def end(self, how=signal.SIGINT):
        """Its exit code, and the lines that were not read yet."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, list(self.lines.queue)


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(BIN, CONFIG)
        cls.addClassCleanup(cls.node.__exit__)
        cls.node.start()
        wait_until(lambda: "ready: owns its partitions" in cls.node.text(), "the node to own its partitions")

    def setUp(self):
        self.session = self.id().rsplit(".", 1)[1]

    def line(self, *arguments):
        return [os.path.join(BIN, "baton"), *arguments, "--data-dir", self.node.data]

    def run_baton(self, *arguments, code=DONE, stdin=""):
        done = subprocess.run(self.line(*arguments), input=stdin, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def out(self, *arguments, **how):
        return self.run_baton(*arguments, **how).stdout

    def err(self, *arguments, **how):
        return self.run_baton(*arguments, **how).stderr

    def objects(self, *arguments, **how):
        return [json.loads(line) for line in self.out(*arguments, "--json", **how).splitlines()]

    def object(self, *arguments, **how):
        (only,) = self.objects(*arguments, **how)
        return only

    def follow(self, *arguments):
        followed = Lines(self.line(*arguments))
        self.addCleanup(followed.end, signal.SIGKILL)
        return followed

    def dead_letter(self, runner="fail", task="t7"):
        """The number of the letter that a failed task leaves."""
        self.err("send", self.session, "x", "--id", task, "--runner", runner, code=FAILED)
        return wait_until(lambda: self.objects("dead", "ls", self.session), "the dead letter")[0]["letter"]


class Send(Cli):
    def test_prints_the_result(self):
        self.assertEqual(self.out("send", self.session, "Good morning"), "Good morning\n")

    def test_reads_stdin(self):
        self.assertEqual(self.out("send", self.session, "--runner", "wc", stdin="one two three"), "3\n")
        self.assertEqual(self.out("send", self.session, "-", stdin="a\nb"), "a\nb\n")

    def test_an_empty_stdin_is_no_turn(self):
        for line in (["send", self.session], ["send", self.session, "-"]):
            self.assertIn("stdin is empty", self.err(*line, code=USAGE))
        self.err("show", self.session, code=REFUSED)
        self.assertEqual(self.out("send", self.session, ""), "\n")
        self.assertEqual(self.object("show", self.session)["runs"], 1)

    def test_shows_once_what_was_streamed_and_is_the_result(self):
        self.assertEqual(self.out("send", self.session, "a\nb\n", "--runner", "cat"), "a\nb\n")

    def test_takes_json_input(self):
        sent = self.object("send", self.session, "--input-json", '["a", {"b": 1}]')
        self.assertEqual((sent["status"], sent["result"]), ("completed", ["a", {"b": 1}]))

    def test_a_failed_run_exits_1_and_names_its_page(self):
        self.assertIn("ops/errors/program_exit.md", self.err("send", self.session, "x", "--runner", "fail", code=FAILED))
        self.assertEqual(self.object("send", self.session, "x", "--runner", "fail", code=FAILED)["code"], "program_exit")

    def test_a_refused_task_exits_4_and_names_its_page(self):
        said = self.err("send", self.session, "x", "--runner", "nobody", code=REFUSED)
        self.assertRegex(said, "unknown_runner: nobody: node [a-zA-Z0-9_-]+ has cat, count, echo, fail, loop, sleep, wc")
        self.assertIn("ops/errors/unknown_runner.md", said)
        refused = self.object("send", self.session, "x", "--runner", "nobody", code=REFUSED)
        self.assertEqual((refused["status"], refused["code"]), ("refused", "unknown_runner"))
        shape = self.object("send", self.session, "--input-json", '{"no": "array"}', code=REFUSED)
        self.assertEqual(shape["code"], "wrong_type")

    def test_the_same_again_is_answered_by_the_first_run(self):
        first = self.object("send", self.session, "x", "--id", "t1")
        self.assertEqual(self.object("send", self.session, "x", "--id", "t1"), first)
        self.assertEqual(self.object("show", self.session)["runs"], 1)

    def test_the_same_id_with_other_content_is_a_conflict(self):
        self.out("send", self.session, "x", "--id", "t1")
        self.assertIn("task_conflict", self.err("send", self.session, "y", "--id", "t1", code=REFUSED))
        self.assertIn("task_conflict", self.err("send", self.session, "y", "--id", "t1", "--no-wait", code=REFUSED))

    def test_does_not_wait_if_told_so(self):
        run = self.out("send", self.session, "x", "--no-wait").strip()
        self.assertRegex(run, r"^m[0-9a-z]{19}$")
        ended = wait_until(lambda: self.node and self.ended(run), "the run to end")
        self.assertEqual(ended["status"], "completed")

    def ended(self, run):
        shown = subprocess.run(self.line("show", self.session, "--json"), capture_output=True, text=True, timeout=PATIENCE)
        last = json.loads(shown.stdout).get("last_run") if shown.returncode == DONE else None
        return last if last and last["id"] == run else None

    def test_gives_up_waiting_but_the_run_goes_on(self):
        said = self.err("send", self.session, "x", "--runner", "sleep", "--timeout", "500ms", code=TIMED_OUT)
        self.assertIn(f"baton cancel {self.session}", said)
        self.out("cancel", self.session)

    def test_interrupted_it_leaves_the_run_alone_and_says_how_to_go_on(self):
        sending = self.follow("send", self.session, "x", "--runner", "loop")
        sending.until("^tick$")
        code, said = sending.end()
        self.assertEqual(code, INTERRUPTED)
        self.assertIn(f"baton watch {self.session}", "\n".join(said))
        self.out("cancel", self.session)

    def test_terminated_it_does_the_same(self):
        sending = self.follow("send", self.session, "x", "--runner", "loop", "--id", "t1")
        sending.until("^tick$")
        code, said = sending.end(signal.SIGTERM)
        self.assertEqual(code, TERMINATED)
        self.assertIn("run t1 is stored and goes on", "\n".join(said))
        self.out("cancel", self.session)

    def test_a_broker_that_is_lost_while_it_waits_leaves_the_run_named(self):
        link = Link(urllib.parse.urlsplit(self.node.url()).port)
        self.addCleanup(link.close)
        user = self.node.url().rsplit("@", 1)[0]
        through = f"{user}@{link.url.split('//')[1]}"
        sending = Lines([os.path.join(BIN, "baton"), "--nats", through, "send", self.session, "x", "--runner", "loop", "--id", "t1"])
        self.addCleanup(sending.end, signal.SIGKILL)
        sending.until("^tick$")
        link.cut()
        sending.until("run t1 is stored and goes on")
        sending.until(f"baton show {self.session} --run t1")
        self.assertEqual(sending.process.wait(PATIENCE), UNREACHABLE)
        self.assertEqual(self.under_way(), "t1")
        self.out("cancel", self.session, "t1")

    def test_a_cancelled_run_exits_1(self):
        sending = self.follow("send", self.session, "x", "--runner", "loop", "--id", "t1")
        sending.until("^tick$")
        self.out("cancel", self.session, "t1", "--reason", "enough of it")
        sending.until("run t1 cancelled")
        self.assertEqual(sending.process.wait(PATIENCE), FAILED)

    def test_says_what_a_waiting_task_waits_for(self):
        first = self.follow("send", self.session, "x", "--runner", "sleep", "--id", "first")
        wait_until(lambda: self.under_way() == "first", "the first run to be on record")
        second = self.follow("send", self.session, "y")
        second.until("waits behind run first")
        self.out("cancel", self.session)
        second.until("^y$")
        self.assertEqual(second.process.wait(PATIENCE), DONE)
        first.until("cancelled")

    def test_what_comes_while_a_run_goes_on_joins_it_or_is_refused(self):
        first = self.follow("send", self.session, "a line\n" * 400, "--runner", "count", "--id", "first", "--options", '{"pause": 0.02}')
        first.until("^line 1 of")
        joined = self.object("send", self.session, "apple", "--id", "second", "--runner", "count", "--when-busy", "steer")
        self.assertEqual((joined["status"], joined["joined"]), ("joined", "first"))
        self.assertIn("joined run first", self.out("send", self.session, "pear", "--runner", "count", "--when-busy", "steer"))
        self.assertIn("has taken it in", self.out("steer", self.session, "plum"))
        refused = self.err("send", self.session, "x", "--when-busy", "reject", code=REFUSED)
        self.assertIn("ops/errors/session_busy.md", refused)
        self.assertIn("none of enqueue, steer", self.err("send", self.session, "x", "--when-busy", "later", code=USAGE))
        self.assertIn("second injected", self.out("show", self.session, "--run", "first"))
        self.out("send", self.session, "last words", "--when-busy", "interrupt")
        first.until("cancelled")
        self.assertIn("no run is under way", self.err("steer", self.session, "too late", code=REFUSED))

    def test_a_turn_for_later_waits_and_says_until_when(self):
        accepted = self.object("send", self.session, "x", "--id", "far", "--not-before", "2099-01-01T00:00:00+01:00", "--no-wait")
        self.assertEqual((accepted["status"], accepted["not_before"]), ("accepted", 4070905200000))
        self.assertIn("to wait until", self.err("send", self.session, "x", "--id", "day", "--not-before", "+24h", "--no-wait"))
        refused = wait_until(lambda: self.objects("dead", "ls", self.session), "the letter of the far one")[0]
        self.assertEqual((refused["id"], refused["reason"]), ("far", "invalid_not_before"))
        soon = self.follow("send", self.session, "it is time", "--id", "soon", "--not-before", "+2s")
        soon.until("task soon is delayed until 20")
        soon.until("^it is time$")
        shown = self.object("show", self.session)
        self.assertEqual((shown["delayed"], [entry["run"] for entry in shown["transcript"]]), (1, ["soon", "soon"]))
        for said, *how in (("1 turn, delayed until 20",), ("run day: delayed until 20", "--run", "day"), ("day delayed until 20", "--events")):
            self.assertIn(said, self.out("show", self.session, *how))
        self.assertRegex(self.out("ls"), rf"(?m)^{self.session} +delayed +.* delayed until 20")
        self.out("cancel", self.session, "day")
        self.assertNotIn("delayed", self.object("show", self.session))

    def test_a_slice_that_hangs_is_killed_and_tried_again(self):
        first = self.follow("send", self.session, "x", "--runner", "sleep", "--id", "first")
        wait_until(lambda: self.under_way() == "first", "the run to be on record")
        self.assertIn("the slice is killed", self.out("unstick", self.session))
        wait_until(lambda: "slice 1 is lost" in self.out("show", self.session), "the loss to be told")
        self.out("cancel", self.session)
        first.until("cancelled")
        self.assertIn("nothing waits", self.out("unstick", self.session))

    def under_way(self):
        shown = subprocess.run(self.line("show", self.session, "--json"), capture_output=True, text=True, timeout=PATIENCE)
        return json.loads(shown.stdout).get("run", {}).get("id") if shown.returncode == DONE else None

    def test_a_priority_goes_with_the_task(self):
        first = self.follow("send", self.session, "x", "--runner", "loop")
        first.until("^tick$")
        self.out("send", self.session, "y", "--id", "urgent", "--priority", "7", "--no-wait")
        broker = self.node.broker()
        self.addCleanup(broker.close)
        stored = [payload for _, subject, _, payload in broker.messages("BATON_TASKS") if self.session in subject and b"urgent" in payload]
        self.assertEqual([json.loads(payload)["priority"] for payload in stored], [7])
        for wrong in ("10", "-1", "high"):
            self.assertIn("--priority", self.err("send", self.session, "z", "--priority", wrong, code=USAGE))
        self.assertIn("--priority", self.out("completion", "bash"))
        self.out("cancel", self.session)
        first.until("cancelled")

    def test_a_task_that_waits_past_its_deadline_is_refused(self):
        first = self.follow("send", self.session, "x", "--runner", "loop")
        first.until("^tick$")
        self.out("send", self.session, "x", "--id", "late", "--deadline", "1ms", "--no-wait")
        self.out("cancel", self.session)
        first.until("cancelled")
        letter = wait_until(lambda: self.objects("dead", "ls", self.session), "the letter")[0]
        self.assertEqual((letter["id"], letter["reason"]), ("late", "deadline_passed"))


class Look(Cli):
    def test_show_tells_phase_and_transcript(self):
        self.out("send", self.session, "hello", "--id", "t1")
        shown = self.object("show", self.session)
        self.assertEqual((shown["phase"], shown["runs"], shown["last_run"]["id"]), ("idle", 1, "t1"))
        self.assertEqual([(e["kind"], e["run"], e["content"]) for e in shown["transcript"]],
                         [("user", "t1", "hello"), ("assistant", "t1", "hello")])
        self.assertRegex(self.out("show", self.session), r"t1 +assistant +hello")

    def test_show_tells_the_commits(self):
        self.out("send", self.session, "hello", "--id", "t1")
        (commit,) = self.object("show", self.session, "--events")["commits"]
        self.assertEqual((commit["number"], commit["events"][0]["kind"], commit["events"][0]["run"]), (1, "run_completed", "t1"))
        self.assertIn("run_completed t1", self.out("show", self.session, "--events"))

    def test_what_is_not_there_exits_4(self):
        self.err("show", self.session, code=REFUSED)
        self.err("dead", "show", "999999", code=REFUSED)
        self.err("cancel", self.session, code=REFUSED)

    def test_show_tells_the_timeline_of_a_run(self):
        self.out("send", self.session, "hello", "--id", "t1")
        self.out("send", self.session, "again", "--id", "t2")
        newest = self.object("show", self.session)["timeline"]
        self.assertEqual((newest["run"], newest["status"], [step["kind"] for step in newest["steps"]]), ("t2", "completed", ["run_completed"]))
        older = self.object("show", self.session, "--run", "t1")
        self.assertEqual((older["timeline"]["run"], [entry["run"] for entry in older["transcript"]]), ("t1", ["t1", "t1"]))
        self.assertRegex(self.out("show", self.session, "--run", "t1"), r"(?m)^run t1: completed after \d")
        self.assertIn("run t3", self.err("show", self.session, "--run", "t3", code=REFUSED))

    def test_ls_lists_the_sessions(self):
        self.out("send", self.session, "hello")
        self.assertIn(self.session, [listed["session"] for listed in self.objects("ls")])
        self.assertRegex(self.out("ls"), rf"(?m)^{self.session} +idle +1 ")

    def test_watch_shows_live_and_committed_events(self):
        watching = self.follow("watch", self.session)
        watching.until("watching")
        self.out("send", self.session, "a line", "--id", "t1", "--runner", "cat")
        # They come by subscriptions of their own.
        watching.until_all("live +delta t1 +a line", "run_completed t1")
        watching.end()

    def test_watch_tells_when_the_broker_was_away(self):
        watching = self.follow("watch", self.session)
        watching.until("watching")
        os.kill(self.node.broker_pid(), signal.SIGKILL)
        watching.until("connection to the broker was lost")
        watching.until("the broker is back")
        send = self.line("send", self.session, "again", "--id", "t1")
        wait_until(lambda: subprocess.run(send, capture_output=True, timeout=PATIENCE).returncode == DONE, "the task to be done")
        watching.until("run_completed t1")
        _, rest = watching.end()
        self.assertNotIn("the broker is back", "\n".join(rest))

    def test_watch_passes_json(self):
        watching = self.follow("watch", "--json")
        # Until it listens, what is said is not for it.
        sent = 0

        def heard():
            nonlocal sent
            sent += 1
            self.out("send", self.session, "x", "--id", f"t{sent}")
            return not watching.lines.empty()

        wait_until(heard, "watch to hear")
        event = json.loads(watching.until(f'"session":"{self.session}"'))
        self.assertEqual((event["session"], event["kind"]), (self.session, "run_completed"))
        watching.end()

    def test_doctor_says_what_is_there_and_what_is_not_guaranteed(self):
        found = self.object("doctor")
        self.assertEqual(len(found["streams"]), 8)
        self.assertEqual((found["wrong"], found["partitions"]["without_owner"]), ([], []))
        self.assertRegex(found["server"]["version"], r"^2\.\d+")
        self.assertTrue(any("one replica" in said for said in found["not_guaranteed"]))
        self.assertTrue(any("sync_interval" in said for said in found["not_guaranteed"]))
        self.assertIn("All is well", self.out("doctor"))


class Change(Cli):
    def test_edit_and_its_conflict(self):
        self.out("edit", self.session, "--title", "One", "--label", "a=b", "--pin")
        shown = self.object("show", self.session)
        self.assertEqual((shown["title"], shown["labels"], shown["pinned"]), ("One", {"a": "b"}, True))
        version = str(shown["title_version"])
        self.out("edit", self.session, "--title", "Two", "--title-version", version)
        self.assertIn("Two", self.err("edit", self.session, "--title", "Three", "--title-version", version, code=REFUSED))
        self.out("edit", self.session, "--unlabel", "a", "--unpin")
        shown = self.object("show", self.session)
        self.assertEqual((shown["title"], shown["labels"], shown["pinned"]), ("Two", {}, False))

    def test_a_refused_edit_names_its_page(self):
        said = self.err("edit", self.session, "--label", "a=1", "--label", "b=2", "--label", "c=3", code=REFUSED)
        self.assertIn("ops/errors/too_many_labels.md", said)

    def test_a_cancel_of_what_is_not_known_says_what_it_waits_for(self):
        self.out("send", self.session, "hello")
        cancelling = self.follow("cancel", self.session, "t9", "--timeout", "2s")
        cancelling.until("no answer yet, 2 s at most: waits for run t9 of session .* is kept for a minute")
        cancelling.until("no answer yet: run t9 of session .* has not ended")
        self.assertEqual(cancelling.process.wait(PATIENCE), TIMED_OUT)

    def test_delete_asks_first(self):
        self.out("send", self.session, "hello")
        self.err("delete", self.session, code=USAGE)
        self.assertEqual(self.object("show", self.session)["phase"], "idle")
        self.out("delete", self.session, "--yes")
        shown = self.object("show", self.session)
        self.assertEqual((shown["phase"], shown["transcript"]), ("deleted", []))
        self.assertIn("ops/errors/deleted.md", self.err("send", self.session, "still there?", code=REFUSED))

    def test_dead_letters_are_shown_as_their_pages_show_them(self):
        letter = self.dead_letter()
        shown = self.out("dead", "show", str(letter)).splitlines()
        with open(os.path.join(ROOT, "ops/errors/program_exit.md")) as page:
            example = page.read().split("```")[1].strip().split("\n\n")[0].splitlines()
        self.assertEqual([line[:10] for line in shown], [line[:10] for line in example])
        self.assertIn("program_exit", self.out("dead", "ls", self.session))
        self.assertEqual(self.objects("dead", "ls", self.session, "--reason", "too_deep"), [])

    def test_requeue_runs_a_task_again_under_the_next_free_id(self):
        letter = str(self.dead_letter())
        self.assertEqual(self.out("dead", "requeue", letter), "t7.r1\n")
        self.assertEqual(self.out("dead", "requeue", letter), "t7.r2\n")
        wait_until(lambda: self.object("show", self.session)["runs"] == 3, "the requeued runs")
        again = wait_until(lambda: [l for l in self.objects("dead", "ls", self.session) if l["id"] == "t7.r1"], "its letter")
        self.assertEqual(self.object("dead", "requeue", str(again[0]["letter"]))["requeued_as"], "t7.r3")

    def test_requeue_refuses_what_would_only_be_refused_again(self):
        broker = self.node.broker()
        self.addCleanup(broker.close)
        broker.store(f"baton.task.{self.session}", b"\x01 no map")
        broker.store(f"baton.control.{self.session}", {"kind": "steer", "id": "c1"})
        letters = wait_until(lambda: [l for l in [self.objects("dead", "ls", self.session)] if len(l) == 2], "both letters")[0]
        said = [self.err("dead", "requeue", str(letter["letter"]), code=REFUSED) for letter in letters]
        self.assertIn("cannot be read", "".join(said))
        self.assertIn("control message", "".join(said))
        both = self.err("dead", "requeue", "--all", "--session", self.session, code=REFUSED)
        self.assertIn("cannot be read", both)
        self.assertIn("control message", both)


class Usage(Cli):
    def test_what_is_wrong_with_a_command_line_exits_2(self):
        for wrong in ([], ["frob"], ["send"], ["send", "a b", "x"], ["send", "s", "x", "--deadline", "soon"], ["edit", "s"],
                      *(["send", "s", "x", "--not-before", wrong] for wrong in ("soon", "+5", "2026-13-01T00:00:00Z", "12", "+99999999999h")),
                      ["send", "s", "--options", "[1]"], ["send", "s", "--input-json", "{"], ["dead", "requeue"], ["dead", "requeue", "1", "--all"]):
            with self.subTest(wrong):
                self.assertIn("--help", self.err(*wrong, code=USAGE))
        self.assertIn("'frob'", self.err("frob", code=USAGE))

    def test_global_flags_stand_before_or_after(self):
        url = self.node.url()
        for line in (["--nats", url, "--json", "ls"], ["ls", "--json", "--nats", url]):
            done = subprocess.run([os.path.join(BIN, "baton"), *line], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, DONE, done.stderr)

    def test_the_broker_may_stand_in_the_environment(self):
        for variable in ("BATON_NATS", "BATON_BROKER_URL"):
            done = subprocess.run([os.path.join(BIN, "baton"), "ls"], env={**os.environ, variable: self.node.url(), "HOME": self.node.dir},
                                  capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, DONE, done.stderr)

    def test_a_broker_that_is_not_there_exits_3(self):
        self.err("ls", "--nats", "nats://127.0.0.1:1", code=UNREACHABLE)
        nowhere = subprocess.run([os.path.join(BIN, "baton"), "ls", "--data-dir", os.path.join(self.node.dir, "none"), "--json"],
                                 capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((nowhere.returncode, json.loads(nowhere.stderr)["exit_code"]), (UNREACHABLE, UNREACHABLE))

    def test_help_version_and_completion_need_no_broker(self):
        self.assertIn("Exit codes:", self.out("--help"))
        self.assertRegex(self.out("send", "--help"), r"(?s)--input-json.*--not-before")
        self.assertRegex(self.out("--version"), r"^baton \d+\.\d+")
        for shell in ("bash", "zsh", "fish"):
            self.assertRegex(self.out("completion", shell), r"(?s)not-before.*requeue|requeue.*not-before")
        self.err("completion", "tcsh", code=USAGE)

    def test_bash_completes_commands_and_options(self):
        asks = 'eval "$(cat)"; COMP_WORDS=(baton dead --json re); COMP_CWORD=3; _baton; echo "${COMPREPLY[@]}"; '\
               'COMP_WORDS=(baton edit s1 --unl); COMP_CWORD=3; _baton; echo "${COMPREPLY[@]}"'
        said = subprocess.run(["bash", "-c", asks], input=self.out("completion", "bash"), capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((said.stdout, said.stderr), ("requeue\n--unlabel\n", ""))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
