"""How long others wait while a huge value is deleted, expired, overwritten or flushed.

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
}
WAYS = {
    "DEL": ["DEL", "huge"],
    "expiry": ["PEXPIRE", "huge", "1"],
    "SET over it": ["SET", "huge", "x"],
    "FLUSHALL": ["FLUSHALL"],
}


def worst_wait(server, options, way):
    """Runs a client that asks for another key one by one, loses the value meanwhile, and returns its result."""
    timer = threading.Timer(LEAD_SECONDS, server.ask, way)
    timer.start()
    arguments = ["-c", 1, "--seconds", WATCH_SECONDS, "--warmup", 0, "--stalls", "GET", "other"]
    (result,) = load.run(server, options.client_core, *arguments)
    timer.join()
    return result


def release(options):
    """Each value lost in each way."""
    rows = []
    for kind in options.chosen(servers.valkey, servers.corelane):
        for value, command in VALUES.items():
            if options.filter and options.filter not in value:
                continue
            for name, way in WAYS.items():
                with servers.Server(kind, options.port, options.server_core) as server:
                    load.run(server, options.client_core, "-n", options.items, "-P", 64, "-c", 10, "-d", 16, *command)
                    time.sleep(0.5)
                    result = worst_wait(server, options, way)
                options.results.add(server=kind.name, value=value, way=name, **result)
                stall = result["stall_1"]
                cells = [f"{stall['us']:.0f}", f"{stall['blame_us']:.0f}"]
                limit = WAIT_US_MAX if kind.name == "corelane" else None
                rows.append([kind.name, value, name, *cells, verdict(stall["blame_us"], limit, False)])
    head = ["server", "value", "lost by", "wait us", "server computing us", "limit"]
    print_table(f"Longest wait of another client while a value of {options.items} items is lost", head, rows)
