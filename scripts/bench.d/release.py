"""How long others wait while a huge value is deleted, expired, overwritten or flushed.

A wait counts by the longest pass of the server's loop, in computing time: nobody waits for longer than that, and what a busy
machine adds is no fault of the server's. Each case is repeated, since what the kernel does for a thread counts as its computing too;
the same probe without a loss tells how much of that the machine adds.

Owns the huge values, the ways to lose them and the limit; must not know how waiting is measured.
"""

import sys
import threading
import time
from statistics import median

import load
import servers
from table import print_table, verdict

ITEMS = 5_000_000
STRING_BYTES = 512 << 20
WAIT_US_MAX = 2000
LEAD_SECONDS = 0.2
WATCH_SECONDS = 1.2
FREEING_SECONDS_MAX = 30
# What adds an item; the string is made by one command.
VALUES = {
    "list": ["RPUSH", "huge", "{value}"],
    "set": ["SADD", "huge", "item{seq}"],
    "hash": ["HSET", "huge", "item{seq}", "{value}"],
    "sorted set": ["ZADD", "huge", "{int}", "item{seq}"],
    "stream": ["XADD", "huge", "*", "field", "{value}"],
    "string": None,
}
WAYS = {
    "DEL": ["DEL", "huge"],
    "UNLINK": ["UNLINK", "huge"],
    "expiry": ["PEXPIRE", "huge", "1"],
    "SET over it": ["SET", "huge", "x"],
    "RENAME over it": ["RENAME", "small", "huge"],
    "SUNIONSTORE over it": ["SUNIONSTORE", "huge", "small"],
    "eviction": ["CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "allkeys-random"],
    "FLUSHALL SYNC": ["FLUSHALL", "SYNC"],
    "FLUSHALL ASYNC": ["FLUSHALL", "ASYNC"],
}


def fill(server, options, command):
    """Makes the huge value."""
    server.ask("CONFIG", "SET", "maxmemory", "0")
    server.ask("FLUSHALL")
    server.ask("SADD", "small", "member")
    if command is None:
        server.ask("SETRANGE", "huge", STRING_BYTES - 1, "x")
    else:
        load.run(server, options.client_core, "-n", options.items, "-P", 64, "-c", 10, "-d", 16, *command)


def pending_objects(server):
    """How many objects the server has still to free."""
    lines = server.ask("INFO", "memory").decode().splitlines()
    return next(int(line.split(":")[1]) for line in lines if line.startswith("lazyfree_pending_objects:"))


def worst_wait(server, options, way=None):
    """Runs a client that asks for another key one by one while the value is lost, if it is: its longest wait, and the server's longest pass."""
    # What was to be given back after what happened before.
    time.sleep(0.3)
    server.ask("PING")
    server.longest_pass_us()
    timer = threading.Timer(LEAD_SECONDS, server.ask, way or ["PING"])
    timer.start()
    arguments = ["-c", 1, "--seconds", WATCH_SECONDS, "--warmup", 0, "--stalls", "GET", "other"]
    (result,) = load.run(server, options.client_core, *arguments)
    timer.join()
    deadline = time.monotonic() + FREEING_SECONDS_MAX
    while pending_objects(server) > 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    return result["stall_1"]["us"], server.longest_pass_us()


def kinds(options):
    """The servers, ours with timed passes."""
    return [kind if kind.name == "valkey" else servers.timed(options.port) for kind in options.chosen(servers.valkey, servers.corelane)]


def lose_all(server, options, value, ways, found):
    """Loses a value in all ways, and puts down what was seen."""
    for name in ["nothing", *ways]:
        # Losing nothing leaves the value for the first way.
        if name != ways[0]:
            fill(server, options, VALUES[value])
        wait, longest = worst_wait(server, options, WAYS.get(name))
        options.results.add(server=server.kind.name, value=value, way=name, wait_us=wait, longest_pass_us=longest)
        found.setdefault((server.kind.name, value, name), []).append((wait, longest))


def spread(numbers):
    """The median and the most of some numbers."""
    if None in numbers:
        return "-"
    return f"{median(numbers):.0f} ({max(numbers):.0f})"


def release(options):
    """Each value lost in each way."""
    found = {}
    values = [value for value in VALUES if not options.filter or options.filter in value]
    ways = [way for way in WAYS if not options.way or options.way in way]
    for round_number in range(options.rounds):
        for kind in kinds(options):
            for value in values:
                with servers.Server(kind, options.port, options.server_core) as server:
                    lose_all(server, options, value, ways, found)
        print(f"round {round_number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
    rows = []
    for (server, value, name), seen in found.items():
        waits, passes = zip(*seen)
        longest = None if None in passes else median(passes)
        rows.append([server, value, name, spread(passes), spread(waits), verdict(longest, WAIT_US_MAX, False)])
    head = ["server", "value", "lost by", "longest pass us, computing", "longest wait us", "limit"]
    title = f"Longest pass, and wait of another client, while a value of {options.items} items (a string of {STRING_BYTES >> 20} MiB) is lost"
    print_table(f"{title}; {options.rounds} times: median (most)", head, rows)
