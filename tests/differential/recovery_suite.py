"""Random sequences to a server that keeps a log: after it was killed and started again, everything is as it was.

The reference has no part in this: what a server holds is compared with what it
held before. Every third sequence has the log begun anew in its middle.
"""

import shutil
import tempfile
import time

import servers
from resp import Connection, encode, plain, show_command

SEQUENCE_COMMANDS = 450
DATABASES = 16
# A part of the random suite's commands for each number of shards.
SHARE = 5
END = b"-- the unit ends --"
# What the log does not keep: when a consumer was seen last, and how a stream's nodes are linked.
FORGOTTEN = (b"seen-time", b"active-time", b"radix-tree-keys", b"radix-tree-nodes")
# A log that is begun anew keeps how many entries of a stream were deleted, as DUMP does, and not where: a group that is made later counts them in
# this, and not in its lag, which is compared.
COUNTED_ANEW = b"entries-read"


class RecoverySuite:
    """One protocol version's sequences, for each number of shards."""

    def __init__(self, random_suite, options, port, out):
        self.random_suite = random_suite
        self.options = options
        self.port = port
        self.out = out

    def run(self):
        compared, failures = 0, []
        for index, shards in enumerate(self.options.shards):
            first_seed = self.options.seed + 1000 * (index + 1) + 100 * self.random_suite.resp_version
            count, found = self._run_with(shards, first_seed)
            compared += count
            failures += found
        return compared, failures

    def _run_with(self, shards, seed):
        generator = self.random_suite.generator()
        folder = tempfile.mkdtemp(prefix="recovery-")
        sent, failures, server = 0, [], None
        try:
            server = self._start(folder, shards)
            while sent < self.options.commands // SHARE:
                units = generator.sequence(seed, SEQUENCE_COMMANDS)
                begins_anew = seed % 3 == 0
                self._play(units, begins_anew)
                forgotten = (*FORGOTTEN, COUNTED_ANEW) if begins_anew else FORGOTTEN
                before = contents(self.port, forgotten)
                server.stop()
                server = self._start(folder, shards)
                if self._differ(before, contents(self.port, forgotten), units, f"seed {seed}, {shards} shards"):
                    failures.append(("recovery", shards, seed))
                call = Connection(self.port).call
                call("FLUSHALL")
                call("FUNCTION", "FLUSH")
                sent += sum(map(len, units))
                seed += 1
        finally:
            if server:
                server.stop()
            shutil.rmtree(folder, ignore_errors=True)
        return sent, failures

    def _start(self, folder, shards):
        return servers.start_logging(self.options.corelane, self.port, shards, folder)

    def _play(self, units, begins_anew):
        connection = Connection(self.port)
        for number, unit in enumerate(units):
            connection.send(b"".join(map(encode, unit)) + encode([b"ECHO", END]))
            connection.receive_until(b"$%d\r\n%s\r\n" % (len(END), END))
            if begins_anew and number == len(units) // 2:
                Connection(self.port).call("BGREWRITEAOF")
        connection.close()

    def _differ(self, before, after, units, where):
        now_ms = time.time() * 1000
        found = False
        for place in sorted(before.keys() | after.keys()):
            was, is_now = before.get(place), after.get(place)
            if was == is_now or was and 0 < was[1] < now_ms + 1000:
                continue
            found = True
            self.out(f"DIFFERENCE recovery {where}, database {place[0]}, key {place[1]!r}")
            self.out(f"  before: {was!r}\n  after:  {is_now!r}")
            for command in (command for unit in units for command in unit if place[1] in command):
                self.out(f"    {show_command(command)}")
        return found


def contents(port, forgotten):
    """By database and key: type, expiry and value without what is forgotten; and the functions."""
    call = Connection(port).call
    found = {(-1, b"functions"): (b"functions", -1, plain(call("FUNCTION", "LIST", "WITHCODE")))}
    for database in range(DATABASES):
        call("SELECT", database)
        for key in (item[1] for item in call("KEYS", "*")[1]):
            kind = plain(call("TYPE", key))
            if kind != "none":
                expiry = plain(call("PEXPIRETIME", key))
                value = _stream(call, key, forgotten) if kind == "stream" else READ[kind](call, key)
                found[database, key] = kind, expiry, value
    return found


def _string(call, key):
    value = call("GET", key)[1]
    # A HyperLogLog's count is kept beside it, or not.
    return value[:8] + value[16:] if value.startswith(b"HYLL") else value


def _hash(call, key):
    told = [item[1] for item in call("HGETALL", key)[1]]
    fields = sorted(zip(told[::2], told[1::2]))
    times = call("HPEXPIRETIME", key, "FIELDS", len(fields), *[field for field, _ in fields])
    return [(*field, time[1]) for field, time in zip(fields, times[1])]


def _stream(call, key, forgotten):
    return _known(call("XINFO", "STREAM", key, "FULL", "COUNT", "0"), forgotten)


def _known(reply, forgotten):
    """A reply without what is forgotten."""
    kind, content = reply
    if not isinstance(content, list):
        return content
    items, skips = [], False
    for item in content:
        if skips:
            skips = False
        elif item[1] in forgotten:
            skips = True
        else:
            items.append(_known(item, forgotten))
    return items


READ = {
    "string": _string,
    "list": lambda call, key: call("LRANGE", key, 0, -1),
    "set": lambda call, key: sorted(item[1] for item in call("SMEMBERS", key)[1]),
    "zset": lambda call, key: call("ZRANGE", key, 0, -1, "WITHSCORES"),
    "hash": _hash,
}
