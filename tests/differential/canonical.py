"""Ways in which two replies count as the same.

Each takes the reference's reply and the other one (parsed, see resp.py) and
says whether they agree. Nothing is looser than its name: what is unordered
must still have the same elements, what is random the same shape.
"""

NUMBERS = (":", ",")


def exact(ours, theirs):
    return ours == theirs


def _sorted(items):
    return sorted(items, key=repr)


def unordered(ours, theirs):
    """An array or set whose order is free."""
    if ours == theirs:
        return True
    if ours[0] != theirs[0] or not isinstance(ours[1], list) or not isinstance(theirs[1], list):
        return False
    return len(ours[1]) == len(theirs[1]) and _sorted(ours[1]) == _sorted(theirs[1])


def or_cut_texts(ours, theirs):
    """Exactly the same, unless an element has a zero byte: then a choice of as many elements."""
    items = [item for reply in (ours, theirs) if isinstance(reply[1], list) for _, item in reply[1]]
    return ours == theirs or any(isinstance(item, bytes) and b"\0" in item for item in items) and choice(ours, theirs)


def unordered_deep(ours, theirs):
    """Nested arrays none of which has an order."""
    return ours == theirs or _settled(ours) == _settled(theirs)


def _settled(reply):
    kind, content = reply
    return (kind, _sorted([_settled(item) for item in content])) if isinstance(content, list) else reply


def unordered_pairs(ours, theirs):
    """A map, or its flat RESP2 form, whose order is free."""
    if ours == theirs:
        return True
    if ours[0] != theirs[0] or not isinstance(ours[1], list) or not isinstance(theirs[1], list):
        return False
    if len(ours[1]) != len(theirs[1]) or len(ours[1]) % 2:
        return False
    return _sorted(_pairs(ours[1])) == _sorted(_pairs(theirs[1]))


def or_script_map(rule):
    """As `rule`, or maps, or the pairs of one with a text as each key, whose order is free."""

    def compare(ours, theirs):
        if rule(ours, theirs):
            return True
        if ours[0] not in "%*" or not isinstance(ours[1], list) or not ours[1]:
            return False
        return rule(_without_order(ours), _without_order(theirs))

    return compare


def _without_order(reply):
    """A script's reply with the pairs of each map, or of what may be one, sorted."""
    kind, content = reply
    if not isinstance(content, list):
        return reply
    items = [_without_order(item) for item in content]
    keys = items[::2]
    named = all(key[0] == "$" and key[1] is not None for key in keys)
    if len(items) % 2 == 0 and named and len(set(keys)) == len(keys):
        items = [item for pair in _sorted(_pairs(items)) for item in pair]
    return (kind, items)


def _pairs(items):
    return list(zip(items[::2], items[1::2]))


def shape(ours, theirs):
    """A random choice: the same types and lengths, any content; errors in full."""
    if ours == theirs:
        return True
    if ours[0] != theirs[0] or ours[0] in "-+":
        return False
    if isinstance(ours[1], list) and isinstance(theirs[1], list):
        if len(ours[1]) != len(theirs[1]):
            return False
        return all(shape(a, b) for a, b in zip(ours[1], theirs[1]))
    return (ours[1] is None) == (theirs[1] is None)


def choice(ours, theirs):
    """As shape, for a positive count that may have taken everything."""
    return unordered(ours, theirs) or shape(ours, theirs)


def masked(ours, theirs):
    """A number or text of the moment: only its type is compared."""
    return ours == theirs or (ours[0] == theirs[0] and ours[0] not in "-*%~" and (ours[1] is None) == (theirs[1] is None))


# The types that DUMP writes of values whose elements have no order: table of a set, of a hash, of a hash whose fields expire.
UNORDERED_PAYLOADS = (2, 4, 22)
LIST_OF_NODES = 18
STREAM = 21


def payload(ours, theirs):
    """DUMP payloads: byte for byte where the format leaves no choice, otherwise by type."""
    if ours == theirs:
        return True
    if ours[0] != "$" or theirs[0] != "$" or not ours[1] or not theirs[1] or ours[1][0] != theirs[1][0]:
        return False
    # A list of several nodes is cut where it happened to grow.
    cut = ours[1][0] == LIST_OF_NODES and (ours[1][1] > 1 or theirs[1][1] > 1)
    if ours[1][0] == STREAM:
        # Groups tell times.
        head = stream_head(ours[1])
        return head == stream_head(theirs[1]) and head[-1] > 0
    return cut or ours[1][0] in UNORDERED_PAYLOADS


def stream_head(payload):
    """What a stream's payload says up to the number of its groups."""
    at = 1
    nodes, at = _length(payload, at)
    for _ in range(2 * nodes):
        at = _behind_string(payload, at)
    # Entries, last id, first id, greatest deleted id, entries added, groups.
    for _ in range(9):
        _, at = _length(payload, at)
    return payload[:at]


def _length(payload, at):
    first = payload[at]
    if first < 0x40:
        return first, at + 1
    if first < 0x80:
        return (first & 0x3F) << 8 | payload[at + 1], at + 2
    size = 4 if first == 0x80 else 8
    return int.from_bytes(payload[at + 1 : at + 1 + size], "big"), at + 1 + size


def _behind_string(payload, at):
    first = payload[at]
    if first == 0xC3:
        packed, at = _length(payload, at + 1)
        _, at = _length(payload, at)
        return at + packed
    if first >= 0xC0:
        return at + 1 + (1, 2, 4)[first & 3]
    size, at = _length(payload, at)
    return at + size


def anything(ours, theirs):
    """Compared elsewhere; here only that both are no errors."""
    return ours == theirs or (ours[0] == theirs[0] and ours[0] != "-")


def any_text(ours, theirs):
    """Our own words: both texts, or arrays of texts, of any length."""
    kinds = ("+", "$", "=")
    if ours[0] in kinds and theirs[0] in kinds:
        return True
    if isinstance(ours[1], list) and isinstance(theirs[1], list) and ours[0] == theirs[0]:
        return all(item[0] in kinds for item in theirs[1])
    return ours == theirs


def near(tolerance):
    """Numbers, alone or in arrays, that may differ by the time between two calls.

    Numbers below zero are codes and are compared exactly.
    """

    def compare(ours, theirs):
        if ours == theirs:
            return True
        if ours[0] != theirs[0]:
            return False
        if isinstance(ours[1], list) and isinstance(theirs[1], list):
            return len(ours[1]) == len(theirs[1]) and all(compare(a, b) for a, b in zip(ours[1], theirs[1]))
        if ours[0] not in NUMBERS:
            return False
        a, b = float(ours[1]), float(theirs[1])
        return a >= 0 and b >= 0 and abs(a - b) <= tolerance

    return compare


def scan(pairs=False):
    """[cursor, elements]: whole scans by content, parts by type."""

    def compare(ours, theirs):
        if ours == theirs:
            return True
        if ours[0] != "*" or theirs[0] != "*" or len(ours[1]) != 2 or len(theirs[1]) != 2:
            return False
        (our_cursor, our_items), (their_cursor, their_items) = ours[1], theirs[1]
        if our_cursor[1] != b"0" or their_cursor[1] != b"0":
            return partial_scan(ours, theirs)
        if pairs and len(our_items[1]) % 2 == 0:
            return unordered_pairs(our_items, their_items) or unordered(our_items, their_items)
        return unordered(our_items, their_items)

    return compare


def partial_scan(ours, theirs):
    """[cursor, elements] of a part: only the types are compared."""
    if ours == theirs:
        return True
    if ours[0] != "*" or theirs[0] != "*" or len(ours[1]) != 2 or len(theirs[1]) != 2:
        return False
    return all(a[0] == b[0] for a, b in zip(ours[1], theirs[1]))


def fields(rules, otherwise=exact):
    """A map, flat or not, or an array of maps, with its own rule for some fields."""

    def compare(ours, theirs):
        if ours == theirs:
            return True
        if ours[0] != theirs[0] or not isinstance(ours[1], list) or not isinstance(theirs[1], list):
            return otherwise(ours, theirs)
        if len(ours[1]) != len(theirs[1]):
            return False
        key = None
        for index, (a, b) in enumerate(zip(ours[1], theirs[1])):
            if isinstance(a[1], list):
                rule = rules.get(key, compare) if index % 2 else compare
            else:
                rule = rules.get(key, otherwise) if index % 2 else exact
            if not rule(a, b):
                return False
            key = a[1] if isinstance(a[1], bytes) else None
        return True

    return compare


def at(positions, rule):
    """An array, or an array of arrays, with its own rule at some positions."""

    def compare(ours, theirs):
        if ours == theirs:
            return True
        if ours[0] != "*" or theirs[0] != "*" or not isinstance(ours[1], list) or not isinstance(theirs[1], list):
            return False
        if len(ours[1]) != len(theirs[1]):
            return False
        for index, (a, b) in enumerate(zip(ours[1], theirs[1])):
            if isinstance(a[1], list):
                same = compare(a, b)
            else:
                same = rule(a, b) if index in positions else a == b
            if not same:
                return False
        return True

    return compare
