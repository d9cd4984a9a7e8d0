#!/usr/bin/env python3
"""Speaks jsonl by a script: the turn's input is a list of steps, taken one after the other.

A text: written as a line, as it is. An object: {"wait": TYPE} reads lines until one of that type came; {"exit": CODE},
{"signal": NUMBER}, {"touch": FILE}, {"stderr": TEXT}, {"started": true} (repeats the start line as a result), {"stay": true}.
Every line that was read is repeated on stderr.
"""

import json
import os
import signal
import sys


def read_line():
    line = sys.stdin.readline()
    if line:
        print("heard", line.strip(), file=sys.stderr, flush=True)
    return json.loads(line) if line else None


def wait_for(kind):
    while True:
        line = read_line()
        if line is None:
            sys.exit(99)
        if line["type"] == kind:
            return


def main():
    start = read_line()
    for step in start["input"]:
        if isinstance(step, str):
            print(step, flush=True)
        elif "wait" in step:
            wait_for(step["wait"])
        elif "exit" in step:
            sys.exit(step["exit"])
        elif "signal" in step:
            os.kill(os.getpid(), step["signal"])
        elif "touch" in step:
            open(step["touch"], "w").close()
        elif "stderr" in step:
            print(step["stderr"], file=sys.stderr, flush=True)
        elif "started" in step:
            print(json.dumps({"type": "result", "result": start}), flush=True)
        elif "stay" in step:
            signal.pause()


main()
