"""A bare connection: what goes over the wire and when, which a client library would hide."""

import socket


class Wire:
    """Sends requests as they are given and reads replies one at a time (RESP2 and RESP3)."""

    def __init__(self, server, seconds=60):
        self.socket = socket.create_connection((server.host, server.port), timeout=seconds)
        self.reader = self.socket.makefile("rb")

    def send(self, *requests):
        """Sends any number of requests, each a sequence of words, in one go."""
        self.socket.sendall(b"".join(encoded(request) for request in requests))

    def call(self, *words):
        """Sends one request and reads its reply."""
        self.send(words)
        return self.reply()

    def reply(self, seconds=None):
        """The next reply; errors come as texts with their minus. Raises TimeoutError when none comes."""
        if seconds is not None:
            self.socket.settimeout(seconds)
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError(f"the connection ended after {line!r}")
        kind, rest = line[:1], line[1:-2].decode()
        if kind in b"$=":
            return self._text(int(rest))
        if kind in b"*>~%":
            count = int(rest) * (2 if kind == b"%" else 1)
            return None if count < 0 else [self.reply() for _ in range(count)]
        if kind == b":":
            return int(rest)
        return {b"+": rest, b"-": f"-{rest}", b"_": None}.get(kind, rest)

    def _text(self, length):
        return None if length < 0 else self.reader.read(length + 2)[:-2].decode()

    def close(self):
        """Ends the connection at once."""
        self.reader.close()
        self.socket.close()


def encoded(words):
    """A request in the multibulk form."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts.append(f"${len(raw)}\r\n".encode() + raw + b"\r\n")
    return b"".join(parts)
