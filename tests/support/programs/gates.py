#!/usr/bin/env python3
"""A turn in steps, which a test holds up and lets go. Its input is a text, a step to each line:

    gate NAME     stands still until nobody holds the lock on the file NAME
    mark TEXT     something that is seen outside
    checkpoint    leaves one: the run goes on behind it
    until ORDER   goes on once it was told to `yield` or `cancel`
    obey          does what it was told; in a later slice nothing
    fail          the first time: an error that is worth another attempt
    break         an error that is not

What is seen outside goes into the file `marks`, a line each: session, run, and the text, or `at NAME`, or `heard TEXT`.
Usage: gates.py FOLDER, where those files are.
"""
import fcntl
import json
import os
import sys

FOLDER = sys.argv[1]


def say(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


def give_up(**last_word):
    say(**last_word)
    sys.exit()


class Turn:
    def __init__(self, start):
        self.start = start
        self.name = f"{start['session']} {start['run']}"
        self.told = set()
        self.heard = []
        self.step = (start.get("checkpoint") or {"step": 0})["step"]
        for said in start["steers"]:
            self.hear(said)

    def mark(self, text):
        with open(os.path.join(FOLDER, "marks"), "a") as marks:
            marks.write(f"{self.name} {text}\n")

    def hear(self, said):
        self.heard.append(said["id"])
        self.mark(f"heard {said['input']}")

    def listen(self):
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        said = json.loads(line)
        if said["type"] == "steer":
            self.hear(said)
        if said["type"] in ("yield", "cancel"):
            self.told.add(said["type"])
        return said["type"]

    def gate(self, name):
        self.mark(f"at {name}")
        with open(os.path.join(FOLDER, name), "a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)

    def checkpoint(self):
        say("checkpoint", state={"step": self.step}, heard=self.heard)
        self.heard = []
        while self.listen() == "steer":
            pass

    def until(self, order):
        while order not in self.told and self.start["slice"] == 1:
            self.listen()

    def obey(self):
        if "cancel" in self.told:
            give_up(kind="cancelled")
        if self.start["slice"] == 1:
            give_up(kind="yielded")

    def fail(self):
        try:
            os.close(os.open(os.path.join(FOLDER, "failed " + self.name), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        give_up(kind="error", text="the first time", retryable=True)

    def go(self):
        steps = [line.split(maxsplit=1) for line in self.start["input"].splitlines() if line]
        while self.step < len(steps):
            verb, *word = steps[self.step]
            self.step += 1
            if verb == "break":
                give_up(kind="error", text="it is broken", retryable=False)
            getattr(self, verb)(*word)
        say("result", result="done")


Turn(json.loads(sys.stdin.readline())).go()
