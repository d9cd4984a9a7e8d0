"""A nats-server with JetStream of its own, for tests with several nodes."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from node import wait_until


class Server:
    """`config`: what else its file holds. The first user that is named there is the one of `url`."""

    def __init__(self, config=""):
        self.dir = tempfile.mkdtemp(prefix="baton-test-")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        user = re.search(r"user: (\w+), password: (\w+)", config)
        self.url = f"nats://{user[1]}:{user[2]}@127.0.0.1:{self.port}" if user else f"nats://127.0.0.1:{self.port}"
        self.process = None
        self.configure(config)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        self.log = os.path.join(self.dir, "nats-server.log")
        if os.path.exists(self.log):
            os.remove(self.log)
        self.process = subprocess.Popen(
            ["nats-server", "-js", "-sd", self.store, "-a", "127.0.0.1", "-p", str(self.port), "-l", self.log, *self.options])
        wait_until(self.is_ready, "nats-server to get ready")

    def configure(self, config):
        """From the next start on; `url` stays as it is."""
        path = os.path.join(self.dir, "nats-server.conf")
        with open(path, "w") as file:
            file.write(config)
        # It takes no file that sets nothing.
        self.options = ["-c", path] if config else []

    @property
    def store(self):
        return os.path.join(self.dir, "store")

    def empty(self):
        """While it is not running: all that it kept is gone."""
        shutil.rmtree(self.store, ignore_errors=True)

    def is_ready(self):
        if not os.path.exists(self.log):
            return False
        with open(self.log) as file:
            return "Server is ready" in file.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
