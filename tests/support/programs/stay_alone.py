#!/usr/bin/env python3
"""A jsonl program that tells whether a session's slices overlap: it holds a lock in its workspace for as long as it lives, and
leaves the file `overlap` there if another one still does.

Its input says what it does: "for ever" and "until go" (a file `go` in the data directory, looked for at the start) stay, and end
only by an order or a kill, also without a node; any other text is gone through line by line, with a checkpoint after each that
is too large for the head.
"""
import fcntl
import json
import os
import signal
import sys


def say(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


def listen():
    line = sys.stdin.readline()
    while not line:
        signal.pause()
    return json.loads(line)


def note_others():
    lock = open("lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        with open("overlap", "a") as found:
            found.write(f"{os.environ['BATON_EXECUTION']}\n")
    return lock


def obey(order):
    if order in ("yield", "cancel"):
        say({"yield": "yielded", "cancel": "cancelled"}[order])
        sys.exit()
    return order


def go_through(lines, state):
    for number in range(state["line"], len(lines)):
        if state["said"] != lines[:number]:
            return say("error", text=f"the checkpoint is not the one of line {number}", retryable=False)
        state = {"line": number + 1, "said": lines[:number + 1], "padding": "x" * 3000}
        say("checkpoint", state=state)
        while obey(listen()["type"]) != "stored":
            pass
    say("result", result=state["line"])


def main():
    start = listen()
    held = note_others()
    wanted = start["input"]
    if wanted == "for ever" or (wanted == "until go" and not os.path.exists("../../go")):
        while True:
            obey(listen()["type"])
    go_through(wanted.splitlines(), start.get("checkpoint") or {"line": 0, "said": []})
    held.close()


main()
