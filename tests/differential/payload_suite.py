"""DUMP here, RESTORE there: every type's payload crosses in both directions.

The bytes may differ (each server writes its own RDB version); what they say
may not: after the crossing both servers hold the same.
"""

import random

import populate
import state
import values as v
from compare import Player, Target
from resp import Connection, show_command

ROUNDS = 60
KEYS_A_ROUND = 12


def run(reference, others, resp_version, seed, report):
    """Crosses payloads of random values; how many agreed, which did not."""
    agreed, failures = 0, []
    for other in others:
        for round_number in range(ROUNDS):
            rng = random.Random(f"payload {seed} {round_number}")
            for source, target in ((reference, other), (other, reference)):
                names, problem = _cross(rng, source, target, reference, other, resp_version)
                if problem is None:
                    agreed += len(names)
                    continue
                failures.append(("payload", source.name, problem.split("\n")[0]))
                report(f"DIFFERENCE payload {source.name} to {target.name} round {round_number}\n{problem}")
                break
            if len(failures) > 5:
                break
    return agreed, failures


def _cross(rng, source, target, reference, other, resp_version):
    draw = v.Values(rng, None)
    writes = []
    for index in range(KEYS_A_ROUND):
        group = draw.one(list(populate.WRITERS))
        key = b"%s:%d" % (v.TYPES[group], index)
        writes += populate.WRITERS[group](draw, key)
        if rng.random() < 0.2:
            writes.append([b"HPEXPIREAT" if group == "hash" else b"PEXPIREAT", key, b"%d" % rng.randrange(3 * 10**12, 4 * 10**12)])
            if group == "hash":
                writes[-1] += [b"FIELDS", b"1", b"f1"]
    giver, taker = Connection(source.port), Connection(target.port)
    try:
        return _through(giver, taker, writes, reference, other, resp_version)
    finally:
        giver.close()
        taker.close()


def _through(giver, taker, writes, reference, other, resp_version):
    for connection in (giver, taker):
        connection.call("FLUSHALL")
    for command in writes:
        giver.call(*command)
    keys = [item[1] for item in giver.call("KEYS", "*")[1]]
    for key in keys:
        payload = giver.call("DUMP", key)[1]
        ttl = giver.call("PEXPIRETIME", key)[1]
        reply = taker.call("RESTORE", key, b"0" if ttl == b"-1" else ttl, payload or b"", "ABSTTL")
        if reply != ("+", b"OK"):
            kind = giver.call("TYPE", key)[1].decode()
            return keys, f"RESTORE of a {kind} of encoding {giver.call('OBJECT', 'ENCODING', key)[1]}: {reply}\n  payload {payload!r:.300}"
    player = Player(Target(reference.name, reference.port, resp_version), [Target(other.name, other.port, resp_version)])
    player.exchange([], [player.reference, *player.others])
    # A restored value may be stored otherwise than one that grew.
    player.encodings = False
    found = state.compare(player, player.others, 0)
    for difference in found.values():
        lines = [f"    {show_command(command)}"[:300] for command in writes if difference.command[-1] in command or difference.command[1] in command]
        return keys, "\n".join([difference.text(), *lines])
    return keys, None
