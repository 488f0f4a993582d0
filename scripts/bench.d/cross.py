"""What work over two shards costs: the same commands on the same core, their keys all on one shard and on two, and what others wait meanwhile.

Owns the workloads and their limits; must not know how load is made.
"""

import subprocess
from statistics import median

import compare
import load
import servers
from table import print_table, spread, verdict

# Affinity rules; keys behind one of these are all on one shard. Two that are on different shards of two are found by asking.
PREFIXES = [f"{name}:" for name in ("one", "two", "three", "four", "five", "six")]
ITEMS = 100
WORK = {
    # name: commands, pipeline, limit
    "lmove": (["LMOVE", "{a}{conn}", "{b}{conn}", "LEFT", "RIGHT", ";", "LMOVE", "{b}{conn}", "{a}{conn}", "LEFT", "RIGHT"], 16, 2.0),
    "multi": (["MULTI", ";", "SET", "{a}{rand}", "{value}", ";", "SET", "{b}{rand}", "{value}", ";", "SET", "{a}{rand}", "{value}", ";", "SET", "{b}{rand}", "{value}", ";", "EXEC"], 12, 1.8),
}
# Beside the measured GETs so many connections work, without pipelining.
WORKING = 4
GETTING = 8
RISE_MAX = 1.2


def prefixes_apart(server):
    """Two prefixes whose keys are on different shards."""
    shard_of = {prefix: server.ask("CORELANE", "ROUTE", f"{prefix}key").split(b"\r\n")[8] for prefix in PREFIXES}
    first = PREFIXES[0]
    return first, next(prefix for prefix in PREFIXES if shard_of[prefix] != shard_of[first])


def commands_of(name, first, second):
    """The commands of a workload, over keys with these prefixes."""
    commands, _, _ = WORK[name]
    return [word.replace("{a}", first).replace("{b}", second) for word in commands]


def fill(server, prefixes, connections):
    """Lists for every connection to move elements between, and keys to GET."""
    server.ask("FLUSHALL")
    for prefix in prefixes:
        for connection in range(connections + 1):
            server.ask("RPUSH", f"{prefix}{connection}", *["item"] * ITEMS)


def measure_cost(server, options, name):
    """Server CPU per command."""
    _, pipeline, _ = WORK[name]
    fill(server, options.prefixes, options.connections)
    arguments = ["-P", pipeline, "-c", options.connections, "-d", options.value_bytes, "-r", options.keyspace]
    (result,) = load.run(server, options.client_core, *arguments, "--seconds", options.seconds, "--warmup", 1, *commands_of(name, *options.prefixes))
    return result


def measure_waits(server, options, name, apart):
    """How long GETs of other keys take while a few connections work over one shard's keys, or over two shards'."""
    first, second = options.prefixes
    fill(server, options.prefixes, WORKING)
    work = commands_of(name, first, second if apart else first)
    command = ["taskset", "-c", options.client_core, str(load.TOOL), "-p", str(server.port), "-c", str(WORKING), "--json"]
    working = subprocess.Popen([*command, "--seconds", "3600", *work], stdout=subprocess.DEVNULL)
    try:
        arguments = ["-P", 1, "-c", GETTING, "-r", options.keyspace, "--seconds", options.seconds, "--warmup", 1]
        (result,) = load.run(server, options.client_core, *arguments, "GET", "{key}")
    finally:
        working.kill()
        working.wait()
    return result


def cross(options):
    """Both comparisons."""
    extra = ["--affinity", *PREFIXES, "--move-connections", "no"]
    one, two = (servers.corelane(count, f"{count} shard{'s' * (count > 1)}", extra) for count in (1, 2))
    with servers.Server(two, options.port, options.server_core) as server:
        options.prefixes = prefixes_apart(server)
    kinds = [(kind, options.server_core) for kind in (one, two)]
    results = compare.alternate(options, kinds, list(WORK), measure_cost)
    rows = []
    for name, (_, pipeline, limit) in WORK.items():
        by_round = compare.ratios(results[two.name][name], results[one.name][name])
        cells = [spread(compare.costs(results[kind.name][name]), 3) for kind in (one, two)]
        rows.append([name, pipeline, *cells, spread(by_round), verdict(median(by_round), limit, False)])
    print_table("Server CPU per command, keys on one shard and on two, one core", ["work", "P", one.name, two.name, "2 / 1", "limit"], rows)
    rows = []
    for name in WORK:
        waits = {False: [], True: []}
        for _ in range(options.rounds):
            for apart, found in waits.items():
                with servers.Server(two, options.port, options.server_core) as server:
                    result = measure_waits(server, options, name, apart)
                found.append(result["latency_us"]["p99"])
                options.results.add(server=two.name, label=f"get beside {name}", apart=apart, **result)
        rises = [apart / together for together, apart in zip(waits[False], waits[True])]
        rows.append([name, spread(waits[False], 0), spread(waits[True], 0), spread(rises), verdict(median(rises), RISE_MAX, False)])
    print_table("p99 of GETs of other keys beside work over keys of one shard and of two, us; two shards on one core", ["beside", "one", "two", "rise", "limit"], rows)
