"""Damages a valid command: arity, order, tokens, types and ranges."""

import values as v

# Where a misplaced number would block the run or expire a key in the middle
# of it, only damage that brings no new number is done.
CLOCKED = (
    "timeout", "seconds", "milliseconds", "ttl", "unix-time-seconds", "unix-time-milliseconds", "min-idle-time", "ms",
)
JUNK = [b"abc", b"", b"WITHJUNK", b"\xff\x00", b"NX", b"XX", b"COUNT", b"LIMIT", b"*", b"-"]
UNKNOWN = [b"NOSUCHCOMMAND", b"GETT", b"", b"get\r\nx", b"\x00", b"FOO" * 50, b"LRANGE2", b"'quoted'"]


def clocked(node):
    """Whether a grammar node holds a time."""
    return node.name in CLOCKED or any(clocked(child) for child in node.children)


def damage(generator, command, args):
    """A damaged copy of a valid command."""
    one = generator.values.one
    head = len(command.words())
    args = list(args)
    gentle = any(clocked(node) for node in command.arguments)
    kinds = GENTLE if gentle else GENTLE + ROUGH
    kind = one(kinds)
    tail = len(args) - head
    at = head + int(generator.random() * tail) if tail else head
    if kind == "drop last" and len(args) > 1:
        args.pop()
    elif kind == "drop" and tail:
        del args[at]
    elif kind == "cut":
        del args[max(1, at) :]
    elif kind == "append":
        args.append(one(JUNK))
    elif kind == "insert":
        args.insert(at, one(JUNK))
    elif kind == "junk" and tail:
        args[at] = one(JUNK)
    elif kind == "case":
        args[0] = args[0].lower() if generator.random() < 0.5 else args[0].capitalize()
    elif kind == "unknown":
        args[0] = one(UNKNOWN)
    elif kind == "subcommand" and head == 2:
        args[1] = one([b"NOSUCH", b"", b"HELPP", b"x" * 200])
    elif kind == "double" and tail:
        args.insert(at, args[at])
    elif kind == "replace" and tail:
        args[at] = one(v.ELEMENTS)
    elif kind == "swap" and tail > 1:
        other = head + int(generator.random() * tail)
        args[at], args[other] = args[other], args[at]
    elif kind == "key" and tail:
        args[head] = one(v.ALL_KEYS)
    elif kind == "move tail" and tail > 2:
        args.insert(head + 1, args.pop())
    return args


GENTLE = ["drop last", "drop", "cut", "append", "insert", "junk", "case", "unknown", "subcommand", "double"]
ROUGH = ["replace", "replace", "swap", "swap", "key", "move tail"]
