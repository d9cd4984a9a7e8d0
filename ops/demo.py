#!/usr/bin/env python3
"""The main job, shown on real input: turns of several sessions, some of them a real program that counts the words of this
project's README, while the node is killed with -9 in the middle and started again. Exit code 0 if every turn ended once, in
order. Everything happens in a temporary directory; argument: the directory with the built programs."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.abspath(sys.argv[1])
PATIENCE = 60
SMALL_TALK = {"ann": ["Good morning", "What is on today?", "Thank you"], "bob": ["Hello", "Bye"]}


def say(text=""):
    print(text, flush=True)


def headline(text):
    say(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}")


class Demo:
    def __init__(self, folder):
        self.data = os.path.join(folder, "data")
        self.config = os.path.join(folder, "baton.toml")
        self.log = os.path.join(folder, "batond.log")
        self.process = None
        with open(self.config, "w") as file:
            file.write(f"""
[runners.count]
type = "command"
program = "{ROOT}/examples/programs/count_words.py"
mode = "jsonl"
""")

    def start(self):
        with open(self.log, "a") as out:
            self.process = subprocess.Popen(
                [f"{BIN}/batond", "--config", self.config, "--data-dir", self.data], stdout=out, stderr=subprocess.STDOUT)
        self.wait(lambda: os.path.exists(os.path.join(self.data, "client.json")), "the node to start")

    def baton(self, *arguments):
        return [f"{BIN}/baton", "--data-dir", self.data, *arguments]

    def ask(self, *arguments):
        done = subprocess.run(self.baton(*arguments), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"baton {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def wait(self, holds, what):
        until = time.monotonic() + PATIENCE
        while not holds():
            if self.process.poll() is not None:
                raise RuntimeError(f"batond ended early; see\n{open(self.log).read()}")
            if time.monotonic() > until:
                raise RuntimeError(f"waited {PATIENCE} s for {what}")
            time.sleep(0.05)

    def session(self, name):
        found = subprocess.run(self.baton("show", name, "--json"), capture_output=True, text=True)
        return json.loads(found.stdout) if found.returncode == 0 else None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)


class Watcher:
    """What a dashboard sees, printed as it comes; it lives through the kill, because the broker does."""

    def __init__(self, demo):
        self.lines = []
        self.process = subprocess.Popen(demo.baton("watch", "book"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            # The program tells of each line that it has read, and leaves a checkpoint after it: one of twenty will do here.
            routine = "delta" in line or "checkpoint_stored" in line
            if not routine or sum("delta" in seen for seen in self.lines) % 20 == 1:
                say("   " + " ".join(line.split())[:120])

    def deltas(self):
        return sum("delta" in line for line in self.lines)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def turns():
    """(session, run, arguments of baton send), in the order in which they are sent."""
    with open(os.path.join(ROOT, "README.md")) as file:
        text = file.read()
    yield "book", "count-1", ["--runner", "count", "--options", '{"pause": 0.03}', text]
    yield "book", "after", ["the turn behind the long one"]
    for name, lines in SMALL_TALK.items():
        for number, line in enumerate(lines, 1):
            yield name, f"{name}-{number}", [line]


def runs_in(events):
    """The runs that ended, in order, from `baton show --events --json`."""
    return [(event["run"], event["kind"]) for event in events if event["kind"] in ("run_completed", "run_failed", "run_cancelled")]


def events_of(demo, name):
    lines = demo.ask("show", name, "--events", "--json").splitlines()
    found = []
    for line in lines:
        for commit in flatten(json.loads(line)):
            found.extend(commit.get("events", []))
    return found


def timeline(events):
    """One line an event; of checkpoints in a row only how many."""
    stored = 0
    for event in events:
        if event["kind"] == "checkpoint_stored":
            stored += 1
            continue
        if stored:
            yield f"checkpoint_stored, {stored} times"
            stored = 0
        parts = [event["kind"], event.get("run", ""), f"slice {event['slice']}" if "slice" in event else "",
                 f"attempt {event['attempt']}" if event.get("attempt") else "", f"epoch {event['epoch']}"]
        yield "  ".join(part for part in parts if part)


def flatten(told):
    if isinstance(told, list):
        return told
    return told.get("commits", [told])


def send_all(demo):
    """What must be found in the log, per session."""
    sent = {}
    for name, run, arguments in turns():
        demo.ask("send", name, "--no-wait", "--id", run, *arguments)
        sent.setdefault(name, []).append((run, "run_completed"))
    return sent


def kill_in_the_middle(demo, watcher):
    demo.wait(lambda: watcher.deltas() > 30, "the program to be in the middle of its work")
    headline(f"kill -9 {demo.process.pid}, in the middle")
    told = watcher.deltas()
    demo.process.kill()
    demo.process.wait()
    say(f"   it is dead; the program had told of {told} lines")


def show_log(demo, sent):
    headline("What the log says")
    say(demo.ask("ls").rstrip())
    say("   book, commit by commit:")
    for line in timeline(events_of(demo, "book")):
        say("     " + line)
    for name, expected in sent.items():
        found = runs_in(events_of(demo, name))
        if found != expected:
            raise RuntimeError(f"{name}: expected {expected}, found {found}")
        say(f"   {name}: {len(found)} turns, each ended once, in the order in which they were sent")


def run(demo, opened):
    headline("A node with its own private broker")
    demo.start()
    say(f"   batond is process {demo.process.pid}; its data is in {demo.data}")
    headline("One turn, and its live output")
    say("   $ baton send hello 'Good morning'")
    say("   " + demo.ask("send", "hello", "Good morning").strip())
    headline("Turns for three sessions; 'book' runs a real program that counts the words of README.md")
    watcher = Watcher(demo)
    opened.append(watcher)
    sent = send_all(demo)
    kill_in_the_middle(demo, watcher)
    headline("Started again: the next node takes over and goes on from the last checkpoint")
    demo.start()
    for name, expected in sent.items():
        demo.wait(lambda: runs_in(events_of(demo, name)) == expected, f"the runs of {name} to end")
    show_log(demo, sent)
    headline("Done: nothing lost, nothing twice")


def main():
    folder = tempfile.mkdtemp(prefix="baton-demo-")
    demo = Demo(folder)
    opened = []
    try:
        run(demo, opened)
        return 0
    except (RuntimeError, subprocess.SubprocessError, OSError) as why:
        say(f"\nThe demo failed: {why}")
        return 1
    finally:
        for watcher in opened:
            watcher.stop()
        demo.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
