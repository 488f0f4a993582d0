"""Which command's replies are not compared byte for byte, and why.

A name that is not here is compared exactly, errors always in full.
"""

import canonical as c
import intended

SECONDS = c.near(10)
MILLISECONDS = c.near(10_000)
IDLE = c.near(30_000)

HASH_ORDER = "the order of a hash table's elements is free"
RANDOM = "the server chooses at random"
CLOCK = "time passes between the two servers' calls"
OWN_TEXT = "help texts are our own words"
MEMORY = "sizes depend on the allocator and the structures"
IDS = "client ids are given in the order of connecting"
INTERNAL = "describes Valkey's index structure, not the data"

STREAM_FIELDS = c.fields(
    {
        b"radix-tree-keys": c.masked,
        b"radix-tree-nodes": c.masked,
        b"seen-time": IDLE,
        b"active-time": IDLE,
        b"idle": IDLE,
        b"inactive": IDLE,
        # Delivery times are the third item of an entry of the group's list
        # and the second of an entry of a consumer's.
        b"pending": lambda a, b: c.at((2, 1), IDLE)(a, b),
        b"pel": lambda a, b: c.at((2, 1), IDLE)(a, b),
    }
)

RULES = {
    "smembers": (c.unordered, HASH_ORDER),
    "sinter": (c.unordered, HASH_ORDER),
    "sunion": (c.unordered, HASH_ORDER),
    "sdiff": (c.unordered, HASH_ORDER),
    "hgetall": (c.unordered_pairs, HASH_ORDER),
    "hkeys": (c.unordered, HASH_ORDER),
    "hvals": (c.unordered, HASH_ORDER),
    "keys": (c.unordered, HASH_ORDER),
    "scan": (c.scan(), HASH_ORDER),
    "sscan": (c.scan(), HASH_ORDER),
    "hscan": (c.scan(pairs=True), HASH_ORDER),
    "zscan": (c.scan(pairs=True), HASH_ORDER),
    "config|get": (c.unordered_pairs, HASH_ORDER),
    "pubsub|channels": (c.unordered, HASH_ORDER),
    "pubsub|shardchannels": (c.unordered, HASH_ORDER),
    "acl|cat": (c.unordered, "the order of names is free"),
    "function|list": (c.unordered_deep, HASH_ORDER),
    "randomkey": (c.shape, RANDOM),
    "srandmember": (c.choice, RANDOM),
    "spop": (c.choice, RANDOM),
    "hrandfield": (c.choice, RANDOM),
    "zrandmember": (c.choice, RANDOM),
    "acl|genpass": (c.shape, RANDOM),
    "ttl": (SECONDS, CLOCK),
    "pttl": (MILLISECONDS, CLOCK),
    "expiretime": (SECONDS, CLOCK),
    "pexpiretime": (MILLISECONDS, CLOCK),
    "httl": (SECONDS, CLOCK),
    "hpttl": (MILLISECONDS, CLOCK),
    "hexpiretime": (SECONDS, CLOCK),
    "hpexpiretime": (MILLISECONDS, CLOCK),
    "object|idletime": (SECONDS, CLOCK),
    "commandlog|len": (c.masked, CLOCK),
    "slowlog|len": (c.masked, CLOCK),
    "time": (c.shape, CLOCK),
    "lastsave": (c.masked, CLOCK),
    "xpending": (c.at((2,), IDLE), CLOCK),
    "xinfo|stream": (STREAM_FIELDS, f"{CLOCK}; {INTERNAL}"),
    "xinfo|consumers": (STREAM_FIELDS, CLOCK),
    "memory|usage": (c.masked, MEMORY),
    "dump": (c.payload, HASH_ORDER),
    "client|id": (c.masked, IDS),
    "client|getredir": (c.near(1_000_000), IDS),
    "client|trackinginfo": (c.fields({b"redirect": c.masked}), IDS),
    "hello": (c.fields({b"id": c.masked, b"modules": c.anything}), f"{IDS}; we have no script engine module to list"),
}
# XADD with an id of the server's choice; settled by the unit that sends it.
AUTO_ID = (c.masked, "the id is the clock")
# What a cursor in the middle stands for is the server's own business.
PART_OF_SCAN = (c.partial_scan, "cursors name places in the server's own table")
SCAN_CURSORS = {"scan": 1, "sscan": 2, "hscan": 2, "zscan": 2}
# All directives at once include ports and paths; parity.py compares them.
ALL_DIRECTIVES = (c.anything, "ports and directories")
# SORT BY a pattern without `*` takes a set's elements as the table has them.
UNSORTED = (c.choice, HASH_ORDER)
# SORT ALPHA compares texts up to their first zero byte. Which of equal elements of a set comes first is as the table has it.
CUT_TEXTS = (c.or_cut_texts, HASH_ORDER)

CONTAINERS = {
    "acl", "client", "cluster", "command", "commandlog", "config", "function", "latency", "memory",
    "module", "object", "pubsub", "script", "slowlog", "xgroup", "xinfo",
}


def name_of(args):
    """The command's name in lower case, with `|subcommand` for containers."""
    name = args[0].lower().decode("latin-1")
    if name in CONTAINERS and len(args) > 1:
        return f"{name}|{args[1].lower().decode('latin-1')}"
    return name


def rule_for(args):
    """The comparison of this command's replies."""
    name = name_of(args)
    if name.endswith("|help"):
        return c.any_text
    if name == "xadd" and b"*" in args:
        return AUTO_ID[0]
    if name == "config|get" and b"*" in args:
        return ALL_DIRECTIVES[0]
    if name in ("sort", "sort_ro") and _unsorted(args):
        return UNSORTED[0]
    if name in ("sort", "sort_ro") and any(word.upper() == b"ALPHA" for word in args[2:]):
        return CUT_TEXTS[0]
    if name == "eval" and len(args) > 3 and args[2] == b"0" and b"unpack(ARGV)" in args[1]:
        inner = rule_for(args[3:])
        # A map that a script was given is a table of Lua, which answers it in the order of its own hash of the keys.
        return c.or_script_map(inner) if b"setresp(3)" in args[1] else inner
    if name in SCAN_CURSORS and len(args) > SCAN_CURSORS[name] and args[SCAN_CURSORS[name]] != b"0":
        return PART_OF_SCAN[0]
    found = RULES.get(name)
    return found[0] if found else c.exact


def _unsorted(args):
    by = [args[i + 1] for i in range(2, len(args) - 1) if args[i].upper() == b"BY"]
    return any(b"*" not in pattern for pattern in by)


def same(args, ours, theirs, queued):
    """Whether two replies agree; `queued` are the commands of an EXEC."""
    if ours == theirs:
        return True
    if queued is None:
        return rule_for(args)(ours, theirs) or intended.allowed(args, ours, theirs)
    if ours[0] != "*" or theirs[0] != "*" or not isinstance(ours[1], list) or not isinstance(theirs[1], list):
        return False
    if not len(ours[1]) == len(theirs[1]) == len(queued):
        return False
    return all(same(each, a, b, None) for each, a, b in zip(queued, ours[1], theirs[1]))


class Transaction:
    """Follows MULTI and EXEC through a connection's replies."""

    def __init__(self):
        self.queued = None

    def step(self, args, reply):
        """The commands that `reply` answers if it is EXEC's; None otherwise."""
        name = args[0].lower()
        if name == b"multi" and reply == ("+", b"OK"):
            self.queued = []
        elif reply == ("+", b"QUEUED") and self.queued is not None:
            self.queued.append(args)
        elif name in (b"exec", b"discard", b"reset") and self.queued is not None:
            # Refused for its arguments, DISCARD leaves MULTI open; EXEC ends it even then.
            if name == b"discard" and len(args) > 1:
                return None
            done, self.queued = self.queued, None
            return done if name == b"exec" and reply[0] == "*" else None
        return None
