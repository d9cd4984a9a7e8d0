"""A link that loses some of what a node says to its broker: whole messages by their subject, or only where they ask to be answered.
The broker then has heard nothing, or has heard it and cannot confirm it; all else passes."""
import collections

from link import Link


class Sieve(Link):
    """`swallowed` counts, by the prefix that was asked for. The client's protocol is read on every connection, from its start."""

    def __init__(self, port):
        self.lost = ()
        self.muted = ()
        self.swallowed = collections.Counter()
        self.unread = {}
        super().__init__(port)

    def swallow(self, *prefixes):
        """From now on messages to these subjects do not arrive; those that were named before do again."""
        self.lost = prefixes

    def mute(self, *prefixes):
        """From now on messages to these subjects arrive without a word of who wants to hear of it."""
        self.muted = prefixes

    def let_pass(self):
        self.lost = self.muted = ()

    def _sift(self, end, data):
        if end not in self.is_node:
            return data
        unread = self.unread.pop(end, b"") + data
        passed = []
        while b"\r\n" in unread:
            line, rest = unread.split(b"\r\n", 1)
            words = line.split()
            verb = words[0].upper() if words else b""
            if verb not in (b"PUB", b"HPUB"):
                passed.append(line + b"\r\n")
                unread = rest
                continue
            size = int(words[-1]) + 2
            if len(rest) < size:
                break
            line = self._judge(verb, words, line)
            if line:
                passed.append(line + b"\r\n" + rest[:size])
            unread = rest[size:]
        self.unread[end] = unread
        return b"".join(passed)

    def _judge(self, verb, words, line):
        """The line as it goes on; empty if the message does not."""
        subject = words[1].decode()
        for prefix in self.lost:
            if subject.startswith(prefix):
                self.swallowed[prefix] += 1
                return b""
        numbers = 1 if verb == b"PUB" else 2
        for prefix in self.muted:
            if subject.startswith(prefix) and len(words) == 3 + numbers:
                self.swallowed[prefix] += 1
                return b" ".join([verb, words[1], *words[-numbers:]])
        return line
