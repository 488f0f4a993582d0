"""Raw bytes: inline commands, broken requests, split and pipelined writes.

Each case runs on a connection of its own; what comes back is compared byte
for byte, and so is whether the server closes the connection.
"""

import random
import time

import quiet
from resp import Closed, Connection, encode

SPLIT_CASES = 40

PING = encode([b"PING"])
# Sent last; its reply tells that all before it was answered.
MARK = encode([b"ECHO", b"mark of the end"])
MARK_REPLY = b"$15\r\nmark of the end\r\n"
# How much of an overlong line arrives at once decides between two texts.
EITHER_TEXT = {"multibulk line too long", "bulk length line too long"}
CASES = {
    "inline ping": [b"PING\r\n"],
    "inline ping with newline only": [b"PING\n"],
    "inline with spaces": [b"  SET   k    v  \r\nGET k\r\n"],
    "inline with quotes": [b'SET k "a b\\x41\\n"\r\nGET k\r\n', b"SET k 'single \\' quote'\r\nGET k\r\n"],
    "inline unbalanced quotes": [b'SET k "abc\r\n', PING],
    "inline quote inside a word": [b'SET k a"b"\r\n', PING],
    "inline empty lines": [b"\r\n\r\n\n\r\nPING\r\n"],
    "inline only spaces": [b"   \r\nPING\r\n"],
    "inline unknown": [b"NOSUCH a b c\r\nPING\r\n"],
    "inline too long": [b"A" * (64 * 1024 + 10)],
    "inline too long with end": [b"A" * (200 * 1024) + b"\r\n", PING],
    "inline just short enough": [b"ECHO " + b"A" * (64 * 1024 - 10) + b"\r\n"],
    "inline with a nul": [b"SET k a\x00b\r\nGET k\r\n"],
    "http get": [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", PING],
    "http post": [b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", PING],
    "host header": [b"Host: example\r\n", PING],
    "empty multibulk": [b"*0\r\n", PING],
    "negative multibulk": [b"*-1\r\n", PING],
    "very negative multibulk": [b"*-10\r\n", PING],
    "multibulk not a number": [b"*abc\r\n", PING],
    "multibulk empty": [b"*\r\n", PING],
    "multibulk with a space": [b"* 1\r\n$4\r\nPING\r\n", PING],
    "multibulk with a plus": [b"*+1\r\n$4\r\nPING\r\n", PING],
    "multibulk with a zero": [b"*01\r\n$4\r\nPING\r\n", PING],
    "multibulk too large": [b"*1048577\r\n", PING],
    "multibulk at 2^31": [b"*2147483648\r\n", PING],
    "multibulk at 2^31-1": [b"*2147483647\r\n", PING],
    "multibulk too long for a number": [b"*99999999999999999999\r\n", PING],
    "multibulk line too long": [b"*" + b"1" * (64 * 1024 + 10), PING],
    "multibulk newline only": [b"*1\n$4\nPING\n", PING],
    "bulk missing dollar": [b"*1\r\nPING\r\n", PING],
    "bulk wrong type": [b"*1\r\n:4\r\n", PING],
    "bulk not a number": [b"*1\r\n$abc\r\n", PING],
    "bulk empty length": [b"*1\r\n$\r\n", PING],
    "bulk negative": [b"*1\r\n$-1\r\n", PING],
    "bulk too large": [b"*2\r\n$3\r\nGET\r\n$536870913\r\n", PING],
    "bulk far too large": [b"*1\r\n$99999999999999999999\r\n", PING],
    "bulk at 2^63": [b"*1\r\n$9223372036854775808\r\n", PING],
    "bulk length line too long": [b"*1\r\n$" + b"1" * (64 * 1024 + 10), PING],
    "bulk longer than said": [b"*1\r\n$4\r\nPINGPONG\r\n", PING],
    "bulk without line end": [b"*1\r\n$4\r\nPINGxx", PING],
    "empty command name": [b"*1\r\n$0\r\n\r\n", PING],
    "empty command name with argument": [b"*2\r\n$0\r\n\r\n$1\r\na\r\n", PING],
    "binary command name": [encode([b"\x00\xff\r\n", b"a"]), PING],
    "unknown with long arguments": [encode([b"NOSUCH", b"a" * 200, b"b" * 200]), PING],
    "unknown with many arguments": [encode([b"NOSUCH"] + [b"arg"] * 100), PING],
    "unknown with a line break": [encode([b"NO\r\nSUCH", b"a\nb"]), PING],
    "unknown with a quote": [encode([b"NO'SUCH", b"a'b"]), PING],
    "reply sent as a request": [b"+OK\r\n", PING],
    "integer sent as a request": [b":1\r\n", PING],
    "quit": [encode([b"QUIT"]), PING],
    "quit with an argument": [encode([b"QUIT", b"now"]), PING],
    "quit in a pipeline": [PING + encode([b"SET", b"k", b"v"]) + encode([b"QUIT"]) + encode([b"SET", b"k", b"w"])],
    "quit in multi": [encode([b"MULTI"]) + encode([b"SET", b"k", b"v"]) + encode([b"QUIT"])],
    "error before pipeline": [encode([b"GET"]) + PING + encode([b"LPUSH", b"k"]) + PING],
    "protocol error after commands": [PING + PING + b"*1\r\n$x\r\n" + PING],
    "protocol error in multi": [encode([b"MULTI"]) + encode([b"SET", b"k", b"v"]) + b"*1\r\n!4\r\n"],
    "inline after multibulk": [PING + b"PING\r\n" + PING + b"ECHO hi\r\n"],
    "blocking in a pipeline": [PING + encode([b"BLPOP", b"none", b"0.02"]) + PING + encode([b"ECHO", b"x"])],
    "blocking then quit": [encode([b"BLPOP", b"none", b"0.02"]) + encode([b"QUIT"])],
    "two blocking in a pipeline": [encode([b"BLPOP", b"none", b"0.01"]) * 2 + PING],
    "client reply off": [encode([b"CLIENT", b"REPLY", b"OFF"]) + PING + encode([b"CLIENT", b"REPLY", b"ON"]) + PING],
    "client reply skip": [encode([b"CLIENT", b"REPLY", b"SKIP"]) + PING + PING + encode([b"ECHO", b"x"])],
    "client reply skip off": [encode([b"CLIENT", b"REPLY", b"OFF"]) + encode([b"CLIENT", b"REPLY", b"SKIP"]) + PING],
    "client reply nonsense": [encode([b"CLIENT", b"REPLY", b"NO"]) + PING],
    "hello 3 in a pipeline": [encode([b"HELLO", b"9"]) + encode([b"HELLO", b"x"]) + PING],
    "hello errors": [encode([b"HELLO", b"3", b"AUTH", b"x"]) + encode([b"HELLO", b"3", b"NOSUCH"]) + PING],
    "hello wrong password": [encode([b"HELLO", b"3", b"AUTH", b"nobody", b"x"]) + PING],
    "nulls after hello 3": [encode([b"GET", b"none"]) + encode([b"LPOP", b"none", b"1"]) + encode([b"ZSCORE", b"none", b"a"])],
    "a large value": [encode([b"SET", b"k", b"x" * 300_000]) + encode([b"GET", b"k"])],
    "many in one write": [PING * 3000],
    "subscribe then get": [encode([b"SUBSCRIBE", b"c"]) + encode([b"GET", b"k"]) + PING],
    "reset": [encode([b"MULTI"]) + encode([b"RESET"]) + PING + encode([b"SUBSCRIBE", b"c"]) + encode([b"RESET"]) + PING],
    "exec after refused": [encode([b"MULTI"]) + encode([b"GET"]) + encode([b"NOSUCH"]) + encode([b"EXEC"]) + encode([b"EXEC"])],
}


def split_cases(seed):
    """Ordinary commands in one write, and cut at random places."""
    rng = random.Random(seed)
    commands = [
        [b"SET", b"k", b"value\r\nwith lines"], [b"GET", b"k"], [b"RPUSH", b"l", b"", b"$3\r\nfoo"], [b"LRANGE", b"l", b"0", b"-1"],
        [b"PING"], [b"ECHO", b"x" * 100], [b"NOSUCH"], [b"GET"], [b"MULTI"], [b"INCR", b"n"], [b"EXEC"], [b"DEL", b"k", b"l", b"n"],
    ]
    cases = {}
    for number in range(SPLIT_CASES):
        whole = b"".join(encode(commands[int(rng.random() * len(commands))]) for _ in range(12))
        if number % 4 == 0:
            whole = whole.replace(b"*1\r\n$4\r\nPING\r\n", b"PING\r\n")
        if number < 3:
            chunks = [whole[i : i + 1] for i in range(len(whole))]
        else:
            cuts = sorted(rng.sample(range(1, len(whole)), 5))
            chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)])]
        cases[f"split {number}"] = chunks
    return cases


# A line end after these would make something else of them.
UNMARKED = {"inline too long"}


class Exchange:
    """One case on one server."""

    def __init__(self, server, chunks, opening, mark):
        self.server = server
        self.control = Connection(server.port)
        self.control.call("FLUSHALL")
        self.connection = Connection(server.port)
        self.id = self.connection.call("CLIENT", "ID")[1]
        if opening:
            self.connection.call(*opening)
        try:
            for chunk in chunks:
                self.connection.send(chunk)
                if len(chunks) > 3:
                    time.sleep(0.0003)
            self.connection.send(mark)
        except Closed:
            pass

    def said(self, expected):
        """All that the server says, and whether it closes.

        `expected` is how many bytes the reference said and whether it closed, None for the reference.
        """
        deadline = time.monotonic() + quiet.PATIENCE_S
        data = self.connection.buf
        while not self.connection.finished and time.monotonic() < deadline:
            quiet.await_bytes(self.connection, 0.001)
            enough = expected is None or (len(data) >= expected[0] and not expected[1])
            if data.endswith(MARK_REPLY) or (enough and self._is_quiet()):
                break
        self.connection.close()
        self.control.close()
        return bytes(data), self.connection.finished

    def _is_quiet(self):
        """Whether nothing more comes: nobody is blocked, all was read and all that was written is here."""
        if self.server.is_proxy:
            self.control.call("PING")
            self.control.call("PING")
            quiet.take_all(self.connection)
            return True
        return not quiet.await_quiet(self.control, {self.id: self.connection})


def run(reference, others, resp_version, seed, report):
    """Runs every case; returns how many agreed and the names that did not."""
    opening = ["HELLO", "3"] if resp_version == 3 else []
    agreed, failures = 0, []
    for name, chunks in {**CASES, **split_cases(seed)}.items():
        mark = b"" if name in UNMARKED else MARK
        expected = Exchange(reference, chunks, opening, mark).said(None)
        for other in others:
            got = Exchange(other, chunks, opening, mark).said((len(expected[0]), expected[1]))
            if _same(name, expected, got):
                agreed += 1
                continue
            if ("wire", name) in failures:
                continue
            failures.append(("wire", name))
            report(
                f"DIFFERENCE wire {name!r} RESP{resp_version} {other.name}\n"
                f"  sent:      {_cut(b''.join(chunks))}\n"
                f"  reference: {_from(expected[0], got[0])} closed={expected[1]}\n"
                f"  other:     {_from(got[0], expected[0])} closed={got[1]}"
            )
    return agreed, failures


def _same(name, expected, got):
    if name in EITHER_TEXT and got[1]:
        return expected[0].split(b":")[0] == got[0].split(b":")[0]
    return expected == got


def _from(data, other):
    """The reply from the line of the first difference on."""
    same = next((i for i, (a, b) in enumerate(zip(data, other)) if a != b), min(len(data), len(other)))
    start = data.rfind(b"\n", 0, same) + 1
    return ("..." if start else "") + _cut(data[start:])


def _cut(data):
    return repr(data[:300]) + (f"... ({len(data)} bytes)" if len(data) > 300 else "")
