"""What is found and claimed of a long list of pending entries, of which few have been idle for long.

Owns the list, the questions and the limit; must not know how servers are started.
"""

from statistics import median

import load
import servers
from table import print_table, spread, verdict

PENDING = 1_000_000
BATCH = 1000
IDLE = 10
# Far beyond what the entries can have been idle for since they were read.
IDLE_MS = 1_000_000_000
RATIO_MIN = 10
ADD = ["XADD", "stream", "*", "field", "{value}"]


class Connection:
    """One connection to a server, for replies of any length."""

    def __init__(self, server):
        self.socket = server.connect()
        self.file = self.socket.makefile("rb")

    def __call__(self, *arguments):
        parts = [str(argument).encode() for argument in arguments]
        request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(request)
        return self.reply()

    def reply(self):
        line = self.file.readline().rstrip()
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise SystemExit(f"bench: {rest.decode()}")
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        return rest


def prepare(server, options):
    """A group to which all entries of a stream are pending; returns the ids of those that will be made idle."""
    load.run(server, options.client_core, "-n", PENDING, "-c", 1, "-P", 64, "-d", 16, *ADD)
    ask = Connection(server)
    ask("XGROUP", "CREATE", "stream", "workers", "0")
    read = ["XREADGROUP", "GROUP", "workers", "lost", "COUNT", BATCH, "STREAMS", "stream", ">"]
    load.run(server, options.client_core, "-n", PENDING // BATCH, "-c", 1, *read)
    last = ask("XREVRANGE", "stream", "+", "-", "COUNT", IDLE)
    return ask, [entry[0] for entry in last]


def question(ask):
    """Asks for idle entries, which must all be found."""
    found = ask("XPENDING", "stream", "workers", "IDLE", IDLE_MS, "-", "+", IDLE)
    if len(found) != IDLE:
        raise SystemExit(f"bench: {len(found)} of {IDLE} idle entries were found")


def sweep(ask):
    """Claims what is idle, from the first pending entry to the last."""
    cursor, claimed = "0-0", 0
    while cursor:
        cursor, entries = ask("XAUTOCLAIM", "stream", "workers", "me", IDLE_MS, cursor, "COUNT", 100, "JUSTID")[:2]
        claimed += len(entries)
        cursor = None if cursor == b"0-0" else cursor.decode()
    if claimed != IDLE:
        raise SystemExit(f"bench: {claimed} of {IDLE} idle entries were claimed")


QUESTIONS = {"XPENDING IDLE, which finds 10": question, "XAUTOCLAIM over all, which claims 10": sweep}


def measure(server, options):
    """CPU microseconds of the server for each question, once a round."""
    ask, idle = prepare(server, options)
    costs = {name: [] for name in QUESTIONS}
    for _ in range(options.rounds):
        for name, run in QUESTIONS.items():
            claimed = ask("XCLAIM", "stream", "workers", "lost", 0, *[i.decode() for i in idle], "IDLE", 2 * IDLE_MS, "JUSTID")
            assert len(claimed) == IDLE
            before = server.cpu_ns()
            run(ask)
            costs[name].append((server.cpu_ns() - before) / 1000)
    return costs


def claims(options):
    """The table."""
    found = {}
    for kind in options.chosen(servers.valkey, servers.corelane):
        with servers.Server(kind, options.port, options.server_core) as server:
            found[kind.name] = measure(server, options)
        for name, costs in found[kind.name].items():
            options.results.add(server=kind.name, question=name, server_cpu_us=costs)
    rows = []
    for name in QUESTIONS:
        row = [name] + [spread(found[server][name], 1) for server in found]
        if len(found) == 2:
            ratio = median(found["valkey"][name]) / median(found["corelane"][name])
            row += [f"{ratio:.0f}", verdict(ratio, RATIO_MIN, True)]
        rows.append(row)
    head = ["question"] + [f"{server} CPU us" for server in found]
    head += ["valkey / corelane", "limit"] if len(found) == 2 else []
    print_table(f"Idle entries of {PENDING} pending ones, {IDLE} of which are", head, rows)
