"""Argument values: small pools in which valid values are frequent.

The pools are small so that keys, fields and members meet again; each also
holds the edges (empty, binary, huge, just out of range). What would make a
comparison depend on the clock or on luck is left out here: time-outs are far
away or long past, and ties between two random time-outs are improbable.
"""

import time

# One letter a type: the first letter of the keys that usually hold it.
TYPES = {
    "string": b"s",
    "list": b"l",
    "set": b"e",
    "hash": b"h",
    "sorted-set": b"z",
    "stream": b"x",
    "geo": b"g",
    "bitmap": b"b",
    "hyperloglog": b"p",
}
# Hash tags and several names a type, so that keys spread over the shards.
TYPED_KEYS = {
    group: [letter + b":1", letter + b":{t}", letter + b":two"]
    for group, letter in TYPES.items()
}
SPECIAL_KEYS = [b"nokey", b"", b"\x00\xff\r\n k", b"{t}", b"w_a"]
ALL_KEYS = [key for keys in TYPED_KEYS.values() for key in keys] + SPECIAL_KEYS

ELEMENTS = (
    [b"a", b"b", b"c", b"d", b"e", b"foo", b"bar"] * 3
    + [b"1", b"2", b"3", b"10", b"-5", b"0", b"3.5"] * 2
    + [b"", b"hello world", b"x" * 63, b"x" * 64, b"x" * 65, b"long " * 40, b"\x00\x01\xff"]
    + [b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"1e3"]
    + [b" 1", b"01", b"+1", b"-0", b"inf", b"nan", b"0x10", b"\r\n", b"65535", b"70000", b"127", b"-129"]
)
FIELDS = [b"f1", b"f2", b"f3", b"f4", b"f5", b"n1", b"n2"] * 3 + [b"", b"\x00f", b"f" * 70, b"1", b"2"]
COUNTS = [b"1", b"2", b"3", b"10", b"100"] * 3 + [b"0", b"-1", b"5", b"1000000"]
INDEXES = [b"0", b"1", b"2", b"3", b"-1", b"-2", b"5"] * 4 + [b"-100", b"100", b"10", b"-3"]
# Nothing between a few thousand and the limits: a large offset would allocate.
OFFSETS = [b"0", b"1", b"2", b"7", b"8", b"15", b"31", b"63", b"100", b"1000"] * 3 + [
    b"-1", b"4294967296", b"9223372036854775807", b"#1", b"#3", b"#-1",
]
INTEGERS = [b"0", b"1", b"2", b"3", b"5", b"10", b"-1", b"-3", b"100"] * 4 + [
    b"9223372036854775807", b"-9223372036854775808", b"2147483648", b"4294967295", b"1000000",
]
BAD_NUMBERS = [
    b"", b"abc", b"1.5", b"9223372036854775808", b"-9223372036854775809", b" 1", b"1 ", b"01", b"+1", b"-0", b"1e2",
    b"0x1", b"--1", b"99999999999999999999999", b"1\x00",
]
DOUBLES = [b"0", b"1", b"2", b"3", b"1.5", b"-2.5", b"10", b"0.1", b"3.14159"] * 4 + [
    b"inf", b"-inf", b"+inf", b"1e300", b"-1e300", b"1e-10", b"123456789.123456789", b"17976931348623157e292",
    b"9007199254740993", b"0x1p3", b".5", b"5.", b"1e5",
]
BAD_DOUBLES = [b"", b"abc", b"nan", b"1.5x", b" 1", b"1 ", b"(1", b"1e400", b"--1", b"infi"]
SCORE_BOUNDS = [b"-inf", b"+inf", b"0", b"1", b"2", b"3", b"(1", b"(2", b"10", b"-2.5", b"1.5", b"inf"] * 3 + [
    b"(", b"abc", b"(inf", b"(-inf", b"nan", b"", b"[1", b"1e300",
]
LEX_BOUNDS = [b"-", b"+", b"[a", b"[b", b"[c", b"(a", b"(b", b"(d", b"[foo", b"[e"] * 3 + [
    b"[", b"(", b"a", b"", b"--", b"[\xff", b"+x", b"[1",
]
PATTERNS = [b"*", b"a*", b"f*", b"*1", b"?", b"[a-c]*", b"s:*", b"*{t}*", b"??*", b"x:*"] * 2 + [
    b"", b"[", b"[^a]*", b"\\*", b"[a", b"h[ae]llo", b"*a*b*", b"[z-a]", b"\xff*", b"[\\]]",
]
SORT_PATTERNS = [b"w_*", b"nosort", b"#", b"h:1->*", b"h:*->f1", b"*", b"s:*", b"w_*->f1", b"", b"->", b"*->", b"x*y*"]
STREAM_BOUNDS = [b"-", b"+", b"0", b"1", b"2", b"3", b"5-1", b"(1", b"(2-1", b"10", b"0-0", b"1-1"] * 3 + [
    b"(-", b"(+", b"abc", b"", b"1-", b"-1", b"1-1-1", b"18446744073709551615-18446744073709551615", b"$", b">",
    b"18446744073709551616", b"(18446744073709551615-18446744073709551615", b"01-01", b"1-x",
]
STREAM_IDS = [b"0-1", b"1-1", b"1-2", b"2-0", b"3-0", b"5-1", b"10-0", b"0"] * 3 + [
    b"0-0", b"abc", b"", b"1-", b"1-1-1", b"7-*", b"*", b"-", b"+", b"$", b">", b"(1", b"-1-1",
    b"18446744073709551615", b"18446744073709551616-1", b"1-18446744073709551615",
]
GROUPS = [b"g1", b"g2", b"g1", b"g2", b"g1", b"", b"nogroup", b"g\xff"]
CONSUMERS = [b"c1", b"c2", b"c1", b"c2", b"c3", b"", b"\x00c"]
ENCODINGS = [b"u8", b"i8", b"u1", b"i16", b"u4", b"i64", b"u63", b"i5", b"u32"] * 3 + [
    b"u64", b"i65", b"i0", b"u0", b"x8", b"8", b"", b"i", b"I8", b"u08",
]
IDLE_MS = [b"0", b"0", b"0", b"100000000", b"-1", b"1000000000000"]
LONGITUDES = [b"13.361389", b"15.087269", b"2.349014", b"-0.127758", b"0", b"-74.0059", b"139.69", b"13.3614"] * 3 + [
    b"180", b"-180", b"180.1", b"1e5", b"nan", b"abc", b"",
]
LATITUDES = [b"38.115556", b"37.502669", b"48.864716", b"51.507351", b"0", b"40.7127", b"35.68", b"38.1156"] * 3 + [
    b"85.05112878", b"-85.05112878", b"85.06", b"-90", b"nan", b"abc", b"",
]
RADII = [b"0", b"1", b"100", b"200.5", b"5000", b"1000000", b"30000", b"0.001", b"500", b"90"] * 3 + [
    b"-1", b"abc", b"nan", b"inf", b"1e10",
]
DATABASES = [b"0", b"0", b"1", b"1", b"9", b"15", b"16", b"-1", b"abc"]
TYPE_NAMES = [b"string", b"list", b"set", b"zset", b"hash", b"stream", b"STRING", b"nope", b""]
CHANNELS = [b"ch1", b"ch2", b"news.a", b"", b"\xff"]
BLOCK_S = [b"0.001", b"0.001", b"0.002", b"-1", b"abc", b"", b"1e400", b"nan", b"-0.1", b"9223372036854775807"]
# The last one is refused as out of range; a long one would stop the run.
BLOCK_MS = [b"1", b"1", b"2", b"-1", b"abc", b"", b"1.5"]


class Values:
    """Draws argument values for one session."""

    def __init__(self, rng, payloads):
        self.rng = rng
        self.random = rng.random
        self.payloads = payloads or [b"no payload"]
        self.next_stream_ms = 10
        self.own = ALL_KEYS
        self.other = ALL_KEYS
        self.now_s = int(time.time())

    def enter(self, group):
        """Chooses the keys of a session around one command group."""
        sample = self.rng.sample
        if group in TYPED_KEYS:
            self.own = TYPED_KEYS[group] + sample(SPECIAL_KEYS, 1)
            self.other = sample(ALL_KEYS, 8)
            return
        self.own = [keys[int(self.random() * 2)] for keys in TYPED_KEYS.values()] + sample(SPECIAL_KEYS, 2)
        self.other = ALL_KEYS

    def one(self, pool):
        """A random member of a pool."""
        return pool[int(self.random() * len(pool))]

    def key(self, command_group, session_group):
        """A key; usually one of the type that the command works on."""
        if self.random() < 0.8:
            if command_group == session_group or command_group not in TYPED_KEYS:
                return self.one(self.own)
            return self.one(TYPED_KEYS[command_group])
        return self.one(self.other)

    def element(self):
        return self.one(ELEMENTS)

    def integer(self):
        return self.one(INTEGERS) if self.random() < 0.93 else self.one(BAD_NUMBERS)

    def double(self):
        return self.one(DOUBLES) if self.random() < 0.93 else self.one(BAD_DOUBLES)

    def seconds(self):
        """A relative time-out: far away, or refused."""
        if self.random() < 0.85:
            return b"%d" % self.rng.randrange(100_000, 4_000_000_000)
        return self.one([b"0", b"-1", b"-100", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775"] + BAD_NUMBERS)

    def milliseconds(self):
        if self.random() < 0.85:
            return b"%d" % self.rng.randrange(100_000_000, 4_000_000_000_000)
        return self.one([b"0", b"-1", b"-100000", b"9223372036854775807", b"-9223372036854775808"] + BAD_NUMBERS)

    def unix_s(self):
        if self.random() < 0.75:
            return b"%d" % (self.now_s + self.rng.randrange(100_000, 4_000_000_000))
        return self.one([b"0", b"1", b"1000000", b"-1", b"9223372036854775807", b"-9223372036854775808"] + BAD_NUMBERS)

    def unix_ms(self):
        if self.random() < 0.75:
            return b"%d" % (self.now_s * 1000 + self.rng.randrange(100_000_000, 4_000_000_000_000))
        return self.one([b"0", b"1", b"1000000000", b"-1", b"9223372036854775807"] + BAD_NUMBERS)

    def new_stream_id(self):
        """An id for XADD: mostly the next one."""
        chance = self.random()
        if chance < 0.75:
            self.next_stream_ms += int(self.random() * 3)
            return b"%d-%d" % (self.next_stream_ms, 1 + int(self.random() * 3))
        if chance < 0.85:
            self.next_stream_ms += 1
            return b"%d-*" % self.next_stream_ms
        return self.one(STREAM_IDS)

    def stream_bound(self):
        if self.random() < 0.5 and self.next_stream_ms > 10:
            return b"%d" % self.rng.randrange(9, self.next_stream_ms + 2)
        return self.one(STREAM_BOUNDS)

    def stream_id(self):
        if self.random() < 0.5 and self.next_stream_ms > 10:
            return b"%d-%d" % (self.rng.randrange(9, self.next_stream_ms + 2), 1 + int(self.random() * 3))
        return self.one(STREAM_IDS)

    def read_position(self):
        """Where XREAD starts; `>` is for groups."""
        chance = self.random()
        if chance < 0.4:
            return b">"
        return b"0" if chance < 0.7 else self.stream_id()

    def payload(self):
        """A DUMP payload of the reference server, now and then damaged."""
        whole = self.one(self.payloads)
        if self.random() < 0.85 or not whole:
            return whole
        at = int(self.random() * len(whole))
        return whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]

    def cursor(self):
        return b"0" if self.random() < 0.93 else self.one([b"abc", b"-1", b"18446744073709551616", b"", b"0x0"])
