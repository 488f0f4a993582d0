"""Inserts of many distinct keys: the longest stall of a batch, and the commands that the server calls slow.

A stall counts with the CPU time that the server spent in it: what a busy machine adds is no fault of the table's.

Owns the number of keys and the limit; must not know how stalls are found.
"""

import load
import release
import servers
from table import print_table, verdict

SLOW_COMMAND_US = 5000
# One connection, one small batch at a time: what the server computes in a batch is its commands and the stall, nothing
# else, and every insert is watched.
BATCH_COMMANDS = 64


def slow_commands(server):
    """How many commands the server's own log says took longer than the limit."""
    reply = server.ask("SLOWLOG", "LEN")
    return int(reply[1:]) if reply.startswith(b":") else None


def growth(options):
    """The inserts, `--rounds` times on each server."""
    rows = []
    for round_number in range(options.rounds):
        for kind in release.kinds(options):
            with servers.Server(kind, options.port, options.server_core) as server:
                server.ask("CONFIG", "SET", "slowlog-log-slower-than", SLOW_COMMAND_US)
                arguments = ["-n", options.keys, "-c", 1, "-P", BATCH_COMMANDS, "-d", options.value_bytes, "--stalls"]
                (result,) = load.run(server, options.client_core, *arguments, "SET", "key:{seq}", "{value}")
                slow, longest = slow_commands(server), server.longest_pass_us()
                stored = server.ask("DBSIZE")
            if stored != b":%d\r\n" % options.keys:
                raise SystemExit(f"bench: {kind.name} stored {stored!r} of {options.keys} keys")
            options.results.add(server=kind.name, round=round_number, slow_commands=slow, longest_pass_us=longest, **result)
            stalls = [result[f"stall_{rank}"] for rank in (1, 2, 3) if f"stall_{rank}" in result]
            cells = [f"{stall['blame_us'] / 1000:.2f} at {stall['after_operations'] / 1e6:.2f} M" for stall in stalls]
            latency = result["latency_us"]
            row = [round_number + 1, kind.name, f"{latency['p50']:.0f}", f"{latency['p99_9']:.0f}", f"{latency['max'] / 1000:.2f}", ", ".join(cells)]
            row += ["-" if longest is None else longest, verdict(longest, SLOW_COMMAND_US, False), "-" if slow is None else slow]
            rows.append(row + [f"{result['server_cpu_us_per_op']:.3f}"])
    head = ["round", "server", "batch p50 us", "p99.9 us", "longest wait ms", "longest computing ms at key"]
    head += ["longest pass us", "limit us", "SLOWLOG over 5 ms", "CPU us/op"]
    print_table(f"{options.keys} inserts of distinct keys, in batches of {BATCH_COMMANDS} on one connection", head, rows)
