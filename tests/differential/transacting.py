"""Generates scripts of connections of which one transacts, with every kind of command in its blocks, while another changes what it watches and a
third listens."""

import random

STRINGS = ["s1", "s2", "{t}s"]
LISTS = ["l1", "l2", "{t}l"]
OTHERS = ["z1", "h1", "x1"]
KEYS = STRINGS + LISTS + OTHERS
BLOCKS = 14
TIMED_OUT_MS = 30
# What a script does with keys that it declares, or not.
TEXTS = [
    ("return redis.call('INCR', KEYS[1])", 1),
    ("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])", 1),
    ("return {redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT'), redis.call('LLEN', KEYS[2])}", 2),
    ("redis.call('RPUSH', KEYS[1], 'a') return redis.call('INCR', KEYS[2])", 2),
    ("redis.call('RPUSH', 'l2', ARGV[1]) return redis.call('LLEN', 'l1')", 0),
    ("redis.call('SET', 's1', 'before') error('thrown')", 0),
    ("return redis.pcall('LPUSH', 's1', 'a')", 0),
    ("redis.call('SELECT', 1) redis.call('SET', 's1', 'one') return redis.call('GET', 's1')", 0),
    ("return redis.call('BLPOP', 'l1', 0)", 0),
    ("return redis.call('PUBLISH', 'channel', ARGV[1])", 0),
    ("return {redis.call('EXISTS', 's1', 's2', 'l1', 'l2', 'z1', 'h1', 'x1')}", 0),
]


def generated(seed):
    """A random script: A transacts, B changes what it watches, C listens, D waits for lists."""
    rng = random.Random(f"transacting {seed}")
    lines = ["C: SUBSCRIBE channel other", "A: CONFIG SET hash-max-listpack-entries 128"]
    for _ in range(BLOCKS):
        lines += [f"B: {_change(rng)}" for _ in range(rng.randrange(3))]
        lines += _block(rng)
        lines += ["A: RESET", *([f"A: HELLO {rng.choice([2, 3])}"] if rng.random() < 0.3 else [])]
    return lines + _all_there_is()


def _block(rng):
    lines = [f"A: SELECT {rng.choice([0, 0, 0, 1])}"]
    if rng.random() < 0.5:
        lines.append(f"A: WATCH {' '.join(rng.sample(KEYS, rng.choice([1, 2, 4])))}")
        if rng.random() < 0.2:
            lines += ["A: SELECT 1", f"A: WATCH {rng.choice(KEYS)}", "A: SELECT 0"]
        lines += _meanwhile(rng)
        if rng.random() < 0.1:
            lines.append("A: UNWATCH")
    waits = rng.random() < 0.25
    if waits:
        lines.append(f"D? {rng.choice(['BLPOP l1 0', 'BLPOP {t}l 0', 'BRPOP l2 0', 'BLMOVE l1 d RIGHT LEFT 0', 'BZPOPMIN z1 0', 'XREAD BLOCK 0 STREAMS x1 $'])}")
    lines.append("A: MULTI")
    for _ in range(rng.choice([0, 1, 2, 3, 5, 8])):
        lines.append(f"A: {_queued(rng)}")
        if rng.random() < 0.08:
            lines.append(f"B: {_change(rng)}")
    if rng.random() < 0.12:
        lines.append(f"A: {_refused(rng)}")
    return [*lines, f"A: {rng.choice(['EXEC'] * 12 + ['DISCARD', 'EXEC extra'])}"]


def _meanwhile(rng):
    """What happens to watched keys before MULTI."""
    if rng.random() < 0.15:
        return [f"B: PEXPIRE {rng.choice(KEYS)} 1", f"sleep {TIMED_OUT_MS}"]
    return [f"B: {_change(rng)}" for _ in range(rng.choice([0, 0, 1, 2]))]


def _change(rng):
    key, other, text, items = rng.choice(KEYS), rng.choice(KEYS), rng.choice(STRINGS), rng.choice(LISTS)
    return rng.choice(
        [
            f"SET {text} {rng.randrange(4)}", f"SET {text} {rng.randrange(4)} EX 1000", f"GETEX {text} PERSIST", f"INCR {text}", f"DEL {key}",
            f"DEL {key} {other}", f"RPUSH {items} a b c", f"LPOP {items}", f"LSET {items} 0 a", f"LTRIM {items} 0 1", f"RENAME {key} {other}", f"COPY {key} {other} REPLACE",
            f"ZADD z1 {rng.randrange(3)} m", "ZREM z1 m", f"HSET h1 f {rng.randrange(3)}", f"XADD x1 {rng.randrange(500)}-* f v", f"EXPIRE {key} 1000", f"EXPIRE {key} -1", f"PERSIST {key}",
            f"MOVE {key} 1", f"TOUCH {key}", f"GET {text}", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", f"MSET {text} 1 s2 2", f"SADD {key} a", f"EVAL \"return redis.call('DEL', KEYS[1])\" 1 {key}",
        ]
    )


def _queued(rng):
    """A command for a block: of any kind."""
    key, text, items, item = rng.choice(KEYS), rng.choice(STRINGS), rng.choice(LISTS), rng.randrange(9)
    kinds = [
        [f"SET {text} {item}", f"GET {text}", f"INCR {text}", f"APPEND {text} x", f"GETDEL {text}", "MSET s1 1 s2 2 {t}s 3", "MGET s1 s2 {t}s", f"SETRANGE {text} 2 y", f"STRLEN {text}"],
        [f"RPUSH {items} {item}", f"LPUSH {items} {item} {item}", f"LPOP {items}", f"RPOP {items} 2", f"LRANGE {items} 0 -1", "LMOVE l1 l2 LEFT RIGHT", "RPOPLPUSH l2 {t}l", f"LMPOP 2 l1 l2 LEFT COUNT 2"],
        [f"ZADD z1 {item} m{item}", "ZPOPMIN z1", "ZRANGE z1 0 -1 WITHSCORES", f"HSET h1 f{item} v", "HLEN h1", "HGET h1 f1", f"XADD x1 {100 + item}-* f v", "XLEN x1", "XREAD STREAMS x1 0"],
        ["BLPOP l1 l2 0", "BRPOP {t}l 0", "BLMOVE l1 l2 LEFT LEFT 0", "BZPOPMIN z1 0", "BLMPOP 0 2 l1 l2 LEFT", "XREAD BLOCK 0 STREAMS x1 $", "BLPOP l1 -1", "BLPOP l1 x", "BRPOPLPUSH l1 l2 0", "WAIT 0 10"],
        ["SELECT 0", "SELECT 1", "SELECT 99", "SWAPDB 0 1", "FLUSHDB", "FLUSHALL", f"MOVE {key} 1", f"COPY {key} {text} DB 1 REPLACE", "UNWATCH"],
        [f"PUBLISH channel m{item}", "PUBLISH nobody m", "SPUBLISH channel m", "SUBSCRIBE mine", "UNSUBSCRIBE mine", "PSUBSCRIBE m*", "PUNSUBSCRIBE", "PUBLISH mine m", "PUBSUB NUMSUB channel", "SSUBSCRIBE s"],
        [f"CLIENT SETNAME n{item}", "CLIENT GETNAME", "CLIENT NO-TOUCH ON", "CLIENT SETNAME 'a b'", "PING", "ECHO x", "HELLO 2", "HELLO 3", "HELLO 9", "CLIENT TRACKINGINFO", "COMMAND COUNT x", "AUTH x"],
        [f"CONFIG SET hash-max-listpack-entries {64 + item}", "CONFIG GET hash-max-listpack-entries", "CONFIG SET nosuch 1", "CONFIG SET maxmemory-samples x", "OBJECT ENCODING h1", "OBJECT FREQ h1", "CONFIG HELP x", "SCRIPT EXISTS x"],
        [f"LPUSH {text} a", f"INCR {items}", f"GET {items}", f"SET {text}  a NX XX", "ZADD z1 x m", f"EXPIRE {key} x", "EVALSHA 0000000000000000000000000000000000000000 0", "FCALL nosuch 0", "EVAL 'return 1' x", "EVAL 'this is no lua' 0"],
        [f"DEL {key}", f"EXPIRE {key} 1000", f"TTL {key}", f"TYPE {key}", f"RENAME {key} {text}", f"PEXPIRE {key} -1", f"EXISTS {' '.join(KEYS)}", "SORT l1 BY nosort GET s*", "SORT l1 ALPHA STORE l2", f"PERSIST {key}"],
        [_script(rng), _script(rng)],
    ]
    return rng.choice(rng.choice(kinds))


def _script(rng):
    text, count = rng.choice(TEXTS)
    keys = rng.sample(LISTS if "LMOVE" in text else KEYS, count)
    return f'EVAL "{text}" {count} {" ".join(keys)} {rng.randrange(9)}'


def _refused(rng):
    """A command that is refused when it is queued."""
    return rng.choice(["NOSUCH a", "GET", "MULTI", "WATCH s1", "CLIENT NOSUCH", "SET s1", "SUBSCRIBE", "CONFIG SET", "MONITOR x", "PSYNC"])


def _all_there_is():
    lines = ["A: RESET", "B: RESET"]
    for db in (0, 1):
        lines.append(f"B: SELECT {db}")
        for key in [*KEYS, "d"]:
            lines += [f"B: TYPE {key}", f"B: GET {key}", f"B: LRANGE {key} 0 -1", f"B: ZRANGE {key} 0 -1 WITHSCORES", f"B: HGET {key} f", f"B: XLEN {key}"]
    return [*lines, "D: RESET", "C: UNSUBSCRIBE", "A: CONFIG SET hash-max-listpack-entries 512", "A: FLUSHALL"]
