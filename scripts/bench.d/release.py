"""How long others wait while a huge value is deleted, expired, overwritten or flushed.

A wait counts by the longest pass of the server's loop, in computing time: nobody waits for longer than that, and what a busy
machine adds is no fault of the server's.

Owns the huge values, the ways to lose them and the limit; must not know how waiting is measured.
"""

import threading
import time

import load
import servers
from table import print_table, verdict

ITEMS = 5_000_000
WAIT_US_MAX = 2000
LEAD_SECONDS = 1
WATCH_SECONDS = 3
VALUES = {
    "list": ["RPUSH", "huge", "{value}"],
    "set": ["SADD", "huge", "item{seq}"],
    "hash": ["HSET", "huge", "item{seq}", "{value}"],
    "sorted set": ["ZADD", "huge", "{int}", "item{seq}"],
    "stream": ["XADD", "huge", "*", "field", "{value}"],
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


def worst_wait(server, options, way):
    """Runs a client that asks for another key one by one, loses the value meanwhile, and returns its result."""
    timer = threading.Timer(LEAD_SECONDS, server.ask, way)
    timer.start()
    arguments = ["-c", 1, "--seconds", WATCH_SECONDS, "--warmup", 0, "--stalls", "GET", "other"]
    (result,) = load.run(server, options.client_core, *arguments)
    timer.join()
    return result


def kinds(options):
    """The servers, ours with timed passes."""
    return [kind if kind.name == "valkey" else servers.timed(options.port) for kind in options.chosen(servers.valkey, servers.corelane)]


def release(options):
    """Each value lost in each way."""
    rows = []
    for kind in kinds(options):
        for value, command in VALUES.items():
            if options.filter and options.filter not in value:
                continue
            for name, way in WAYS.items():
                if options.way and options.way not in name:
                    continue
                with servers.Server(kind, options.port, options.server_core) as server:
                    load.run(server, options.client_core, "-n", options.items, "-P", 64, "-c", 10, "-d", 16, *command)
                    server.ask("SADD", "small", "member")
                    time.sleep(0.5)
                    server.longest_pass_us()
                    result = worst_wait(server, options, way)
                    longest = server.longest_pass_us()
                options.results.add(server=kind.name, value=value, way=name, longest_pass_us=longest, **result)
                stall = result["stall_1"]
                cells = [f"{stall['us']:.0f}", f"{stall['blame_us']:.0f}", "-" if longest is None else longest]
                rows.append([kind.name, value, name, *cells, verdict(longest, WAIT_US_MAX, False)])
    head = ["server", "value", "lost by", "wait us", "server computing us", "longest pass us", "limit"]
    print_table(f"Longest wait of another client while a value of {options.items} items is lost", head, rows)
