"""Random sequences: generates, plays, shrinks and reports.

A difference is reported once by its signature; a command with several of them
is muted for the rest of the run, so that one bug does not hide the others.
"""

import time
from collections import Counter

import grammar
import payloads
import shrink
from compare import Player, Target
from generator import Generator
from resp import Connection, show_command

SEQUENCE_COMMANDS = 450
MUTED_AFTER = 3
# Small limits make values change their encoding after a few elements.
TINY_LIMITS = [
    (b"hash-max-listpack-entries", b"3", b"512"),
    (b"hash-max-listpack-value", b"20", b"64"),
    (b"set-max-intset-entries", b"3", b"512"),
    (b"set-max-listpack-entries", b"4", b"128"),
    (b"zset-max-listpack-entries", b"3", b"128"),
    (b"list-max-listpack-size", b"3", b"-2"),
    (b"stream-node-max-entries", b"3", b"100"),
    (b"hll-sparse-max-bytes", b"40", b"3000"),
]


class RandomSuite:
    """One protocol version's random sequences over all servers."""

    def __init__(self, reference, others, resp_version, options, out):
        self.options = options
        self.out = out
        self.resp_version = resp_version
        self.targets = [Target(each.name, each.port, resp_version, shards=each.shards) for each in (reference, *others)]
        connection = Connection(reference.port)
        self.commands = grammar.load(connection)
        self.payloads = payloads.collect(connection)
        available = grammar.command_names(connection)
        self.limits_settable = True
        for other in others:
            theirs = Connection(other.port)
            available &= grammar.command_names(theirs, sorted(available - {"quit", "shutdown", "monitor", "sync", "psync"}))
            self.limits_settable &= all(
                theirs.call("CONFIG", "SET", name, usual) == ("+", b"OK") for name, _, usual in TINY_LIMITS
            )
        self.available = available
        self.muted = set(options.skip)
        self.strikes = Counter()
        self.seen = set()
        self.failures = []
        self.compared = 0

    def run(self):
        """Plays until the wanted number of commands was sent."""
        generator = self.generator()
        usual, tiny = self._players()
        seed = self.options.seed
        sent = 0
        deadline = time.monotonic() + self.options.seconds
        while sent < self.options.commands and time.monotonic() < deadline:
            units = generator.sequence(seed, SEQUENCE_COMMANDS)
            player = tiny if seed % 3 == 2 else usual
            player.encodings = "object|encoding" not in self.muted
            sent += sum(map(len, units))
            found = player.play(units)
            if found:
                self._report(player, seed, units, found)
                if generator.muted != self.muted:
                    generator = self.generator()
            seed += 1
        self.compared = usual.compared + tiny.compared
        return self.compared, self.failures

    def generator(self):
        """What draws the sequences, without the commands that are muted."""
        return Generator(self.commands, self.available, self.payloads, set(self.muted), self.options.group)

    def _players(self):
        reference, *others = self.targets
        if not self.limits_settable:
            player = Player(reference, others)
            return player, player
        preludes = [
            [[b"CONFIG", b"SET", name, tiny if small else usual] for name, tiny, usual in TINY_LIMITS]
            for small in (False, True)
        ]
        return [Player(reference, others, prelude) for prelude in preludes]

    def _report(self, player, seed, units, found):
        for difference in found:
            signature = difference.signature()
            if signature in self.seen:
                continue
            self.seen.add(signature)
            target = next(each for each in self.targets[1:] if each.name == difference.other_name)
            minimal, shown = shrink.shrink(player, units, target, difference)
            unsteady = "" if shown else " (did not show again: depends on timing)"
            shown = shown or difference
            lines = [f"DIFFERENCE {shown.kind} {signature[1]} seed {seed} RESP{self.resp_version}{unsteady}"]
            if player.prelude and player.prelude[0][3] == TINY_LIMITS[0][1]:
                lines.append("  (with small encoding limits)")
            commands = [command for unit in minimal for command in unit]
            if not unsteady:
                lines += [f"    {show_command(command)}" for command in commands[:60]]
            lines.append(shown.text())
            self.out("\n".join(lines))
            self.failures.append(signature)
        for name in {difference.signature()[1] for difference in found}:
            self._strike(name)

    def _strike(self, name):
        self.strikes[name] += 1
        if self.strikes[name] == MUTED_AFTER:
            self.muted.add(name)
            self.out(f"MUTED {name} after {MUTED_AFTER} differences")
