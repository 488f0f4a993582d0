"""What a second shard costs: the same work on the same core, done by one shard and by two.

Owns the two workloads and their limits; must not know how load is made.
"""

from statistics import median

import compare
import load
import servers
from table import print_table, spread, verdict

LIMITS = {"set:16": 1.25, "get:16": 1.25, "set:1": 1.20, "get:1": 1.20, "queue:16": 1.05, "queue:1": 1.05}


def measure_one(server, options, test):
    """Random keys over all shards, or for `queue` one queue per connection."""
    name, pipeline = compare.parse(test)
    server.ask("FLUSHALL")
    arguments = ["-t", name, "-P", pipeline, "-c", options.connections, "-d", options.value_bytes]
    # A connection moves only after it has been seen to use one queue, so this warm-up is longer.
    arguments += ["-r", options.keyspace, "--seconds", options.seconds, "--warmup", 1]
    (result,) = load.run(server, options.client_core, *arguments)
    return result


def shards(options):
    """The comparison of one and two shards on one core."""
    tests = list(LIMITS)
    kinds = [(servers.corelane(count, f"{count} shard{'s' * (count > 1)}"), options.server_core) for count in (1, 2)]
    results = compare.alternate(options, kinds, tests, measure_one)
    rows = []
    for test in tests:
        name, pipeline = compare.parse(test)
        by_round = compare.ratios(results["2 shards"][test], results["1 shard"][test])
        cells = [spread(compare.costs(results[kind.name][test]), 3) for kind, _ in kinds]
        rows.append([name, pipeline, *cells, spread(by_round), verdict(median(by_round), LIMITS[test], False)])
    head = ["test", "P", "1 shard us/op", "2 shards us/op", "2 / 1", "limit"]
    print_table("Server CPU per operation, both on one core; queue: each connection uses one queue only", head, rows)
