"""A NATS client for tests, small and independent of everything under test: the protocol over a socket, one thread."""
import base64
import json
import re
import socket
import time


class Broker:
    """`url` may hold user and password. Every wait has a deadline and raises TimeoutError."""

    def __init__(self, url, patience=30):
        found = re.fullmatch(r"nats://(?:(\w+):(\w+)@)?([\w.]+):(\d+)", url)
        user, password, host, port = found.groups()
        self.patience = patience
        self.waiting = []
        self.last_subscription = 0
        self.last_inbox = 0
        self.socket = socket.create_connection((host, int(port)), timeout=patience)
        self.buffer = b""
        self._line(time.monotonic() + patience)
        options = {"verbose": False, "headers": True, "no_responders": True}
        if user:
            options.update(user=user, **{"pass": password})
        self._send(f"CONNECT {json.dumps(options)}\r\nPING\r\n".encode())
        while self._line(time.monotonic() + patience) != b"PONG":
            pass
        self.inbox = f"_INBOX.py{id(self)}x{time.monotonic_ns()}"
        self.subscribe(self.inbox + ".*")

    def close(self):
        self.socket.close()

    def _send(self, data):
        self.socket.settimeout(self.patience)
        self.socket.sendall(data)

    def _more(self, until):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("nothing came in time")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(262144)
        except socket.timeout:
            raise TimeoutError("nothing came in time") from None
        if not data:
            raise ConnectionError("the broker closed the connection")
        self.buffer += data

    def _line(self, until):
        while b"\r\n" not in self.buffer:
            self._more(until)
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _bytes(self, count, until):
        while len(self.buffer) < count:
            self._more(until)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def subscribe(self, subject):
        self.last_subscription += 1
        self._send(f"SUB {subject} {self.last_subscription}\r\nPING\r\n".encode())
        until = time.monotonic() + self.patience
        while True:
            message = self._read(until)
            if message == "pong":
                return
            self.waiting.append(message)

    def publish(self, subject, payload, reply=""):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._send(f"PUB {subject} {reply} {len(data)}\r\n".encode() + data + b"\r\n")

    def _read(self, until):
        """A (subject, headers, payload), or "pong"."""
        while True:
            parts = self._line(until).split()
            if parts[0] == b"PING":
                self._send(b"PONG\r\n")
            elif parts[0] == b"PONG":
                return "pong"
            elif parts[0] == b"MSG":
                data = self._bytes(int(parts[-1]) + 2, until)[:-2]
                return parts[1].decode(), [], data
            elif parts[0] == b"HMSG":
                head, whole = int(parts[-2]), int(parts[-1])
                data = self._bytes(whole + 2, until)[:-2]
                return parts[1].decode(), headers_of(data[:head]), data[head:]
            elif parts[0] == b"-ERR":
                raise ConnectionError(b" ".join(parts).decode())

    def next(self, patience=None):
        """The next message on any subscription."""
        until = time.monotonic() + (self.patience if patience is None else patience)
        if self.waiting:
            return self.waiting.pop(0)
        while True:
            message = self._read(until)
            if message != "pong":
                return message

    def request(self, subject, payload, patience=None):
        self.last_inbox += 1
        reply = f"{self.inbox}.{self.last_inbox}"
        self.publish(subject, payload, reply)
        until = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            message = self._read(until)
            if message == "pong":
                continue
            if message[0] == reply:
                return message
            self.waiting.append(message)

    # ---- JetStream
    def store(self, subject, payload):
        """Publishes into a stream; the sequence under which it is stored."""
        answer = json.loads(self.request(subject, payload)[2])
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["seq"]

    def stream(self, name):
        return json.loads(self.request(f"$JS.API.STREAM.INFO.{name}", b"")[2])

    def messages(self, stream):
        """All that is stored, in order: (sequence, subject, headers, payload)."""
        state = self.stream(stream)["state"]
        found = []
        for seq in range(state["first_seq"], state["last_seq"] + 1):
            answer = json.loads(self.request(f"$JS.API.STREAM.MSG.GET.{stream}", {"seq": seq})[2])
            if "message" not in answer:
                continue
            message = answer["message"]
            headers = headers_of(base64.b64decode(message.get("hdrs", "")))
            found.append((seq, message["subject"], headers, base64.b64decode(message.get("data", ""))))
        return found


def headers_of(block):
    lines = block.decode().split("\r\n")[1:]
    return [tuple(line.split(": ", 1)) for line in lines if ": " in line]


def events_of(headers):
    """The `Baton-Event` headers of a commit, or of what was republished of it."""
    return [json.loads(value) for name, value in headers if name == "Baton-Event"]
