"""Plays a sequence on the reference and on the others, and compares.

Replies of a batch are compared as bytes first; only a batch that differs is
parsed and compared reply by reply with its commands' rules.
"""

from dataclasses import dataclass

import rules
import state
from resp import Closed, Connection, Malformed, Incomplete, Silent, encode, parse_all, show, show_command

BATCH_COMMANDS = 150
# Full states are compared after this many batches and at the end.
BATCHES_PER_STATE = 3
# Longer replies are cut in reports.
SHOWN_MAX = 600
TAIL = encode([b"DISCARD"]) + encode([b"ECHO", b"end of batch"])
TAIL_REPLY = b"$12\r\nend of batch\r\n"
RESET = [
    [b"SELECT", b"0"],
    [b"UNWATCH"],
    [b"FLUSHALL"],
    [b"SCRIPT", b"FLUSH"],
    [b"FUNCTION", b"FLUSH"],
]


@dataclass
class Difference:
    """The first reply (or piece of state) in which two servers disagree."""

    kind: str
    command: list
    reference: object
    other: object
    other_name: str
    at: int

    def signature(self):
        """What makes two differences count as the same bug."""
        return (self.kind, rules.name_of(self.command), _class_of(self.reference), _class_of(self.other))

    def text(self):
        """A report of several lines."""
        lines = [
            f"  command:   {show_command(self.command)}",
            f"  reference: {_shown(self.reference)}",
            f"  {self.other_name + ':':<10} {_shown(self.other)}",
        ]
        where, ours, theirs = _first_inner(self.reference, self.other)
        if where:
            lines.append(f"  first at {where}: {_shown(ours)} and {_shown(theirs)}")
        return "\n".join(lines)


def _shown(reply):
    text = reply if isinstance(reply, str) else show(reply)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}... ({len(text)} characters)"


def _first_inner(ours, theirs):
    """Where inside two aggregates the first difference lies."""
    where = []
    while (
        not isinstance(ours, str)
        and not isinstance(theirs, str)
        and isinstance(ours[1], list)
        and isinstance(theirs[1], list)
        and len(ours[1]) == len(theirs[1])
        and ours[0] == theirs[0]
    ):
        unequal = [index for index, (a, b) in enumerate(zip(ours[1], theirs[1])) if a != b]
        if not unequal:
            break
        where.append(unequal[0])
        ours, theirs = ours[1][unequal[0]], theirs[1][unequal[0]]
    return where, ours, theirs


def _class_of(reply):
    if isinstance(reply, str):
        return reply.split(":")[0]
    kind, content = reply
    if kind == "-":
        return "-" + " ".join(content.decode("latin-1").split()[:4])
    if content is None:
        return kind + "nil"
    return kind


class Target:
    """A server with the connection on which it is compared."""

    def __init__(self, name, port, resp_version, timeout_s=10.0, shards=1):
        self.name = name
        self.port = port
        self.shards = shards
        self.resp_version = resp_version
        self.timeout_s = timeout_s
        self.connection = None

    def connect(self):
        """Opens a fresh connection, dropping a broken one."""
        if self.connection:
            self.connection.close()
        self.connection = Connection(self.port, self.timeout_s)
        if self.resp_version == 3:
            reply = self.connection.call("HELLO", "3")
            if reply[0] != "%":
                raise RuntimeError(f"{self.name} refuses HELLO 3: {show(reply)}")

    def send(self, data):
        """Sends a batch whose end `receive` waits for."""
        if self.connection is None:
            self.connect()
        self.connection.send(data)

    def receive(self):
        """The batch's reply bytes, without the tail's."""
        return self.connection.receive_until(TAIL_REPLY)


class Player:
    """Plays sequences on a reference and others, keeping count."""

    def __init__(self, reference, others, prelude=()):
        self.reference = reference
        self.others = others
        self.prelude = list(prelude)
        self.compared = 0
        # Whether states include OBJECT ENCODING.
        self.encodings = True

    def play(self, units, others=None, states=True):
        """The differences of a fresh run of the units, at most one a server."""
        others = list(self.others if others is None else others)
        differences = []
        self._reset([self.reference, *others])
        start = 0
        batches = batches_of(units)
        for number, batch in enumerate(batches, 1):
            found = self._batch(batch, start, others)
            start += len(batch)
            if states and (number == len(batches) or number % BATCHES_PER_STATE == 0):
                left = [each for each in others if each.name not in found]
                found.update(state.compare(self, left, start))
            differences += found.values()
            others = [each for each in others if each.name not in found]
            if not others:
                break
        return differences

    def _reset(self, targets):
        data = TAIL + b"".join(encode(command) for command in RESET + self.prelude) + TAIL
        for target in targets:
            try:
                target.send(data)
                target.receive()
            except (Closed, Silent, OSError):
                target.connect()
                target.send(data)
                target.receive()

    def exchange(self, commands, targets):
        """Each target's reply bytes to the commands, or the exception that ended it."""
        data = b"".join(map(encode, commands)) + TAIL
        answers = []
        for target in targets:
            try:
                target.send(data)
            except (Closed, OSError) as error:
                answers.append(error)
                continue
            answers.append(None)
        for index, target in enumerate(targets):
            if answers[index] is None:
                try:
                    answers[index] = target.receive()
                except (Closed, Silent, OSError) as error:
                    answers[index] = error
        return answers

    def _batch(self, batch, start, others):
        ours, *theirs = self.exchange(batch, [self.reference, *others])
        if isinstance(ours, Exception):
            self.reference.connect()
            raise RuntimeError(f"the reference did not answer a batch: {ours!r}: {[show_command(c) for c in batch[-3:]]}")
        found = {}
        our_replies = None
        for target, data in zip(others, theirs):
            if data == ours:
                self.compared += len(batch)
                continue
            if our_replies is None:
                our_replies = parse_all(ours)
            difference = self._differ(batch, start, our_replies, data, target)
            if difference:
                found[target.name] = difference
        return found

    def _differ(self, batch, start, ours, data, target):
        error = None
        if isinstance(data, Exception):
            error = data
            data = bytes(target.connection.buf) if target.connection else b""
            target.connection = None
        theirs, parse_error = replies_of(data)
        following = rules.Transaction()
        for index, args in enumerate(batch):
            if index >= len(theirs):
                reason = error or parse_error or "fewer replies than commands"
                return Difference("silence", args, ours[index], f"no reply: {reason!r}", target.name, start + index)
            queued = following.step(args, ours[index])
            if not rules.same(args, ours[index], theirs[index], queued):
                return Difference("reply", args, ours[index], theirs[index], target.name, start + index)
            self.compared += 1
        if error or len(theirs) != len(ours):
            reason = f"extra or missing tail: {error!r}"
            return Difference("silence", [b"ECHO", b"end of batch"], ours[-1], reason, target.name, start + len(batch))
        return None


def batches_of(units):
    """The commands in batches; none ends inside a unit, where states may differ."""
    batches = []
    batch = []
    for unit in units:
        batch += unit
        if len(batch) >= BATCH_COMMANDS:
            batches.append(batch)
            batch = []
    if batch:
        batches.append(batch)
    return batches


def replies_of(data):
    """The complete replies of a buffer and why it ends early, if it does."""
    try:
        return parse_all(data), None
    except (Malformed, Incomplete, ValueError) as error:
        complete = []
        from resp import parse

        pos = 0
        try:
            while pos < len(data):
                reply, pos = parse(data, pos)
                complete.append(reply)
        except (Malformed, Incomplete, ValueError):
            pass
        return complete, error
