"""Generates scripts of several connections: some block and one feeds them, or all watch and transact."""

import random

KEYS = ["k1", "k2", "{t}a", "{t}b"]
DESTINATIONS = ["d1", "{t}d2"]
LETTERS = "ABCD"
STEPS = 40


def generated(seed, wild):
    """A random script: some connections block, the last one feeds them.

    In a wild script blocked connections are sent more, which waits there; in
    what order it runs after a wake-up is only certain on a single shard, and
    so is who is served when a move feeds a key that others wait for.
    """
    rng = random.Random(f"blocking {seed}")
    kind = rng.choice(["list", "list", "zset", "stream", "watch"])
    if kind == "watch":
        return [f"{rng.choice(LETTERS)}: {_watching(rng)}" for _ in range(2 * STEPS)]
    lines = []
    if kind == "stream":
        lines += [f"D: XGROUP CREATE {key} g $ MKSTREAM" for key in KEYS[:3]]
    state = {"ms": 1}
    for _ in range(STEPS):
        letter = rng.choice("ABCDDDD")
        if letter == "D":
            lines += _feeding(rng, kind, state)
        else:
            lines.append(f"{letter}{':' if wild else '?'} {_blocking(rng, kind, KEYS if wild else DESTINATIONS)}")
    return lines


def _watching(rng):
    """A step of connections that watch, change and transact on few keys."""
    key, other = rng.sample(KEYS, 2)
    return rng.choice(
        [
            f"WATCH {key}", f"WATCH {key} {other}", "UNWATCH", "MULTI", "MULTI", "EXEC", "EXEC", "EXEC", "DISCARD",
            f"SET {key} v{rng.randrange(100)}", f"GET {key}", f"INCR {key}", f"DEL {key}", f"RENAME {key} {other}",
            f"MSET {key} 1 {other} 2", f"MGET {' '.join(KEYS)}", f"COPY {key} {other} REPLACE", "FLUSHALL",
            f"EXPIRE {key} 1000", f"PERSIST {key}", f"RPUSH {key} a", f"LPOP {key}", f"EXPIRE {key} -1", f"TOUCH {key}",
        ]
    )


def _blocking(rng, kind, destinations):
    keys = " ".join(rng.sample(KEYS, rng.choice([1, 1, 2, 3])))
    count = len(keys.split())
    side = rng.choice(["LEFT", "RIGHT"])
    if kind == "list":
        return rng.choice(
            [
                f"BLPOP {keys} 0",
                f"BRPOP {keys} 0",
                f"BLMOVE {rng.choice(KEYS)} {rng.choice(destinations)} {side} {rng.choice(['LEFT', 'RIGHT'])} 0",
                f"BRPOPLPUSH {rng.choice(KEYS)} {rng.choice(destinations)} 0",
                f"BLMPOP 0 {count} {keys} {side} COUNT {rng.choice([1, 2, 5])}",
            ]
        )
    if kind == "zset":
        return rng.choice(
            [f"BZPOPMIN {keys} 0", f"BZPOPMAX {keys} 0", f"BZMPOP 0 {count} {keys} {rng.choice(['MIN', 'MAX'])} COUNT {rng.choice([1, 3])}"]
        )
    marks = " ".join(["$"] * count)
    limit = rng.choice(["", "COUNT 1 ", "COUNT 2 "])
    news = " ".join([">"] * count)
    return rng.choice([f"XREAD {limit}BLOCK 0 STREAMS {keys} {marks}", f"XREADGROUP GROUP g {rng.choice('xyz')} {limit}BLOCK 0 STREAMS {keys} {news}"])


def _feeding(rng, kind, state):
    if rng.random() < 0.2:
        inner = [_feed(rng, kind, state) for _ in range(rng.choice([2, 3]))]
        return ["D: MULTI", *(f"D: {line}" for line in inner), "D: EXEC"]
    if rng.random() < 0.1:
        return [f"D: {line}" for line in _upheaval(rng, kind)]
    return [f"D: {_feed(rng, kind, state)}"]


def _feed(rng, kind, state):
    key, other = rng.sample(KEYS, 2)
    state["ms"] += 1
    if kind == "list":
        values = " ".join(f"v{state['ms']}{c}" for c in "abc"[: rng.choice([1, 1, 2, 3])])
        return rng.choice([f"RPUSH {key} {values}", f"LPUSH {key} {values}", f"LMOVE {other} {key} LEFT RIGHT", f"LPOP {key}", f"LLEN {key}"])
    if kind == "zset":
        return rng.choice([f"ZADD {key} 1 a{state['ms']} 2 b", f"ZINCRBY {key} 3 m", f"ZUNIONSTORE {key} 2 {key} {other}", f"ZPOPMIN {key}", f"ZCARD {key}"])
    return _feed_stream(rng, key, state["ms"])


def _upheaval(rng, kind):
    """Commands after which keys are others, or no more there."""
    one, two = rng.sample(KEYS, 2)
    choices = [[f"RENAME {one} {two}"], [f"COPY {one} {two} REPLACE"], [f"DEL {one} {two}"], ["FLUSHALL"], [f"MOVE {one} 1"]]
    if kind == "stream":
        # In which order the keys of an exchanged database are looked at is free: only readers do not take what others wait for.
        # While a key is no stream, Valkey refuses readers that wait for others too when one of these changes.
        return rng.choice([*choices, ["SWAPDB 0 1"], [f"SET {one} string", f"DEL {one}"]])
    return rng.choice([*choices, [f"SET {one} string"]])


def _feed_stream(rng, key, ms):
    # No group is set back while somebody may wait for it: that wakes here at once, in Valkey with the next entry.
    adding = [f"XADD {key} {ms}-1 f v"] * 6 + [f"XADD {key} MAXLEN {rng.randrange(3)} {ms}-1 f v", _script("XADD", key, f"{ms}-1", "f", "v")]
    making = [f"XGROUP CREATE {key} g $ MKSTREAM"] * 3 + [f"XGROUP CREATE {key} g 0 MKSTREAM", f"XGROUP SETID {key} g {rng.choice(['$', ms, '+'])}"]
    ending = [f"XGROUP DESTROY {key} g", _script("DEL", key), f"EXPIRE {key} 0"]
    others = [
        f"XTRIM {key} MAXLEN 1", f"XDEL {key} {ms - 1}-1", f"XSETID {key} {ms}-0", f"XACK {key} g {ms - 1}-1", f"XLEN {key}", f"XPENDING {key} g",
        f"XREADGROUP GROUP g w COUNT 1 STREAMS {key} >", f"XAUTOCLAIM {key} g w 0 0 COUNT 2", f"XGROUP DELCONSUMER {key} g x", f"XINFO GROUPS {key}",
    ]
    pools = [adding] * 5 + [making] * 2 + [others] * 3 + ([ending] if rng.random() < 0.4 else [])
    return rng.choice(rng.choice(pools))


def _script(*words):
    return f"EVAL \"return redis.call({', '.join(repr(word) for word in words)})\" 1 {words[1]}"
