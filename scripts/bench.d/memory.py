"""Resident memory per stored item.

Owns the data sets and their limits; must not know how servers are started.
"""

import time

import load
import servers
from table import print_table, verdict

SETTLE_SECONDS = 1.5

# name, items per command run, command runs, command, limit of Corelane / Valkey. An item is what the table names.
ITEM = "item{rand}"
CASES = [
    ("string, 16 B key, 64 B value", 2_000_000, ["SET", "key:{seq}", "{value}"], 2_000_000, 0.95),
    ("list of 20 items of 16 B", 200_000, ["RPUSH", "list{seq}", *[ITEM] * 20], 200_000, 0.95),
    ("hash of 10 fields, 16 B values", 200_000, ["HSET", "hash{seq}", *sum(([f"field{at}", ITEM] for at in range(10)), [])], 200_000, 0.85),
    ("sorted set of 20 members of 16 B", 200_000, ["ZADD", "zset{seq}", *["{int}", ITEM] * 20], 200_000, 0.90),
    ("member of one sorted set of 2 M", 2_000_000, ["ZADD", "zset", "{int}", "item{seq}"], 2_000_000, 0.75),
    ("member of one set of 2 M", 2_000_000, ["SADD", "set", "item{seq}"], 2_000_000, 0.80),
    ("field of one hash of 2 M", 2_000_000, ["HSET", "hash", "item{seq}", ITEM], 2_000_000, 0.80),
    ("64 B item of one list of 5 M", 5_000_000, ["RPUSH", "list", "{value}"], 5_000_000, 1.0),
]


def bytes_per_item(kind, options, runs, command, items):
    """Fills an empty server and returns the growth of its resident memory per item."""
    with servers.Server(kind, options.port, options.server_core) as server:
        # What the server allocates for its first client and command is no part of the data.
        load.run(server, options.client_core, "-n", 1000, "-P", 16, "SET", "first", "{value}")
        time.sleep(0.2)
        before = server.resident_bytes()
        arguments = ["-n", runs, "-P", 16, "-c", 10, "-r", 1_000_000, "-d", 64]
        load.run(server, options.client_core, *arguments, *command)
        time.sleep(SETTLE_SECONDS)
        return (server.resident_bytes() - before) / items


def memory(options):
    """The table of all data sets."""
    rows = []
    for name, runs, command, items, limit in CASES:
        if options.filter and options.filter not in name:
            continue
        found = {}
        for kind in options.chosen(servers.valkey, servers.corelane):
            found[kind.name] = bytes_per_item(kind, options, runs, command, items)
            options.results.add(server=kind.name, item=name, items=items, bytes_per_item=found[kind.name])
        ratio = found["corelane"] / found["valkey"] if len(found) == 2 else None
        cells = [f"{found[server]:.1f}" if server in found else "-" for server in ("valkey", "corelane")]
        rows.append([name, items, *cells, "-" if ratio is None else f"{ratio:.2f}", verdict(ratio, limit, False)])
        print(f"{name}: {cells}", flush=True)
    head = ["item", "items", "valkey bytes", "corelane bytes", "corelane / valkey", "limit"]
    print_table("Growth of resident memory per item", head, rows)
