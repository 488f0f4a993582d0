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


INTENDED = [
    Intended("keys of absent commands", "COMMAND GETKEYS knows only commands that are there", _keys_of_absent),
]


def allowed(args, ours, theirs):
    """Whether the two replies may differ; counts the difference used."""
    for each in INTENDED:
        if each.applies(args, ours, theirs):
            USED[each.name] += 1
            return True
    return False
