"""Finds a short sequence that still shows a difference."""

# A difference that needs more attempts is reported as far as it got.
ATTEMPTS_MAX = 400


def shrink(player, units, target, difference):
    """A minimal list of units and the difference that it shows.

    A smaller sequence counts if the same command differs in the same way:
    otherwise shrinking would slip from one bug to another.
    """
    wanted = difference.signature()
    if difference.kind != "state":
        units = _until(units, difference.at)
    attempts = 0

    def shows(candidate):
        nonlocal attempts
        attempts += 1
        if attempts > ATTEMPTS_MAX:
            return None
        found = player.play(candidate, [target], states=difference.kind == "state")
        return next((each for each in found if each.signature() == wanted), None)

    best = shows(units)
    if best is None:
        return units, None
    chunk = max(1, len(units) // 2)
    while True:
        start = 0
        removed = False
        while start < len(units):
            candidate = units[:start] + units[start + chunk :]
            found = shows(candidate) if candidate else None
            if found:
                units, best, removed = candidate, found, True
            else:
                start += chunk
        if chunk == 1 and not removed:
            break
        chunk = max(1, chunk // 2) if chunk > 1 else 1
        if attempts > ATTEMPTS_MAX:
            break
    return units, best


def _until(units, command_index):
    """The units up to the one that holds the command."""
    kept = []
    total = 0
    for unit in units:
        kept.append(unit)
        total += len(unit)
        if total > command_index:
            break
    return kept
