"""Memory of idle connections.

Owns their number and the limit; must not know how memory is read.
"""

import load
import servers
from table import print_table, verdict

BYTES_MAX = 2048


def idle(options):
    """Opens the connections on each server."""
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
