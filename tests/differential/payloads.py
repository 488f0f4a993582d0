"""DUMP payloads of the reference server, as food for RESTORE."""

import random

import populate
import values as v
from resp import encode


def collect(connection):
    """Payloads of values of every type; leaves the server empty."""
    draw = v.Values(random.Random(7), None)
    payloads = []
    for group in populate.WRITERS:
        write = populate.WRITERS[group]
        for _ in range(4):
            connection.call("FLUSHALL")
            for command in write(draw, b"k"):
                connection.send(encode(command))
                connection.read_reply()
            kind, content = connection.call("DUMP", "k")
            if kind == "$" and content is not None:
                payloads.append(content)
    connection.call("FLUSHALL")
    return payloads
