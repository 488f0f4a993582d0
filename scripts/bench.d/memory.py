"""Resident memory per stored item.

Owns the data sets and their limits; must not know how servers are started.
"""

import time
from dataclasses import dataclass

import load
import servers
from table import print_table, verdict

SETTLE_SECONDS = 1.5
ITEM = "item{rand}"
FIELDS = sum(([f"field{at}", ITEM] for at in range(10)), [])


@dataclass
class Case:
    """Items that are stored by sending a command so many times. An item is what the table names."""

    name: str
    items: int
    command: list
    limit: float
    # What is sent before, on one connection, and is no part of what is measured: pairs of a number of runs and a command.
    before: tuple = ()
    items_per_run: int = 1


CASES = [
    Case("string, 16 B key, 64 B value", 2_000_000, ["SET", "key:{seq}", "{value}"], 0.95),
    Case("list of 20 items of 16 B", 200_000, ["RPUSH", "list{seq}", *[ITEM] * 20], 0.95),
    Case("hash of 10 fields, 16 B values", 200_000, ["HSET", "hash{seq}", *FIELDS], 0.85),
    Case("sorted set of 20 members of 16 B", 200_000, ["ZADD", "zset{seq}", *["{int}", ITEM] * 20], 0.90),
    Case("member of one sorted set of 2 M", 2_000_000, ["ZADD", "zset", "{int}", "item{seq}"], 0.75),
    Case("member of one set of 2 M", 2_000_000, ["SADD", "set", "item{seq}"], 0.80),
    Case("field of one hash of 2 M", 2_000_000, ["HSET", "hash", "item{seq}", ITEM], 0.80),
    Case("64 B item of one list of 5 M", 5_000_000, ["RPUSH", "list", "{value}"], 1.0),
    Case("entry of one stream of 2 M, 2 fields", 2_000_000, ["XADD", "stream", "*", *FIELDS[:4]], 0.95),
    Case(
        "pending entry of one consumer of 1 M",
        1_000_000,
        ["XREADGROUP", "GROUP", "workers", "me", "COUNT", "100", "STREAMS", "stream", ">"],
        0.70,
        before=(
            (1, ["XGROUP", "CREATE", "stream", "workers", "0", "MKSTREAM"]),
            (1_000_000, ["XADD", "stream", "*", *FIELDS[:4]]),
            (1, ["XGROUP", "CREATECONSUMER", "stream", "workers", "me"]),
        ),
        items_per_run=100,
    ),
]


def bytes_per_item(kind, options, case):
    """Fills an empty server and returns the growth of its resident memory per item."""
    with servers.Server(kind, options.port, options.server_core) as server:
        # What the server allocates for its first client and command is no part of the data.
        load.run(server, options.client_core, "-n", 1000, "-P", 16, "SET", "first", "{value}")
        for runs, command in case.before:
            load.run(server, options.client_core, "-n", runs, "-P", 64, "-c", 1, "-r", 1_000_000, *command)
        time.sleep(SETTLE_SECONDS if case.before else 0.2)
        before = server.resident_bytes()
        arguments = ["-n", case.items // case.items_per_run, "-P", 16, "-c", 10, "-r", 1_000_000, "-d", 64]
        load.run(server, options.client_core, *arguments, *case.command)
        time.sleep(SETTLE_SECONDS)
        return (server.resident_bytes() - before) / case.items


def memory(options):
    """The table of all data sets."""
    rows = []
    for case in CASES:
        if options.filter and options.filter not in case.name:
            continue
        found = {}
        for kind in options.chosen(servers.valkey, servers.corelane):
            found[kind.name] = bytes_per_item(kind, options, case)
            options.results.add(server=kind.name, item=case.name, items=case.items, bytes_per_item=found[kind.name])
        ratio = found["corelane"] / found["valkey"] if len(found) == 2 else None
        cells = [f"{found[server]:.1f}" if server in found else "-" for server in ("valkey", "corelane")]
        rows.append([case.name, case.items, *cells, "-" if ratio is None else f"{ratio:.2f}", verdict(ratio, case.limit, False)])
        print(f"{case.name}: {cells}", flush=True)
    head = ["item", "items", "valkey bytes", "corelane bytes", "corelane / valkey", "limit"]
    print_table("Growth of resident memory per item", head, rows)
