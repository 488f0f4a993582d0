"""RESP encoding, reply parsing and the socket that carries both.

A parsed reply is a pair (kind, content): kind is the RESP type byte as one
character, content is bytes, None for a null, or a list of replies. Nothing is
converted, so two replies are equal only if their bytes are.
"""

import select
import socket
import time

CRLF = b"\r\n"
AGGREGATES = {ord("*"): "*", ord("~"): "~", ord(">"): ">"}


class Closed(Exception):
    """The server closed the connection before the awaited bytes came."""


class Silent(Exception):
    """The awaited bytes did not come in time."""


class Incomplete(Exception):
    """The buffer ends inside a reply."""


class Malformed(Exception):
    """The bytes are not RESP."""


def encode(args):
    """One command as a RESP array of bulk strings."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        parts.append(b"$%d\r\n%b\r\n" % (len(arg), arg))
    return b"".join(parts)


def parse(buf, pos):
    """Returns (reply, next position) of the reply that starts at `pos`."""
    end = buf.find(CRLF, pos)
    if end < 0:
        raise Incomplete
    kind = buf[pos]
    line = bytes(buf[pos + 1 : end])
    pos = end + 2
    if kind == 0x24 or kind == 0x3D:  # $ bulk, = verbatim
        length = int(line)
        if length < 0:
            return (chr(kind), None), pos
        end = pos + length
        if len(buf) < end + 2:
            raise Incomplete
        if buf[end : end + 2] != CRLF:
            raise Malformed("bulk string without its line end")
        return (chr(kind), bytes(buf[pos:end])), end + 2
    if kind in b"+-:,#(_":
        return (chr(kind), line), pos
    if kind in AGGREGATES:
        count = int(line)
        if count < 0:
            return (AGGREGATES[kind], None), pos
        return _parse_items(AGGREGATES[kind], buf, pos, count)
    if kind == 0x25 or kind == 0x7C:  # % map, | attribute
        return _parse_items(chr(kind), buf, pos, 2 * int(line))
    raise Malformed(f"unknown reply type {chr(kind)!r}")


def _parse_items(kind, buf, pos, count):
    items = []
    for _ in range(count):
        item, pos = parse(buf, pos)
        items.append(item)
    return (kind, items), pos


def parse_all(buf):
    """All replies of a buffer that ends at a reply boundary."""
    replies = []
    pos = 0
    while pos < len(buf):
        reply, pos = parse(buf, pos)
        replies.append(reply)
    return replies


def show(reply):
    """One line for a person."""
    kind, content = reply
    if isinstance(content, list):
        return kind + "[" + ", ".join(show(item) for item in content) + "]"
    if content is None:
        return kind + "nil"
    return kind + repr(content)[1:]


def show_command(args):
    """A command the way redis-cli would take it."""
    return " ".join(_quote(arg) for arg in args)


def _quote(arg):
    plain = bool(arg) and all(33 <= c < 127 and c not in b"\"'\\" for c in arg)
    if plain:
        return arg.decode()
    body = "".join(
        chr(c) if 32 <= c < 127 and c not in b"\"\\" else f"\\x{c:02x}" for c in arg
    )
    return f'"{body}"'


class Connection:
    """One client connection with its own receive buffer."""

    def __init__(self, port, timeout_s=30.0):
        self.port = port
        self.timeout_s = timeout_s
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = bytearray()
        # How many bytes went each way, and whether the server has closed.
        self.sent = 0
        self.received = 0
        self.finished = False
        self.end_told = False

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sent += len(data)
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(str(error)) from error

    def receive_some(self, timeout_s):
        """Adds what arrives within the time to the buffer."""
        ready, _, _ = select.select([self.sock], [], [], max(0.0, timeout_s))
        if not ready:
            raise Silent(f"nothing came within {timeout_s:.2f} s")
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("closed by the server")
        self.received += len(data)
        self.buf += data

    def receive_until(self, tail):
        """All bytes before `tail`, which must be the last of the buffer."""
        deadline = time.monotonic() + self.timeout_s
        while not self.buf.endswith(tail):
            self.receive_some(deadline - time.monotonic())
        data = bytes(self.buf[: -len(tail)])
        self.buf.clear()
        return data

    def read_reply(self, timeout_s=None):
        """The next reply."""
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        while True:
            try:
                reply, end = parse(self.buf, 0)
            except Incomplete:
                self.receive_some(deadline - time.monotonic())
                continue
            del self.buf[:end]
            return reply

    def read_ready(self):
        """Replies that are already here; does not wait."""
        try:
            while True:
                self.receive_some(0)
        except (Silent, Closed):
            pass
        replies = []
        while self.buf:
            try:
                reply, end = parse(self.buf, 0)
            except Incomplete:
                break
            del self.buf[:end]
            replies.append(reply)
        return replies

    def call(self, *args, timeout_s=None):
        """Sends one command and returns its reply."""
        self.send(encode([_bytes(arg) for arg in args]))
        return self.read_reply(timeout_s)


def _bytes(arg):
    if isinstance(arg, bytes):
        return arg
    return str(arg).encode()


def plain(reply):
    """Nested lists, dicts, ints and strings of a reply, for reading metadata."""
    kind, content = reply
    if kind in "*~>" and content is not None:
        return [plain(item) for item in content]
    if kind == "%":
        items = [plain(item) for item in content]
        return dict(zip(items[::2], items[1::2]))
    if kind == ":":
        return int(content)
    if content is None or kind == "_":
        return None
    if kind == "-":
        return Exception(content.decode("latin-1"))
    return content.decode("latin-1")
