"""Differences that are meant, each with its reason; see docs/differences.md.

A difference is a name, the reason, and a predicate over the command, the
reference's reply and the other server's. A run counts how often each was used,
so that one which no longer happens can be removed.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Callable

USED = Counter()


@dataclass(frozen=True)
class Intended:
    """One intended difference."""

    name: str
    reason: str
    applies: Callable


def _keys_of_absent(args, ours, theirs):
    asked = len(args) > 2 and args[0].upper() == b"COMMAND" and args[1].upper().startswith(b"GETKEYS")
    return asked and b"ERR Invalid command specified" in (ours[1], theirs[1])


PROGRESS = {b"entries-read", b"lag"}


def _hide_progress(reply):
    """The reply without how far groups have come."""
    kind, content = reply
    if not isinstance(content, list):
        return reply
    shown = []
    for item in content:
        name = shown[-1][1] if shown else None
        if isinstance(name, bytes) and name in PROGRESS:
            # The name too: a script's table has no field that is nil.
            shown.pop()
        else:
            shown.append(_hide_progress(item))
    return (kind, shown)


def _progress(args, ours, theirs):
    asked = args
    if args[0].upper() == b"EVAL" and len(args) > 3 and args[2] == b"0" and b"unpack(ARGV)" in args[1]:
        asked = args[3:]
    if len(asked) < 2 or asked[0].upper() != b"XINFO" or asked[1].upper() not in (b"GROUPS", b"STREAM"):
        return False
    import rules

    known = all(kind == ":" and int(lag) >= 0 for kind, lag in _lags(theirs))
    return known and rules.rule_for(args)(_hide_progress(ours), _hide_progress(theirs))


def _lags(reply):
    """The lags of all groups in a reply."""
    _, content = reply
    if isinstance(content, list):
        yield from (item for name, item in zip(content, content[1:]) if name[1] == b"lag")
        for item in content:
            yield from _lags(item)


INTENDED = [
    Intended("progress of groups", "lag is the number of entries left and entries-read is exact where Valkey answers nil or guesses", _progress),
    Intended("keys of absent commands", "COMMAND GETKEYS knows only commands that are there", _keys_of_absent),
]


def allowed(args, ours, theirs):
    """Whether the two replies may differ; counts the difference used."""
    for each in INTENDED:
        if each.applies(args, ours, theirs):
            USED[each.name] += 1
            return True
    return False
