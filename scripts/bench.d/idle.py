"""What a server costs that has nothing to do: CPU at rest, and memory of idle connections.

Owns the numbers of connections and the limits; must not know how memory is read.
"""

import time

import load
import servers
from table import print_table, verdict

BYTES_MAX = 2048
REST_SECONDS = 10
CORE_PERCENT_MAX = 0.5
SHARD_COUNTS = (1, 2, 4)


def core_percent_at_rest(server):
    """Percent of one core that a server without clients uses."""
    time.sleep(1)
    before = server.cpu_ns()
    time.sleep(REST_SECONDS)
    return (server.cpu_ns() - before) / 1e7 / REST_SECONDS


def rest(options):
    """CPU of servers that nobody uses."""
    kinds = [(kind, 1) for kind in options.chosen(servers.valkey)]
    if options.only != "valkey":
        kinds += [(servers.corelane(count, f"corelane, {count} shards"), count) for count in SHARD_COUNTS]
    rows = []
    for kind, shards in kinds:
        with servers.Server(kind, options.port, f"{options.server_core},{options.client_core}") as server:
            percent = core_percent_at_rest(server)
        options.results.add(server=kind.name, test="rest", core_percent=percent)
        limit = None if kind.name == "valkey" else CORE_PERCENT_MAX * shards
        rows.append([kind.name, f"{percent:.3f}", verdict(percent, limit, False)])
    print_table("CPU without clients, percent of one core", ["server", "percent", "limit"], rows)


def idle(options):
    """Opens the connections on each server, and watches servers at rest."""
    rest(options)
    servers.raise_descriptor_limit()
    rows = []
    for kind in options.chosen(servers.valkey, servers.corelane):
        room = ["--maxclients", options.idle_connections + 100]
        with servers.Server(kind, options.port, options.server_core, [str(word) for word in room]) as server:
            (result,) = load.run(server, options.client_core, "--idle-connections", options.idle_connections)
        options.results.add(server=kind.name, **result)
        each = result["resident_bytes_per_connection"]
        rows.append([kind.name, result["connections"], f"{each:.0f}", f"{result['anonymous_bytes_per_connection']:.0f}"])
        rows[-1].append(verdict(each, BYTES_MAX if kind.name == "corelane" else None, False))
    print_table("Resident memory of idle connections", ["server", "connections", "bytes each", "anonymous", "limit"], rows)
