#!/usr/bin/env python3
"""A turn in Python: counts the words of a text, one line at a time.

Speaks Baton's jsonl protocol: one JSON object a line, on stdin from Baton, on stdout to it. It leaves a checkpoint after each
line, so a run that is cut off goes on where it was; it yields when asked; and what is said to it meanwhile (`baton steer`, or
a turn with `when_busy` "steer") is counted, too. Configure it as

    [runners.count]
    type = "command"
    program = "/path/to/count_words.py"
    mode = "jsonl"

and send it a turn whose input is a text. With the option `{"pause": 0.05}` it reads that slowly, in seconds per line: enough
time to watch it, to cancel it, or to kill the node under it.
"""
import json
import sys
import time


# Since the last checkpoint.
heard = []


def say(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


def listen():
    line = sys.stdin.readline()
    # Without a node to talk to there is nothing left to do.
    return json.loads(line) if line else {"type": "cancel"}


def lines_of(text):
    return text.splitlines() if isinstance(text, str) else []


def hear(state, said):
    state["more"] += lines_of(said["input"])
    heard.append(said["id"])


def store(state):
    """A checkpoint; returns what Baton wants next: go on ("stored"), "yield" or "cancel". What is said to the run comes before
    that; it is in the state from then on, and the next checkpoint says that it was heard."""
    say("checkpoint", state=state, heard=heard)
    heard.clear()
    while True:
        said = listen()
        if said["type"] == "steer":
            hear(state, said)
        if said["type"] in ("stored", "yield", "cancel"):
            # An order may come before or instead of "stored".
            return said["type"]


def main():
    start = listen()
    pause = (start.get("options") or {}).get("pause", 0)
    state = start.get("checkpoint") or {"line": 0, "words": {}, "more": []}
    for said in start.get("steers", []):
        # Since that checkpoint.
        hear(state, said)
    text = lines_of(start["input"])
    while True:
        lines = text + state["more"]
        number = state["line"]
        if number == len(lines):
            break
        for word in lines[number].lower().split():
            word = word.strip(".,;:!?()\"'`*#")
            if word:
                state["words"][word] = state["words"].get(word, 0) + 1
        state["line"] = number + 1
        time.sleep(pause)
        say("delta", text=f"line {number + 1} of {len(lines)}\n")
        order = store(state)
        if order == "yield":
            return say("yielded")
        if order == "cancel":
            return say("cancelled")
    most = sorted(state["words"].items(), key=lambda item: (-item[1], item[0]))[:5]
    say("result", result={"lines": len(lines), "words": sum(state["words"].values()), "most": dict(most)})


main()
