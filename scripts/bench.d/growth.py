"""Inserts of many distinct keys: the longest stall that a client sees, and the longest command that the server admits.

Owns the number of keys and the limit; must not know how stalls are found.
"""

import load
import servers
from table import print_table

SLOW_COMMAND_US = 5000
FILLING_CONNECTIONS = 4
FILLING_PIPELINE = 16


def slow_commands(server):
    """How many commands the server's own log says took longer than the limit."""
    reply = server.ask("SLOWLOG", "LEN")
    return int(reply[1:]) if reply.startswith(b":") else None


def growth(options):
    """The inserts, `--rounds` times on each server: what is in the way of a stall in all rounds is the server's."""
    rows = []
    for round_number in range(options.rounds):
        for kind in options.chosen(servers.valkey, servers.corelane):
            with servers.Server(kind, options.port, options.server_core) as server:
                server.ask("CONFIG", "SET", "slowlog-log-slower-than", SLOW_COMMAND_US)
                arguments = ["--insert", options.keys, "-c", FILLING_CONNECTIONS + 1, "-P", FILLING_PIPELINE]
                (result,) = load.run(server, options.client_core, *arguments, "-d", options.value_bytes)
                slow = slow_commands(server)
                stored = server.ask("DBSIZE")
            if stored != b":%d\r\n" % options.keys:
                raise SystemExit(f"bench: {kind.name} stored {stored!r} of {options.keys} keys")
            options.results.add(server=kind.name, round=round_number, slow_commands=slow, **result)
            stalls = [result[f"stall_{rank}"] for rank in (1, 2, 3) if f"stall_{rank}" in result]
            cells = [f"{stall['us'] / 1000:.2f} at {stall['after_keys'] / 1e6:.2f} M" for stall in stalls]
            latency = result["latency_us"]
            row = [round_number + 1, kind.name, f"{latency['p50']:.0f}", f"{latency['p99_9']:.0f}", ", ".join(cells)]
            rows.append(row + ["-" if slow is None else slow, f"{result['server_cpu_us_per_op']:.3f}"])
    head = ["round", "server", "p50 us", "p99.9 us", "longest ms at key", "commands over 5 ms", "CPU us/op"]
    print_table(f"{options.keys} inserts of distinct keys, seen by a connection at pipeline 1", head, rows)
