"""Server CPU per operation of Corelane and Valkey, alternating round by round.

Owns the tests of the comparison and their limits; must not know how servers are started or load is made.
"""

import sys
from statistics import median

import load
import servers
from table import print_table, spread, verdict

CORE_TESTS = ["set:1", "set:16", "set:64", "get:1", "get:16", "get:64", "lpush:16", "rpop:16"]
TYPE_TESTS = ["zadd_zpopmin:16", "zincrby_zrevrange:16", "hset_hgetall:16", "sadd_spop:16", "lrange_100:16", "zrank:16"]
TYPE_TESTS += ["xadd_xreadgroup_xack:16", "publish_to_all:16"]
RATIO_MIN = {
    "set:1": 1.3,
    "get:1": 1.3,
    "set:16": 1.3,
    "get:16": 1.3,
    "set:64": 1.6,
    "get:64": 1.6,
    "lpush:16": 1.3,
    "rpop:16": 1.3,
    "zadd_zpopmin:16": 1.4,
    "zincrby_zrevrange:16": 1.4,
    "hset_hgetall:16": 1.4,
    "sadd_spop:16": 1.4,
    "lrange_100:16": 1.5,
    "zrank:16": 2.0,
    "xadd_xreadgroup_xack:16": 1.4,
    "publish_to_all:16": 1.3,
}
KEYSPACE_OF = {"zrank": 1_000_000}
# Tests that take elements away need as many as they will take, so their length is a number and not a time.
POPPING = {"lpop", "rpop", "spop", "zpopmin"}
POPS = 3_000_000
WARM_UP_SECONDS = 0.5


def parse(test):
    """`NAME:PIPELINE` as a pair."""
    name, _, pipeline = test.partition(":")
    return name, int(pipeline or 16)


def measure_one(server, options, test):
    """Measures one test on an empty server."""
    name, pipeline = parse(test)
    server.ask("FLUSHALL")
    extent = ["-n", POPS] if name in POPPING else ["--seconds", options.seconds]
    arguments = ["-t", name, "-P", pipeline, "-c", options.connections, "-d", options.value_bytes, *extent]
    arguments += ["--warmup", WARM_UP_SECONDS, "-r", KEYSPACE_OF.get(name, options.keyspace)]
    (result,) = load.run(server, options.client_core, *arguments)
    if name in POPPING and result["empty"]:
        raise SystemExit(f"bench: {server.kind.name}: {name} ran out of elements")
    return result


def alternate(options, kinds, tests, measure):
    """Runs every test on every kind, round by round in turned order; returns results[kind][test] = list."""
    results = {kind.name: {test: [] for test in tests} for kind, _ in kinds}
    for round_number in range(options.rounds):
        order = kinds if round_number % 2 == 0 else kinds[::-1]
        for kind, cores in order:
            with servers.Server(kind, options.port, cores) as server:
                for test in tests:
                    result = measure(server, options, test)
                    results[kind.name][test].append(result)
                    options.results.add(server=kind.name, round=round_number, label=test, **result)
        print(f"round {round_number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
    return results


def costs(results):
    return [result["server_cpu_us_per_op"] for result in results]


def ratios(dividends, divisors):
    """Ratios of what was measured in the same round."""
    return [dividend / divisor for dividend, divisor in zip(costs(dividends), costs(divisors))]


def report(options, tests, results):
    """Prints what each test cost on each server, and the ratio."""
    names = list(results)
    rows = []
    for test in tests:
        name, pipeline = parse(test)
        row = [name, pipeline] + [spread(costs(results[server][test]), 3) for server in names]
        if len(names) == 2:
            by_round = ratios(results["valkey"][test], results["corelane"][test])
            row += [spread(by_round), verdict(median(by_round), RATIO_MIN.get(test), True)]
        busy = min(result["server_cores"] for server in names for result in results[server][test])
        row.append(f"{busy:.2f}" + ("" if busy >= load.SATURATED_CORES_MIN else " not saturated"))
        rows.append(row)
    head = ["test", "P"] + [f"{name} us/op" for name in names]
    head += ["valkey / corelane", "limit"] if len(names) == 2 else []
    title = f"Server CPU per operation, {options.connections} connections, {options.value_bytes}-byte values, {options.rounds} rounds: median (min..max)"
    print_table(title, head + ["cores used, least"], rows)


def compare(options, tests):
    """The comparison."""
    kinds = [(kind, options.server_core) for kind in options.chosen(servers.valkey, servers.corelane)]
    report(options, tests, alternate(options, kinds, tests, measure_one))
