"""A nats-server with JetStream of its own, for tests with several nodes."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from node import wait_until


class Server:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="baton-test-")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        self.log = os.path.join(self.dir, "nats-server.log")
        self.process = subprocess.Popen(
            ["nats-server", "-js", "-sd", os.path.join(self.dir, "store"), "-a", "127.0.0.1", "-p", str(self.port), "-l", self.log])
        wait_until(self.is_ready, "nats-server to get ready")

    def is_ready(self):
        if not os.path.exists(self.log):
            return False
        with open(self.log) as file:
            return "Server is ready" in file.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
