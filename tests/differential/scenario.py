"""Plays scripts over several connections and compares what each one hears.

A script is a list of lines. `A: BLPOP k 0` sends on connection A, `A? BLPOP k 0`
only if A is not blocked (on the reference); `sleep 30`
lets time-outs pass. `$A` in a command is the client id of connection A.

The reference shows which connection gets how many replies after each line and
which are blocked then. The other server is given (long) time for just these;
that nothing more comes is known from what it tells of its clients (quiet.py).
So nothing depends on a guess of how long silence lasts. Who waits for time to
pass (`sleep`) may be answered at any moment before that.
"""

import re
import shlex
import time
from dataclasses import dataclass

import quiet
import rules
from resp import Closed, Connection, Incomplete, Malformed, encode, parse, show

# How long a reply that the reference gave, or blocking as it did, may take elsewhere.
REPLY_TIMEOUT_S = 20.0
# What MONITOR sends.
FEED = re.compile(rb"\d+\.\d+ \[(\d+) \S+\] (.*)", re.S)
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
        # Received, and not yet compared.
        self.got = {}
        self.control = Connection(server.port)
        for command in (["FLUSHALL"], ["SCRIPT", "FLUSH"], ["FUNCTION", "FLUSH"]):
            self.control.call(*command)

    def connection(self, letter):
        """The connection of this letter, opened at its first use."""
        if letter not in self.connections:
            connection = Connection(self.server.port)
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

    def heard(self):
        """What every connection has received when the server has no more to say, by letter."""
        connections = {self.ids[letter]: each for letter, each in self.connections.items()}
        if self.server.is_proxy:
            # Who forwards in between may change lengths; what was said before is passed on before.
            for _ in range(2):
                self.control.call("ECHO", "heard")
            for each in connections.values():
                quiet.take_all(each)
        else:
            blocked = quiet.await_quiet(self.control, connections)
            self.blocked = {letter for letter, number in self.ids.items() if number in blocked}
        return {letter: _taken(each) for letter, each in self.connections.items()}

    def heard_like(self, counts, blocked, patient):
        """As heard, but waits for as many replies as the reference had, and until who is blocked there is blocked.

        Who is `patient` there waits for time to pass, which may end earlier here: such replies are kept for later.
        """
        deadline = time.monotonic() + REPLY_TIMEOUT_S
        while True:
            for letter, replies in self.heard().items():
                self.got.setdefault(letter, []).extend(replies)
            over = {letter: len(replies) - counts.get(letter, 0) for letter, replies in self.got.items()}
            missing = [letter for letter in counts if over.get(letter, 0) < 0]
            early = {letter for letter in patient if over.get(letter, 0) > 0}
            alike = self.server.is_proxy or self.blocked == blocked - early
            surplus = any(count > 0 for letter, count in over.items() if letter not in patient)
            if surplus or (alike and not missing) or time.monotonic() > deadline:
                break
            quiet.await_bytes(self.connections[missing[0] if missing else min(self.got)], 0.001)
        heard, self.got = self.got, {}
        for letter in early:
            heard[letter], self.got[letter] = heard[letter][: counts[letter]], heard[letter][counts[letter] :]
        if not (alike or missing or surplus):
            for letter in self.blocked ^ (blocked - early):
                heard[letter].append(("blocked", b"yes" if letter in self.blocked else b"no"))
        return heard

    def can_time_out(self, letter):
        """Whether the last command of a blocked connection names a time: all of them write 0 for none."""
        return b"0" not in self.last_sent[letter]

    def close(self):
        """Ends the connections; who was blocked is in nobody's way afterwards."""
        for connection in self.connections.values():
            connection.close()
        if not self.server.is_proxy:
            quiet.await_gone(self.control, set(self.ids.values()))
        self.control.close()


def _taken(connection):
    """The complete replies in the connection's buffer; ends with CLOSED if the peer closed."""
    replies = []
    while connection.buf:
        try:
            reply, end = parse(connection.buf, 0)
        except (Incomplete, Malformed, ValueError):
            break
        del connection.buf[:end]
        fed = FEED.match(reply[1]) if reply[0] == "+" else None
        replies.append(_without_id(reply) if fed is None else ("+", fed.group(1) + b" " + fed.group(2)))
    if connection.finished and not connection.end_told:
        connection.end_told = True
        replies.append(CLOSED)
    return replies


def _without_id(reply):
    """The number of the client that is gone differs between servers."""
    if reply[0] == ">" and reply[1][0][1] == b"tracking-redir-broken":
        return (">", [reply[1][0], (":", b"gone")])
    return reply


def play(script, reference, other, resp_version):
    """The mismatches of a script and how many replies agreed.

    It goes on behind a reply that differs, but not behind one too few or too many.
    """
    ours, theirs = Stage(reference, resp_version), Stage(other, resp_version)
    agreed, mismatches = 0, []
    last_sleep = max((at for at, line in enumerate(script) if line.startswith("sleep ")), default=-1)
    try:
        for at, line in enumerate(script):
            if line[1:2] == "?":
                if line[0] in ours.blocked:
                    continue
                line = line.replace("?", ":", 1)
            our_heard, their_heard = _step(ours, theirs, line, at < last_sleep)
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


def _step(ours, theirs, line, sleep_follows):
    """What every connection hears after a line, on both servers."""
    if line.startswith("sleep "):
        time.sleep(int(line.split()[1]) / 1000)
    else:
        ours.send(line)
        theirs.send(line)
    our_heard = ours.heard()
    patient = {letter for letter in ours.blocked if sleep_follows and ours.can_time_out(letter)}
    return our_heard, theirs.heard_like({k: len(v) for k, v in our_heard.items()}, ours.blocked, patient)


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
