#!/usr/bin/env python3
"""A poison: kills the batond that runs it, with SIGKILL. The test's configuration says where its lock is."""
import os
import signal

with open(os.environ["NODE_LOCK"]) as lock:
    os.kill(int(lock.read()), signal.SIGKILL)
signal.pause()
