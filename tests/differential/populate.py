"""Writes values of every type, so that commands find something."""

import values as v


def opening(generator):
    """The units that fill the session's keys."""
    return [one(generator) for _ in range(10)]


def one(generator):
    """One unit that writes a whole value; now and then a new one over an old."""
    values = generator.values
    group = generator.session if generator.random() < 0.6 else values.one(list(WRITERS))
    if group not in WRITERS:
        group = values.one(list(WRITERS))
    key = generator.key(group)
    unit = WRITERS[group](values, key)
    if not all(generator.has(command[0].lower().decode()) for command in unit):
        return [[b"PING"]]
    if generator.random() < 0.15:
        unit.insert(0, [b"DEL", key])
    if generator.random() < 0.15:
        unit.append([b"EXPIRE", key, b"%d" % values.rng.randrange(100_000, 4_000_000_000)])
    return unit


def _size(values):
    """Mostly small; sometimes past the compact encodings, rarely several nodes long."""
    chance = values.random()
    if chance < 0.93:
        return 1 + int(values.random() * 6)
    return 140 if chance < 0.995 else 1500


def _member(values, count, index):
    return values.element() if count < 100 else b"m%d" % index


def _string(values, key):
    return [[b"SET", key, values.element()]]


def _list(values, key):
    count = _size(values)
    return [[b"RPUSH", key] + [_member(values, count, i) for i in range(count)]]


def _set(values, key):
    count = _size(values)
    if values.random() < 0.4:
        return [[b"SADD", key] + [b"%d" % values.rng.randrange(-3, 8) for _ in range(count)]]
    return [[b"SADD", key] + [_member(values, count, i) for i in range(count)]]


def _hash(values, key):
    count = _size(values)
    command = [b"HSET", key]
    for index in range(count):
        command += [values.one(v.FIELDS) if count < 100 else b"m%d" % index, values.element()]
    return [command]


def _sorted_set(values, key):
    count = _size(values)
    command = [b"ZADD", key]
    same = values.random() < 0.3
    for index in range(count):
        command += [b"0" if same else values.one(v.DOUBLES), _member(values, count, index)]
    return [command]


def _stream(values, key):
    unit = []
    # Rarely more entries than a node of the stream holds.
    for _ in range(1 + int(values.random() * 4) if values.random() < 0.99 else 230):
        values.next_stream_ms += 1
        unit.append([b"XADD", key, b"%d-1" % values.next_stream_ms, values.one(v.FIELDS), values.element()])
    if values.random() < 0.7:
        start = b"0" if values.random() < 0.7 else b"$"
        unit.append([b"XGROUP", b"CREATE", key, values.one(v.GROUPS), start, b"MKSTREAM"])
    if values.random() < 0.4:
        unit.append([b"XREADGROUP", b"GROUP", values.one(v.GROUPS), values.one(v.CONSUMERS), b"STREAMS", key, b">"])
    # Deleted entries stay in their nodes, and what was delivered of them stays pending.
    for _ in range(int(values.random() * 6) - 3):
        unit.append([b"XDEL", key, b"%d-1" % values.rng.randrange(values.next_stream_ms - 6, values.next_stream_ms + 1)])
    if values.random() < 0.2:
        unit.append([b"XACK", key, values.one(v.GROUPS), b"%d-1" % values.next_stream_ms])
    return unit


def _geo(values, key):
    command = [b"GEOADD", key]
    rng = values.rng
    chance = values.random()
    for index in range(1 + int(values.random() * 5) if chance < 0.8 else 60):
        if chance < 0.6:
            # Few places, so that distances tie.
            place = [values.one(v.LONGITUDES[:8]), values.one(v.LATITUDES[:8])]
        elif chance < 0.9:
            place = [b"%.6f" % rng.uniform(13, 15.5), b"%.6f" % rng.uniform(37, 38.5)]
        else:
            place = [b"%.6f" % rng.uniform(-180, 180), b"%.6f" % rng.uniform(-85, 85)]
        command += [*place, _member(values, 100 if chance >= 0.8 else 1, index)]
    return [command]


def _bitmap(values, key):
    raw = bytes(values.rng.choice([0, 0xFF, 0x0F, 0x80, 1]) for _ in range(1 + int(values.random() * 12)))
    return [[b"SET", key, raw]]


def _hyperloglog(values, key):
    chance = values.random()
    # Few elements; enough that runs meet; enough for the dense encoding.
    count = int(chance * 8) if chance < 0.75 else 300 if chance < 0.97 else 4000
    start = values.rng.randrange(3000)
    elements = [values.element() if count < 10 else b"m%d" % (start + index) for index in range(count)]
    unit = [[b"PFADD", key, *elements]]
    if values.random() < 0.04:
        # Damage in the header or in the first runs.
        unit.append([b"SETRANGE", key, b"%d" % values.rng.randrange(24), bytes([values.rng.randrange(256)])])
    return unit


WRITERS = {
    "string": _string,
    "list": _list,
    "set": _set,
    "hash": _hash,
    "sorted-set": _sorted_set,
    "stream": _stream,
    "geo": _geo,
    "bitmap": _bitmap,
    "hyperloglog": _hyperloglog,
}
