"""Plays scripts over several connections and compares what each one hears.

A script is a list of lines. `A: BLPOP k 0` sends on connection A, `A? BLPOP k 0`
only if A is not blocked (on the reference); `sleep 30`
lets time-outs pass. `$A` in a command is the client id of connection A.

The reference runs first and shows which connection gets how many replies
after each line; the other server is given time for just these, so nothing
depends on a guess of how long silence lasts.
"""

import re
import shlex
import time
from dataclasses import dataclass

import rules
from resp import Closed, Connection, Silent, encode, parse, show

# How long a reply that the reference gave may take elsewhere.
REPLY_TIMEOUT_S = 2.0
# How long a command may take to block or to answer.
SETTLE_TIMEOUT_S = 1.0
# A server that cannot tell how many clients are blocked gets that long.
SETTLE_WITHOUT_INFO_S = 0.02
# How long a server may take to have as many clients blocked as the reference.
BLOCK_TIMEOUT_S = 0.05
# What MONITOR sends: without time and address, and without our own traffic.
FEED = re.compile(rb"\d+\.\d+ \[(\d+) \S+\] (.*)", re.S)
OURS = re.compile(rb'"INFO" "clients"|"ECHO" "heard"')
# How the names of generated scripts end that send to connections while they are blocked.
WILD = "wild"
CLOSED = ("closed", b"")


@dataclass
class Mismatch:
    """What one line led to on both servers, for one connection."""

    line: str
    letter: str
    ours: list
    theirs: list

    def text(self):
        return (
            f"  line:      {self.line}\n  connection {self.letter}\n"
            f"  reference: {_shown(self.ours)}\n  other:     {_shown(self.theirs)}"
        )


def _shown(replies):
    if not replies:
        return "(nothing)"
    return " ; ".join(show(reply)[:400] for reply in replies)


def words(text):
    """The arguments of a script line; quotes and \\x escapes as in a shell."""
    parts = shlex.split(text)
    return [part.encode("latin-1").decode("unicode_escape").encode("latin-1") for part in parts]


class Stage:
    """One server's side of a script: its connections and what they heard."""

    def __init__(self, server, resp_version):
        self.server = server
        self.resp_version = resp_version
        self.connections = {}
        self.ids = {}
        self.blocked = set()
        self.last_sent = {}
        self.transactions = {}
        self.control = Connection(server.port)
        for command in (["FLUSHALL"], ["SCRIPT", "FLUSH"], ["FUNCTION", "FLUSH"]):
            self.control.call(*command)

    def connection(self, letter):
        """The connection of this letter, opened at its first use."""
        if letter not in self.connections:
            connection = Connection(self.server.port, REPLY_TIMEOUT_S)
            self.ids[letter] = connection.call("CLIENT", "ID")[1]
            if self.resp_version == 3:
                connection.call("HELLO", "3")
            self.connections[letter] = connection
        return self.connections[letter]

    def send(self, line):
        """Sends a line; returns the letter of its connection."""
        letter, text = line.split(":", 1)
        letter = letter.strip()
        args = [self._substituted(word) for word in words(text)]
        self.last_sent[letter] = args
        try:
            self.connection(letter).send(encode(args))
        except Closed:
            pass
        return letter

    def _substituted(self, word):
        def id_of(match):
            name = match.group(1).decode()
            self.connection(name)
            return self.ids[name]

        return re.sub(rb"\$([A-Z])\b", id_of, word)

    def settle(self, letter):
        """Waits until the command was answered or blocks its connection."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        connection = self.connections[letter]
        while time.monotonic() < deadline:
            try:
                connection.receive_some(0.0005)
                break
            except Silent:
                pass
            except Closed:
                break
            if self.blocked_clients() > len(self.blocked - {letter}):
                break

    def blocked_clients(self):
        kind, text = self.control.call("INFO", "clients")
        found = re.search(rb"blocked_clients:(\d+)", text or b"") if kind in "$=" else None
        if found is None:
            time.sleep(SETTLE_WITHOUT_INFO_S)
            return len(self.connections)
        return int(found.group(1))

    def await_blocked(self, count):
        """Waits until as many clients are blocked as on the reference: who was served may have blocked again."""
        deadline = time.monotonic() + BLOCK_TIMEOUT_S
        while self.blocked_clients() != count and time.monotonic() < deadline:
            time.sleep(0.0005)

    def heard(self):
        """What every connection has received up to now, by letter."""
        self.control.call("ECHO", "heard")
        return {letter: _drained(connection) for letter, connection in self.connections.items()}

    def await_counts(self, counts):
        """As heard, but waits for as many replies as the reference had."""
        deadline = time.monotonic() + REPLY_TIMEOUT_S
        got = {letter: [] for letter in self.connections}
        while True:
            for letter, connection in self.connections.items():
                got[letter] += _drained(connection)
            missing = [letter for letter, count in counts.items() if len(got.get(letter, [])) < count]
            if not missing or time.monotonic() > deadline:
                break
            try:
                self.connections[missing[0]].receive_some(0.002)
            except (Silent, Closed):
                pass
        return got

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.control.close()


def _drained(connection):
    """All complete replies that are here; ends with CLOSED if the peer closed."""
    replies = []
    if getattr(connection, "finished", False):
        return replies
    closed = False
    try:
        while True:
            connection.receive_some(0)
    except Silent:
        pass
    except Closed:
        closed = True
    while connection.buf:
        try:
            reply, end = parse(connection.buf, 0)
        except Exception:
            break
        del connection.buf[:end]
        fed = FEED.match(reply[1]) if reply[0] == "+" else None
        if fed is None:
            replies.append(reply)
        elif not OURS.search(reply[1]):
            replies.append(("+", fed.group(1) + b" " + fed.group(2)))
    if closed:
        connection.finished = True
        replies.append(CLOSED)
    return replies


def play(script, reference, other, resp_version):
    """The mismatches of a script and how many replies agreed.

    It goes on behind a reply that differs, but not behind one too few or too many.
    """
    ours, theirs = Stage(reference, resp_version), Stage(other, resp_version)
    agreed, mismatches = 0, []
    try:
        for line in script:
            if line[1:2] == "?":
                if line[0] in ours.blocked:
                    continue
                line = line.replace("?", ":", 1)
            our_heard, their_heard = _step(ours, theirs, line)
            for letter in sorted(set(our_heard) | set(their_heard)):
                a, b = our_heard.get(letter, []), their_heard.get(letter, [])
                if _agree(ours, letter, a, b):
                    agreed += len(a)
                    continue
                mismatches.append(Mismatch(line, letter, a, b))
                if len(a) != len(b):
                    return mismatches, agreed
        return mismatches, agreed
    finally:
        ours.close()
        theirs.close()


def _step(ours, theirs, line):
    if line.startswith("sleep "):
        time.sleep(int(line.split()[1]) / 1000)
        our_heard = ours.heard()
        return our_heard, theirs.await_counts({k: len(v) for k, v in our_heard.items()})
    letter = ours.send(line)
    theirs.send(line)
    ours.settle(letter)
    our_heard = ours.heard()
    their_heard = theirs.await_counts({k: len(v) for k, v in our_heard.items()})
    if not our_heard.get(letter):
        theirs.settle(letter)
        late = theirs.await_counts({})
        their_heard = {k: their_heard.get(k, []) + late.get(k, []) for k in {*their_heard, *late}}
    theirs.await_blocked(ours.blocked_clients())
    for stage, heard in ((ours, our_heard), (theirs, their_heard)):
        stage.blocked = {each for each in {*stage.blocked, letter} if not heard.get(each)}
    return our_heard, their_heard


def _agree(stage, letter, ours, theirs):
    queued = None
    for reply in ours:
        following = stage.transactions.setdefault(letter, rules.Transaction())
        queued = following.step(stage.last_sent.get(letter, [b"PING"]), reply) or queued
    if ours == theirs:
        return True
    if len(ours) != len(theirs):
        return False
    args = stage.last_sent.get(letter, [b"PING"])
    return all(a == b or rules.same(args, a, b, queued) for a, b in zip(ours, theirs))


def _smallest(name, script, reference, other, resp_version, mismatches):
    """The report of a generated script, shortened as long as it still shows a difference."""
    chunk = len(script) // 2
    while chunk:
        start = 0
        while start < len(script):
            shorter = script[:start] + script[start + chunk :]
            found, _ = play(shorter, reference, other, resp_version)
            if found:
                script, mismatches = shorter, found
            else:
                start += chunk
        chunk //= 2
    lines = "\n".join(f"    {line}" for line in script)
    return f"DIFFERENCE script {name!r} RESP{resp_version} {other.name}\n{lines}\n{mismatches[0].text()}"


def sendable(script, available):
    """The lines whose commands are available (all of them if that is None)."""
    if available is None:
        return script
    return [line for line in script if line.startswith("sleep") or _is_available(line, available)]


def _is_available(line, available):
    """Names that no server has are kept: they ask for an error."""
    name = rules.name_of([word.encode() for word in line.split()[1:3]])
    parent = name.split("|")[0]
    return name in available or "nosuch" in parent or (parent in available and name.endswith(("|nosuch", "|help")))


def is_for(name, server):
    """Wild scripts, in which the order of pipelines matters, need a single shard."""
    return not name.endswith(WILD) or server.name.endswith("/1")


def run(scripts, reference, others, resp_version, report, available=None):
    """Plays scripts (by name) on every other server; how many replies agreed, what failed."""
    agreed, failures = 0, set()
    for name, whole in scripts.items():
        script = sendable(whole, available)
        for other in (each for each in others if is_for(name, each)):
            mismatches, count = play(script, reference, other, resp_version)
            agreed += count
            if mismatches and name.startswith("generated"):
                failures.add(("script", name, other.name))
                report(_smallest(name, script, reference, other, resp_version, mismatches))
                continue
            for mismatch in mismatches:
                # A line by its text: the same elsewhere, or on another server, is told once.
                failure = ("script", mismatch.line, mismatch.letter)
                if failure not in failures:
                    failures.add(failure)
                    report(f"DIFFERENCE script {name!r} RESP{resp_version} {other.name}\n{mismatch.text()}")
    return agreed, sorted(failures)
