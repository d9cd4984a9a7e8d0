#!/usr/bin/env python3
"""Leaves a process behind that did all it could to get away: own session, forked twice, no environment, streams closed.

Usage: leave_a_daemon.py PIDFILE [stay]. Returns once the daemon has written its pid; with `stay`, waits for ever instead.
"""

import os
import select
import signal
import sys

DAEMON = """
import os, signal, sys
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
os.close(3)
while True:
    signal.pause()
"""


def main():
    done, told = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setpgid(0, 0)
            os.dup2(told, 3)
            os.set_inheritable(3, True)
            for fd in (0, 1, 2):
                os.close(fd)
            os.execve(sys.executable, [sys.executable, "-c", DAEMON, sys.argv[1]], {})
        os._exit(0)
    os.close(told)
    os.wait()
    select.select([done], [], [])
    if sys.argv[2:] == ["stay"]:
        signal.pause()


main()
