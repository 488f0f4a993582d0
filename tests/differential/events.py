"""Keyspace events of random sequences: a second connection listens on each server.

After each batch the player publishes a mark; what the listener heard up to it
is compared in order. Of a server with several shards, each of which tells of its
own keys, the order is compared key by key, and what another shard tells may come
behind the mark. Expiry events come when a server notices, and are left out.
"""

from compare import Difference, Player
from random_suite import RandomSuite
from resp import Closed, Connection, Silent

MARK_CHANNEL = b"mark"
LEFT_OUT = (b"expired", b"hexpired")
# How long one event may come behind the others, in seconds.
LATE_S = 3.0
# Without misses: SORT BY looks weights up in the order of the hash table.
FLAGS = "KEAn"


class Listener:
    """A connection that hears all keyspace events of a server."""

    def __init__(self, port):
        self.connection = Connection(port, LATE_S)
        self.connection.call("PSUBSCRIBE", "__key*__:*")
        self.connection.call("SUBSCRIBE", MARK_CHANNEL)

    def until_mark(self, at_least=0):
        """Events up to the mark, and until there are so many, as (channel, payload)."""
        events, marked = [], False
        while not marked or len(events) < at_least:
            try:
                _, items = self.connection.read_reply()
            except Silent:
                if marked:
                    return events
                raise
            if items[0][1] == b"message" and items[1][1] == MARK_CHANNEL:
                marked = True
                continue
            channel, payload = items[-2][1], items[-1][1]
            if channel.rsplit(b":", 1)[-1] not in LEFT_OUT and payload not in LEFT_OUT:
                events.append((channel, payload))
        return events


class EventPlayer(Player):
    """A player that also compares what the listeners heard."""

    listener = Listener

    def __init__(self, reference, others, prelude=()):
        super().__init__(reference, others, prelude)
        self.listeners = {each.name: self.listener(each.port) for each in (reference, *others)}

    def _reset(self, targets):
        super()._reset(targets)
        self._heard(targets)

    def _heard(self, targets, as_many=False):
        """What each target's listener heard since the last call; None if it fell silent.

        With `as_many` as the first one's at the least, if they come.
        """
        self.exchange([[b"PUBLISH", MARK_CHANNEL, b""]], targets)
        heard, most = {}, 0
        for target in targets:
            try:
                heard[target.name] = self.listeners[target.name].until_mark(most)
                if as_many and target is targets[0]:
                    most = len(heard[target.name])
            except (Closed, Silent, OSError):
                heard[target.name] = None
                self.listeners[target.name] = Listener(target.port)
        return heard

    def _batch(self, batch, start, others):
        found = super()._batch(batch, start, others)
        left = [each for each in others if each.name not in found]
        heard = self._heard([self.reference, *left], as_many=True)
        ours = heard[self.reference.name]
        for target in left:
            theirs = heard[target.name]
            if self._same(ours, theirs, target):
                self.compared += len(ours)
                continue
            found[target.name] = self._difference(ours, theirs, target.name, start + len(batch))
        return found

    def _same(self, ours, theirs, target):
        return theirs is not None and _in_order(theirs, target) == _in_order(ours, target)

    def _difference(self, ours, theirs, name, at):
        return _difference(ours, theirs, name, at)


def _in_order(events, target):
    """The events in an order that the target keeps: all of them, or those of each key."""
    return sorted(events, key=_key) if target.shards > 1 else events


def _key(event):
    """The key of an event, which is in its channel or is its payload."""
    channel, payload = event
    return channel.split(b":", 1)[1] if channel.startswith(b"__keyspace@") else payload


def _difference(ours, theirs, name, at):
    if theirs is None:
        return Difference("events", [b"EVENTS"], "heard", "silent", name, at)
    index = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    here, there = (_event(each, index) for each in (ours, theirs))
    return Difference("events", [b"EVENTS", here.split(b" ")[0]], here.decode("latin-1"), there.decode("latin-1"), name, at)


def _event(events, index):
    return b" ".join(events[index]) if index < len(events) else b"(none)"


class EventSuite(RandomSuite):
    """Random sequences with listeners; the same reports."""

    flags = FLAGS
    player = EventPlayer

    def run(self):
        for target in self.targets:
            connection = Connection(target.port)
            if connection.call("CONFIG", "SET", "notify-keyspace-events", self.flags) != ("+", b"OK"):
                self.out(f"{target.name} refuses notify-keyspace-events: no event suite")
                return 0, []
        return super().run()

    def _players(self):
        player = self.player(self.targets[0], self.targets[1:])
        return player, player
