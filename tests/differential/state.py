"""Reads all that a server holds, by commands, and compares it.

Two round trips a database: which keys there are and of what type, then each
key's content with the command that its type asks for.
"""

import rules
from resp import parse_all
from values import ALL_KEYS, TYPES

DATABASES = (0, 1)
CONTENT = {
    b"string": [[b"GET"]],
    b"list": [[b"LRANGE", None, b"0", b"-1"]],
    b"set": [[b"SMEMBERS"]],
    b"zset": [[b"ZRANGE", None, b"0", b"-1", b"WITHSCORES"]],
    b"hash": [[b"HGETALL"]],
    b"stream": [[b"XINFO", b"STREAM", None, b"FULL", b"COUNT", b"0"]],
}

TYPE_OF_GROUP = {
    "string": b"string",
    "bitmap": b"string",
    "hyperloglog": b"string",
    "list": b"list",
    "set": b"set",
    "hash": b"hash",
    "sorted-set": b"zset",
    "geo": b"zset",
    "stream": b"stream",
}


def _about(key, encodings=True):
    structure = [b"OBJECT", b"ENCODING", key] if encodings else [b"EXISTS", key]
    return [[b"TYPE", key], structure, [b"PTTL", key]]


def compare(player, others, at):
    """The differences in state by server name."""
    encodings = player.encodings
    found = {}
    for database in DATABASES:
        targets = [each for each in others if each.name not in found]
        if not targets:
            return found
        survey = [[b"SELECT", b"%d" % database], [b"KEYS", b"*"]]
        survey += [command for key in ALL_KEYS for command in _about(key, encodings)] if database == 0 else []
        # Last: what is expired counts until it is touched.
        survey += [[b"DBSIZE"]] if database == 0 else []
        replies = _round(player, survey, targets, at, found)
        if replies is None:
            continue
        keys = [item[1] for item in replies[1][1]] if replies[1][0] == "*" else []
        if database == 0:
            types = {key: replies[2 + 3 * index][1] for index, key in enumerate(ALL_KEYS)}
            strangers = [key for key in keys if key not in types]
            details = [command for key in strangers for command in _about(key, encodings)]
            details += [command for key in keys for command in _content(key, types.get(key) or _type_by_letter(key))]
        else:
            details = [command for key in keys for command in _about(key, encodings)]
        targets = [each for each in targets if each.name not in found]
        if details and targets:
            _round(player, details + [[b"SELECT", b"0"]], targets, at, found)
        elif targets:
            _round(player, [[b"SELECT", b"0"]], targets, at, found)
    return found


def _type_by_letter(key):
    """The type that a key outside the pool has if its name is kept."""
    group = next((group for group, letter in TYPES.items() if key.startswith(letter + b":")), None)
    return TYPE_OF_GROUP.get(group)


# Whether all servers know the expiry of fields.
FIELD_EXPIRY = True


def _content(key, kind):
    commands = []
    for template in CONTENT.get(kind, []):
        command = [key if part is None else part for part in template]
        if None not in template:
            command.append(key)
        commands.append(command)
    if kind == b"hash" and FIELD_EXPIRY:
        commands.append([b"HPEXPIRETIME", key, b"FIELDS", b"3", b"f1", b"f2", b"n1"])
    return commands


def _round(player, commands, targets, at, found):
    """Sends the commands everywhere; adds differences; the reference's replies."""
    from compare import Difference, replies_of

    ours, *theirs = player.exchange(commands, [player.reference, *targets])
    if isinstance(ours, Exception):
        player.reference.connect()
        raise RuntimeError(f"the reference did not tell its state: {ours!r}")
    our_replies = parse_all(ours)
    for target, data in zip(targets, theirs):
        if data == ours:
            continue
        if isinstance(data, Exception):
            found[target.name] = Difference("state", commands[0], our_replies[0], f"no reply: {data!r}", target.name, at)
            target.connection = None
            continue
        their_replies, _ = replies_of(data)
        for args, a, b in zip(commands, our_replies, their_replies):
            if not rules.same(args, a, b, None):
                found[target.name] = Difference("state", args, a, b, target.name, at)
                break
    return our_replies
