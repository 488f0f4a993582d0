"""Proof that a server has nothing more to say for now: by its own count of bytes, not by a time limit.

CLIENT LIST tells how many bytes the server has read from each client and has
written to it, and whether it is blocked. A server that has read all that was
sent, and of which all that it has written is here, is quiet until somebody
sends something or time passes. CLIENT LIST is not shown to MONITOR.
"""

import re
import time

from resp import Closed, Silent

# Only a server that hangs, or counts wrongly, takes that long.
PATIENCE_S = 30.0
LINE = re.compile(rb"id=(\d+) .*? flags=(\S+) .*? obl=(\d+) oll=(\d+) .*? tot-net-in=(\d+) tot-net-out=(\d+) ")


class Loud(Exception):
    """The server did not become quiet."""


class Client:
    """What a server tells of one client."""

    def __init__(self, flags, unsent, read, written):
        self.blocked = b"b" in flags
        self.unsent = unsent
        self.read = read
        self.written = written


def clients(control):
    """What the server tells of its clients, by id."""
    _, text = control.call("CLIENT", "LIST")
    found = {}
    for number, flags, buffered, queued, read, written in LINE.findall(text):
        found[number] = Client(flags, int(buffered) + int(queued), int(read), int(written))
    return found


def await_quiet(control, connections):
    """Waits until the server is quiet towards these connections (by client id); returns the ids of the blocked ones.

    What arrives is left in the connections' buffers.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        told = clients(control)
        loud = [number for number, each in connections.items() if not _is_quiet(each, told.get(number))]
        if not loud:
            return {number for number in connections if number in told and told[number].blocked}
        if time.monotonic() > deadline:
            raise Loud(f"clients {loud} after {PATIENCE_S:.0f} s")
        await_bytes(connections[loud[0]], 0.001)


def _is_quiet(connection, told):
    take_all(connection)
    if told is None:
        return connection.finished
    return told.read == connection.sent and not told.unsent and told.written == connection.received


def await_gone(control, ids):
    """Waits until the server has noticed that these clients have left."""
    deadline = time.monotonic() + PATIENCE_S
    while not ids.isdisjoint(clients(control)):
        if time.monotonic() > deadline:
            raise Loud(f"clients {ids} have closed and are still served")


def await_bytes(connection, timeout_s):
    """Waits until a connection has bytes or its end, but not for longer."""
    try:
        if not connection.finished:
            connection.receive_some(timeout_s)
    except Silent:
        pass
    except Closed:
        connection.finished = True


def take_all(connection):
    """Moves what has arrived to the connection's buffer."""
    try:
        while not connection.finished:
            connection.receive_some(0)
    except Silent:
        pass
    except Closed:
        connection.finished = True
