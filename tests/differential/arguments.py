"""Which pool feeds which argument: by command, by group, or by its name.

The first entry found wins: (command, argument), (group, argument), argument,
and last the argument's type.
"""

import values as v


def pool(values):
    """A source that draws from a fixed pool."""
    return lambda draw: draw.one(values)


ELEMENT = v.Values.element
STREAM_BOUND = v.Values.stream_bound
STREAM_ID = v.Values.stream_id
SCORE_BOUND = pool(v.SCORE_BOUNDS)
LEX_BOUND = pool(v.LEX_BOUNDS)
BLOCK_S = pool(v.BLOCK_S)
BLOCK_MS = pool(v.BLOCK_MS)
IDLE_MS = pool(v.IDLE_MS)
INDEX = pool(v.INDEXES)
BIT = pool([b"0", b"1", b"0", b"1", b"2", b"-1", b"abc", b""])
# Negative counts make these reply that many elements.
RANDOM_COUNT = pool([b"1", b"2", b"3", b"5", b"100", b"-1", b"-3", b"-20", b"0", b"abc", b"9223372036854775808", b"-9223372036854775808"])

BY_COMMAND = {
    ("setbit", "value"): BIT,
    ("bitpos", "bit"): BIT,
    ("srandmember", "count"): RANDOM_COUNT,
    ("hrandfield", "count"): RANDOM_COUNT,
    ("zrandmember", "count"): RANDOM_COUNT,
    ("zrangebylex", "min"): LEX_BOUND,
    ("zrangebylex", "max"): LEX_BOUND,
    ("zrevrangebylex", "min"): LEX_BOUND,
    ("zrevrangebylex", "max"): LEX_BOUND,
    ("zremrangebylex", "min"): LEX_BOUND,
    ("zremrangebylex", "max"): LEX_BOUND,
    ("zlexcount", "min"): LEX_BOUND,
    ("zlexcount", "max"): LEX_BOUND,
    ("zrange", "start"): INDEX,
    ("zrange", "stop"): INDEX,
    ("zrangestore", "min"): INDEX,
    ("zrangestore", "max"): INDEX,
    ("xadd", "id"): v.Values.new_stream_id,
    ("xadd", "threshold"): STREAM_BOUND,
    ("xread", "id"): v.Values.read_position,
    ("xreadgroup", "id"): v.Values.read_position,
    ("xclaim", "min-idle-time"): IDLE_MS,
    ("xautoclaim", "min-idle-time"): IDLE_MS,
    ("xpending", "min-idle-time"): IDLE_MS,
    ("xread", "milliseconds"): BLOCK_MS,
    ("xreadgroup", "milliseconds"): BLOCK_MS,
    ("xclaim", "ms"): pool([b"0", b"1000", b"100000000", b"-1", b"abc"]),
    ("pfdebug", "subcommand"): pool([b"DECODE", b"encoding", b"TODENSE"] * 4 + [b"GETREG", b"nope", b""]),
    ("restore", "ttl"): pool([b"0", b"0", b"500000000", b"-1", b"abc", b""]),
    ("restore-asking", "ttl"): pool([b"0", b"500000000", b"-1"]),
    ("restore", "seconds"): pool([b"0", b"1000", b"-1", b"abc"]),
    ("restore", "frequency"): pool([b"0", b"5", b"255", b"256", b"-1"]),
    ("sort", "by-pattern"): pool(v.SORT_PATTERNS),
    ("sort", "get-pattern"): pool(v.SORT_PATTERNS),
    ("sort_ro", "by-pattern"): pool(v.SORT_PATTERNS),
    ("sort_ro", "get-pattern"): pool(v.SORT_PATTERNS),
    ("wait", "timeout"): pool([b"1", b"-1", b"abc"]),
    ("wait", "numreplicas"): pool([b"0", b"0", b"-1", b"abc"]),
    ("waitaof", "numlocal"): pool([b"0", b"0", b"-1", b"2"]),
    ("waitaof", "numreplicas"): pool([b"0", b"-1"]),
    ("waitaof", "timeout"): pool([b"1", b"-1", b"abc"]),
    ("memory|usage", "count"): pool([b"0", b"5", b"-1", b"abc"]),
    ("acl|cat", "category"): pool([b"string", b"read", b"nope", b"", b"LIST"]),
    ("client|kill", "old-format"): pool([b"1.2.3.4:5", b"nope"]),
    ("pubsub|channels", "pattern"): pool(v.PATTERNS),
}
BY_GROUP = {
    ("bitmap", "offset"): pool(v.OFFSETS),
    ("bitmap", "start"): pool(v.INDEXES),
    ("bitmap", "end"): pool(v.INDEXES),
    ("string", "start"): INDEX,
    ("string", "end"): INDEX,
    ("string", "offset"): pool(v.OFFSETS),
    ("string", "min-match-len"): pool([b"0", b"1", b"2", b"-1", b"abc"]),
    ("stream", "start"): STREAM_BOUND,
    ("stream", "end"): STREAM_BOUND,
    ("stream", "id"): STREAM_ID,
    ("stream", "lastid"): STREAM_ID,
    ("stream", "last-id"): STREAM_ID,
    ("stream", "max-deleted-id"): STREAM_ID,
    ("stream", "threshold"): STREAM_BOUND,
    ("sorted-set", "min"): SCORE_BOUND,
    ("sorted-set", "max"): SCORE_BOUND,
    ("geo", "count"): pool(v.COUNTS),
    ("hash", "unix-time-seconds"): v.Values.unix_s,
    ("hash", "unix-time-milliseconds"): v.Values.unix_ms,
}
BY_NAME = {
    "field": pool(v.FIELDS),
    "value": ELEMENT,
    "member": ELEMENT,
    "element": ELEMENT,
    "comparison-value": ELEMENT,
    "index": INDEX,
    "start": INDEX,
    "stop": INDEX,
    "end": INDEX,
    "rank": pool([b"1", b"-1", b"2", b"-2", b"3", b"0", b"-9223372036854775808", b"abc"]),
    "len": pool([b"0", b"1", b"3", b"100", b"-1", b"abc"]),
    "count": lambda draw: draw.one(v.COUNTS) if draw.random() < 0.93 else draw.one(v.BAD_NUMBERS),
    "num-matches": pool(v.COUNTS),
    "limit": pool(v.COUNTS),
    "timeout": BLOCK_S,
    "seconds": v.Values.seconds,
    "milliseconds": v.Values.milliseconds,
    "unix-time-seconds": v.Values.unix_s,
    "unix-time-milliseconds": v.Values.unix_ms,
    "cursor": v.Values.cursor,
    "group": pool(v.GROUPS),
    "consumer": pool(v.CONSUMERS),
    "encoding": pool(v.ENCODINGS),
    "longitude": pool(v.LONGITUDES),
    "latitude": pool(v.LATITUDES),
    "radius": pool(v.RADII),
    "width": pool(v.RADII),
    "height": pool(v.RADII),
    "destination-db": pool(v.DATABASES),
    "db": pool(v.DATABASES),
    "index1": pool([b"0", b"1", b"0", b"1", b"99", b"-1", b"abc"]),
    "index2": pool([b"0", b"1", b"0", b"1", b"99", b"-1", b"abc"]),
    "type": pool(v.TYPE_NAMES),
    "channel": pool(v.CHANNELS),
    "shardchannel": pool(v.CHANNELS),
    "serialized-value": v.Values.payload,
    "weight": v.Values.double,
    "slot": pool([b"0", b"1", b"16383", b"16384", b"-1", b"abc"]),
    "protover": pool([b"2", b"3"]),
    "sha1": pool([b"0" * 40, b"f" * 40, b"short", b""]),
    "entriesread": pool([b"0", b"1", b"5", b"-1", b"-2", b"abc"]),
    "entries-added": pool([b"0", b"1", b"100", b"-1", b"abc"]),
    "parameter": pool([b"maxmemory", b"save", b"nope", b"SAVE", b"hash-max-*", b"hash-max-listpack-entries", b"[m]axclients", b""]),
    "clientname": pool([b"name", b"with space", b""]),
    "connection-name": pool([b"name", b"with space", b"", b"a\nb"]),
}
BY_KIND = {
    "integer": v.Values.integer,
    "double": v.Values.double,
    "string": ELEMENT,
    "pattern": pool(v.PATTERNS),
    "unix-time": v.Values.unix_s,
}


def source(command, group, argument):
    """The function that draws this argument's values."""
    for table, where in (
        (BY_COMMAND, (command, argument.name)),
        (BY_GROUP, (group, argument.name)),
        (BY_NAME, argument.name),
    ):
        if where in table:
            return table[where]
    if argument.name.startswith(("member", "pivot")):
        return ELEMENT
    return BY_KIND[argument.kind]
