#!/usr/bin/env python3
"""Holds MEBIBYTES in each of two processes, really written to, and waits for ever. Prints `holding` when it does.

Usage: hold_memory.py MEBIBYTES
"""

import os
import signal
import sys

ready, tell = os.pipe()
is_child = os.fork() == 0
held = bytearray(os.urandom(1 << 20) * int(sys.argv[1]))
if is_child:
    os.write(tell, b".")
else:
    os.read(ready, 1)
    print("holding", flush=True)
signal.pause()
