"""Generated Lua scripts on all servers: replies are compared byte for byte."""

import lua_corpus
from compare import Player, Target
from resp import show_command

SEQUENCE_SCRIPTS = 300
REPORTED_MAX = 40


def run(reference, others, resp_version, options, report):
    """Plays generated scripts until the wanted number was sent; how many replies agreed, which did not."""
    ours, *theirs = [Target(each.name, each.port, resp_version) for each in (reference, *others)]
    player = Player(ours, theirs)
    failures, seen = [], set()
    for seed in range(options.seed, options.seed + max(1, options.commands // SEQUENCE_SCRIPTS)):
        units = lua_corpus.units(seed, SEQUENCE_SCRIPTS)
        # A difference ends a sequence, so what follows it is played again.
        while units:
            found = player.play(units, states=False)
            if not found:
                break
            units = units[min(difference.at for difference in found) + 1 :]
            for difference in found:
                key = difference.command[1]
                if key in seen or len(seen) > REPORTED_MAX:
                    continue
                seen.add(key)
                failures.append(("lua", str(key)[:80], seed))
                report(f"DIFFERENCE lua seed {seed} RESP{resp_version}\n    {show_command(difference.command)}\n{difference.text()}")
    return player.compared, failures
