"""What a primary and its replica hold, to be compared."""

import random


def populate(client, seed=1):
    """Values of every type, in their small and large forms."""
    rng = random.Random(seed)
    text = lambda size: rng.randbytes(size)  # noqa: E731
    pipe = client.pipeline(transaction=False)
    for name, value in {"int": b"12345", "short": b"x", "long": b"abc" * 5000, "binary": text(3000), "empty": b""}.items():
        pipe.set(f"string:{name}", value)
    pipe.set("string:expires", "v", ex=3000)
    pipe.setbit("bits", 70_000, 1)
    pipe.pfadd("hll", *range(2000))
    pipe.rpush("list:small", "a", 1, -5, 70_000, 2**40)
    pipe.rpush("list:large", *[text(rng.randrange(200)) for _ in range(2000)])
    pipe.rpush("list:plain", text(100_000), b"x")
    pipe.sadd("set:ints", *range(-50, 50), 2**50)
    pipe.sadd("set:small", "a", "b", 1)
    pipe.sadd("set:large", *range(1000), *[text(20) for _ in range(500)])
    pipe.hset("hash:small", mapping={"a": 1, "b": "two"})
    pipe.hset("hash:large", mapping={text(12): text(90) for _ in range(700)})
    pipe.hset("hash:expires", mapping={"a": 1, "b": 2, "c": 3})
    pipe.execute_command("HPEXPIRE", "hash:expires", 3_000_000, "FIELDS", 2, "a", "b")
    pipe.zadd("sorted:small", {"a": 1, "b": 2.5, "c": float("inf"), "d": float("-inf")})
    pipe.zadd("sorted:large", {text(10): rng.random() * 1e9 for _ in range(900)})
    pipe.geoadd("geo", (13.361389, 38.115556, "Palermo"))
    for number in range(300):
        pipe.xadd("stream", {"field": number, "other": text(10)}, id=f"{number + 1}-1")
    pipe.xdel("stream", "5-1", "6-1")
    pipe.xgroup_create("stream", "group", id="0")
    pipe.xgroup_create("stream", "idle", id="$")
    pipe.xreadgroup("group", "worker", {"stream": ">"}, count=40)
    pipe.xreadgroup("group", "other", {"stream": ">"}, count=10)
    pipe.xack("stream", "group", *[f"{number}-1" for number in range(10, 20)])
    pipe.execute()


def contents(client, databases=(0,)):
    """Every key's value and expiry, database by database; texts as bytes."""
    found = {}
    for db in databases:
        client.execute_command("SELECT", db)
        for key in client.scan_iter(count=1000):
            kind = client.type(key)
            found[db, key] = kind, client.execute_command("PEXPIRETIME", key), READ[kind](client, key)
    client.execute_command("SELECT", 0)
    return found


def read_hash(client, key):
    values = client.hgetall(key)
    fields = sorted(values)
    times = client.execute_command("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)
    return [(field, values[field], time) for field, time in zip(fields, times)]


def read_stream(client, key):
    entries = client.xrange(key)
    told = client.execute_command("XINFO", "STREAM", key)
    facts = {name: told[name] for name in pairs(told) if name in (b"last-generated-id", b"max-deleted-entry-id", b"entries-added")}
    groups = []
    for group in client.xinfo_groups(key):
        name = group["name"]
        pending = client.xpending_range(key, name, "-", "+", 10_000)
        consumers = sorted((consumer["name"], consumer["pending"]) for consumer in client.xinfo_consumers(key, name))
        owed = [(entry["message_id"], entry["consumer"], entry["times_delivered"]) for entry in pending]
        groups.append((name, group["last-delivered-id"], owed, consumers))
    return entries, facts, groups


def pairs(told):
    return told if isinstance(told, dict) else dict(zip(told[::2], told[1::2]))


READ = {
    b"string": lambda client, key: client.get(key),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"set": lambda client, key: sorted(client.smembers(key)),
    b"hash": read_hash,
    b"zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    b"stream": read_stream,
}
