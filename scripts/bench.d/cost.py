"""Time per operation against the size of what it works on, as a table and as a picture.

Owns the operations and the sizes; must not know how the picture is drawn.
"""

import load
import plot
import servers
from table import print_table

SIZES_DEFAULT = "100,1000,10000,100000,1000000,10000000"
CONNECTIONS = 10
PIPELINE = 16
OUTPUT = servers.ROOT / "docs/cost.svg"

# For each structure the command that adds one more item, and the operations: a title, and the commands that take turns. `middle`
# stands for half of the size; {rand} and {int} are drawn below the size.
STRUCTURES = [
    (
        ["RPUSH", "list", "{value}"],
        [("LPUSH, RPOP", [["LPUSH", "list", "{value}"], ["RPOP", "list"]]), ("LINDEX in the middle", [["LINDEX", "list", "middle"]])],
    ),
    (
        ["ZADD", "zset", "{int}", "member:{seq}"],
        [
            ("ZADD, another score", [["ZADD", "zset", "{int}", "member:{rand}"]]),
            ("ZRANK", [["ZRANK", "zset", "member:{rand}"]]),
            ("ZRANGE of 10", [["ZRANGE", "zset", "middle", "+9"]]),
        ],
    ),
    (["HSET", "hash", "field:{seq}", "{value}"], [("HSET", [["HSET", "hash", "field:{rand}", "{value}"]])]),
    (
        ["SADD", "set", "member:{seq}"],
        [("SREM, SADD", [["SREM", "set", "member:{rand}"], ["SADD", "set", "member:{rand}"]])],
    ),
    (["SET", "key:{seq}", "{value}"], [("SCAN of 10 keys", [["SCAN", "{int}", "COUNT", "10"]])]),
]


def spelled(command, size):
    """A command with the places that depend on the size filled in."""
    middle = size // 2
    return [{"middle": str(middle), "+9": str(middle + 9)}.get(word, word) for word in command]


def measure_one(server, options, size, commands):
    """CPU microseconds of the server per command."""
    turns = []
    for command in commands:
        turns += [";"] * bool(turns) + spelled(command, size)
    arguments = ["-c", CONNECTIONS, "-P", PIPELINE, "-d", 16, "-r", size, "--seconds", options.seconds, "--warmup", 0.2]
    (result,) = load.run(server, options.client_core, *arguments, *turns)
    return result["server_cpu_us_per_op"]


def measure(kind, options, sizes):
    """found[title] = a list of (size, cost)."""
    found = {}
    for add, operations in STRUCTURES:
        with servers.Server(kind, options.port, options.server_core) as server:
            stored = 0
            for size in sizes:
                fill = ["-n", size - stored, "-c", 1, "-P", 64, "-d", 16, "-r", size, "--sequence-start", stored]
                load.run(server, options.client_core, *fill, *add)
                stored = size
                for title, commands in operations:
                    cost = measure_one(server, options, size, commands)
                    found.setdefault(title, []).append((size, cost))
                    options.results.add(server=kind.name, operation=title, size=size, server_cpu_us_per_op=cost)
    return found


def cost(options):
    """Measures, prints and draws."""
    sizes = [int(size) for size in options.sizes.split(",")]
    found = {kind.name: measure(kind, options, sizes) for kind in options.chosen(servers.valkey, servers.corelane)}
    titles = list(next(iter(found.values())))
    rows = []
    for title in titles:
        for server, curves in found.items():
            rows.append([title, server, *[f"{cost:.2f}" for _, cost in curves[title]]])
    print_table("Server CPU per operation in microseconds, by size", ["operation", "server", *[f"{size:,}" for size in sizes]], rows)
    panels = [(title, {server: curves[title] for server, curves in found.items()}) for title in titles]
    heading = f"Server CPU per operation against size, one shard, {CONNECTIONS} connections, pipeline {PIPELINE}"
    OUTPUT.write_text(plot.panels(heading, panels))
    print(f"drawn: {OUTPUT.relative_to(servers.ROOT)}")
