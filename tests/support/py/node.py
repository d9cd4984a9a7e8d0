"""A real batond with its private broker, for tests: started, killed, started again on the same data directory."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from broker import Broker, events_of

FINAL = {"run_completed", "run_failed", "run_cancelled"}


def wait_until(holds, what, patience=60):
    """Looks again and again until `holds()` is true; its value. Raises after `patience` seconds."""
    until = time.monotonic() + patience
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > until:
            raise TimeoutError(f"waited {patience} s for {what}")
        select_nothing()


def select_nothing():
    """Lets others run for a moment between two looks."""
    import select

    select.select([], [], [], 0.02)


class Node:
    def __init__(self, bin_dir, config="", arguments=()):
        self.program = os.path.join(bin_dir, "batond")
        self.dir = tempfile.mkdtemp(prefix="baton-test-")
        self.data = os.path.join(self.dir, "data")
        self.arguments = list(arguments)
        self.process = None
        self.starts = 0
        self.config = os.path.join(self.dir, "baton.toml")
        with open(self.config, "w") as file:
            file.write(config)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop(patience=20)
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def launch(self, **environment):
        """Does not wait for it; see `start`."""
        self.starts += 1
        self.log = os.path.join(self.dir, f"batond.{self.starts}.log")
        with open(self.log, "w") as out:
            self.process = subprocess.Popen(
                [self.program, "--config", self.config, "--data-dir", self.data, *self.arguments],
                stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment})
        return self

    def start(self, **environment):
        """Returns once the node says that it listens, or has ended."""
        self.launch(**environment)
        wait_until(lambda: self.ended() or " listens" in self.text(), "batond to listen")
        return self

    def text(self):
        with open(self.log) as file:
            return file.read()

    def ended(self):
        return self.process is None or self.process.poll() is not None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait_killed(self):
        """It dies by itself (a crash point, a poison)."""
        wait_until(self.ended, "batond to die")
        if self.process.returncode != -signal.SIGKILL:
            raise AssertionError(f"batond ended with {self.process.returncode}:\n{self.text()}")

    def stop(self, patience=30):
        """SIGTERM; its exit code. The broker ends with it."""
        if self.process is None:
            return None
        if not self.ended():
            self.process.terminate()
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.kill()
        self.end_broker()
        self.refuse_findings()
        return self.process.returncode

    def refuse_findings(self):
        """What a sanitizer found in any of its lives is a failure, also in one whose end nobody looked at."""
        for path in glob.glob(os.path.join(self.dir, "batond.*.log")):
            with open(path, errors="replace") as file:
                text = file.read()
            if re.search(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: ", text):
                raise AssertionError(f"a sanitizer's finding:\n{text}")

    def end_broker(self):
        for pid in processes_of(self.data):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def url(self):
        with open(os.path.join(self.data, "client.json")) as file:
            return json.load(file)["url"]

    def broker(self):
        return Broker(self.url())

    def broker_pid(self):
        return next(pid for pid in processes_of(self.data) if command_of(pid)[:1] and "nats-server" in command_of(pid)[0])


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def processes_of(data):
    """Every process whose command line names the data directory."""
    pids = [int(path.split("/")[2]) for path in glob.glob("/proc/[0-9]*/cmdline")]
    return [pid for pid in pids if any(data in part for part in command_of(pid))]


def programs_of(data):
    """Every process that runs for a session of this data directory, by the workspace it works in."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            if os.readlink(path + "/cwd").startswith(os.path.join(data, "workspaces")):
                found.append(int(path.split("/")[2]))
        except OSError:
            continue
    return found


def started_at(pid):
    """Together with the pid it names one process for ever. None: it does not run (any more)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def log_of(broker):
    """All commits in order: (sequence, session, [event, ...])."""
    return [(seq, subject.rsplit(".", 1)[1], events_of(headers)) for seq, subject, headers, _ in broker.messages("BATON_LOG")]


def finals_of(log):
    """Per session, the runs that ended, in order: [(run, kind), ...]."""
    ended = {}
    for _, session, events in log:
        for event in events:
            if event["kind"] in FINAL:
                ended.setdefault(session, []).append((event["run"], event["kind"]))
    return ended
