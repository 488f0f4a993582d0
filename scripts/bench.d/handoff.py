"""How fast a consumer that waits in BRPOP gets what is pushed.

Owns the pairs, the pace and the limits; must not know how the latency is measured.
"""

import os
from statistics import median

import compare
import load
import servers
from table import print_table, spread, verdict

PAIRS = 50
P50_RATIO_MAX = {"corelane": 1.0, "corelane, 2 shards": 1.2}


def kinds_of(options):
    """Valkey and one shard on the server's core; two shards on two cores, connections kept where they are, so that
    about half of the pairs hand over between shards."""
    kinds = [(kind, options.server_core) for kind in options.chosen(servers.valkey, servers.corelane)]
    if options.only != "valkey" and len(os.sched_getaffinity(0)) > 1:
        apart = servers.corelane(2, "corelane, 2 shards", ["--move-connections", "no"], pin_cores=True)
        kinds.append((apart, f"{options.server_core},{options.client_core}"))
    return kinds


def measure_one(server, options, watch_keys):
    arguments = ["--handoff", PAIRS, "--rate", options.rate, "--watch-keys", watch_keys]
    arguments += ["--seconds", options.seconds, "-d", options.value_bytes] + ["--spin"] * options.spin
    (result,) = load.run(server, options.client_core, *arguments)
    return result


def handoff(options):
    """One watched key, and four as Celery's workers watch."""
    tests = [1, 4]
    kinds = kinds_of(options)
    results = compare.alternate(options, kinds, tests, measure_one)
    rows = []
    for watch_keys in tests:
        peer = results.get("valkey", {}).get(watch_keys)
        for kind, _ in kinds:
            own = results[kind.name][watch_keys]
            latency = lambda field: [result["latency_us"][field] for result in own]
            row = [watch_keys, kind.name, spread(latency("p50"), 1), spread(latency("p99"), 1)]
            slowest_pair = median(result["pair_p50_max_us"] for result in own)
            row += [f"{slowest_pair:.1f}", spread(compare.costs(own), 1)]
            row += ratio_cells(kind.name, own, peer)
            rows.append(row)
    head = ["keys watched", "server", "p50 us", "p99 us", "slowest pair's p50", "server CPU us", "p50 / valkey's", "limit"]
    print_table(f"Push sent -> reply of the blocked consumer, {PAIRS} pairs, {options.rate}/s", head, rows)


def ratio_cells(name, own, peer):
    if not peer or name == "valkey":
        return ["", ""]
    by_round = [a["latency_us"]["p50"] / b["latency_us"]["p50"] for a, b in zip(own, peer)]
    return [spread(by_round), verdict(median(by_round), P50_RATIO_MAX.get(name), False)]
