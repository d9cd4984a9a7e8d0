#!/usr/bin/env python3
"""Never two looks at the same process: each forks the next into a session of its own and ends. Stops after 30,000.

Usage: comet.py STARTED: touches that file when it flies.
"""

import os
import signal
import sys

if os.fork() > 0:
    signal.pause()
for turn in range(30_000):
    if os.fork() > 0:
        os._exit(0)
    os.setsid()
    if turn == 10:
        open(sys.argv[1], "w").close()
