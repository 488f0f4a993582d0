"""What clients that cache are told while random sequences run.

A second connection on each server asks about all keys (CLIENT TRACKING BCAST).
After each batch the player publishes a mark; the keys heard up to it are
compared as a set, since a key that changes twice in a batch may be told once or
twice, and what another shard tells may come behind the mark. A key that expires
is left out from then on: servers notice that at different times.
"""

from compare import Difference
from events import LATE_S, MARK_CHANNEL, EventPlayer, EventSuite
from resp import Closed, Connection, Silent

EXPIRY = ("__keyevent@*__:expired", "__keyevent@*__:hexpired")
# What a flush tells of.
ALL = b"(everything)"


class Listener:
    """A connection that is told which keys change."""

    def __init__(self, port):
        self.connection = Connection(port, LATE_S)
        self.connection.call("HELLO", "3")
        if self.connection.call("CLIENT", "TRACKING", "ON", "BCAST") != ("+", b"OK"):
            raise RuntimeError("no server of client-side caching")
        self.connection.call("PSUBSCRIBE", EXPIRY[0])
        self.connection.call("PSUBSCRIBE", EXPIRY[1])
        self.connection.call("SUBSCRIBE", MARK_CHANNEL)

    def until_mark(self, wanted=frozenset()):
        """The keys told up to the mark, and until the wanted ones are among them; and those that have expired."""
        keys, mortal, marked = set(), set(), False
        while not marked or wanted - keys - mortal:
            try:
                _, items = self.connection.read_reply()
            except Silent:
                if marked:
                    break
                raise
            kind = items[0][1]
            if kind == b"message":
                marked = True
            elif kind == b"pmessage":
                mortal.add(items[3][1])
            elif kind == b"invalidate":
                told = items[1][1]
                keys.update([ALL] if isinstance(told, bytes) or told is None else (key for _, key in told))
        return keys, mortal


class InvalidationPlayer(EventPlayer):
    """A player that also compares what the listeners were told."""

    listener = Listener

    def _reset(self, targets):
        self.mortal = set()
        super()._reset(targets)

    def _heard(self, targets, as_many=False):
        self.exchange([[b"PUBLISH", MARK_CHANNEL, b""]], targets)
        heard, first = {}, frozenset()
        for target in targets:
            try:
                keys, mortal = self.listeners[target.name].until_mark(first)
            except (Closed, Silent, OSError):
                heard[target.name] = None
                self.listeners[target.name] = Listener(target.port)
                continue
            self.mortal |= mortal
            heard[target.name] = keys
            if as_many and target is targets[0]:
                first = frozenset(keys - self.mortal)
        return heard

    def _same(self, ours, theirs, target):
        if theirs is None:
            return False
        # That all shards are empty is told when the last one has told it, which may be behind the mark.
        late = {ALL} - ours if target.shards > 1 else set()
        return not (ours ^ theirs) - self.mortal - late

    def _difference(self, ours, theirs, name, at):
        here, there = ("silent" if keys is None else _told(keys, self.mortal) for keys in (ours, theirs))
        return Difference("invalidations", [b"INVALIDATIONS"], here, there, name, at)


def _told(keys, mortal):
    return " ".join(repr(key)[1:] for key in sorted(keys - mortal))


class InvalidationSuite(EventSuite):
    """Random sequences with clients that cache all keys; the same reports."""

    flags = "Exh"
    player = InvalidationPlayer


