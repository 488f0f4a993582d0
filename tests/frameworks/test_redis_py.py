"""redis-py, with both protocols: the calls that applications make."""

import asyncio
import time

import redis
import redis.asyncio

from harness import ServerTest


class RedisPyCalls:
    """Every test runs with RESP2 and with RESP3."""

    protocol = 0
    # The module that has the client's errors.
    errors = redis

    def setUp(self):
        super().setUp()
        self.r = self.connect(protocol=self.protocol)

    def test_strings(self):
        self.assertTrue(self.r.set("s", "v", ex=100, nx=True))
        self.assertIsNone(self.r.set("s", "w", nx=True))
        self.assertEqual(self.r.set("s", "w", get=True), "v")
        self.assertEqual(self.r.append("s", "xyz"), 4)
        self.assertEqual(self.r.getrange("s", 1, 2), "xy")
        self.assertTrue(self.r.mset({f"m{n}": n for n in range(50)}))
        self.assertEqual(self.r.mget([f"m{n}" for n in range(50)] + ["none"]), [str(n) for n in range(50)] + [None])
        self.assertEqual(self.r.incrby("n", 7), 7)
        self.assertAlmostEqual(self.r.incrbyfloat("n", 0.5), 7.5)
        self.assertEqual(self.r.delete(*[f"m{n}" for n in range(50)], "none"), 50)
        self.assertTrue(self.r.setex("e", 10, "x"))
        self.assertIn(self.r.ttl("e"), (9, 10))
        self.assertEqual(self.r.getdel("e"), "x")

    def test_binary_values(self):
        raw = self.connect(protocol=self.protocol, decode_responses=False)
        value = bytes(range(256)) * 5
        raw.set(b"bin\r\n\x00key", value)
        self.assertEqual(raw.get(b"bin\r\n\x00key"), value)
        raw.rpush(b"binlist", value, b"", b"\r\n")
        self.assertEqual(raw.lrange(b"binlist", 0, -1), [value, b"", b"\r\n"])

    def test_large_values(self):
        for size in (16 * 1024, 1024 * 1024, 20 * 1024 * 1024):
            value = "x" * size
            self.r.set("large", value)
            self.assertEqual(self.r.strlen("large"), size)
            self.assertEqual(self.r.get("large"), value)

    def test_lists(self):
        self.assertEqual(self.r.rpush("l", *range(1000)), 1000)
        self.assertEqual(self.r.lrange("l", 0, -1), [str(n) for n in range(1000)])
        self.assertEqual(self.r.lpop("l", 3), ["0", "1", "2"])
        self.assertEqual(self.r.rpop("l"), "999")
        self.assertEqual(self.r.lindex("l", -1), "998")
        self.assertEqual(self.r.lrem("l", 1, "500"), 1)
        self.assertEqual(self.r.linsert("l", "before", "501", "here"), 996)
        self.assertEqual(self.r.lpos("l", "here"), 497)
        self.assertTrue(self.r.ltrim("l", 0, 9))
        self.assertEqual(self.r.lmove("l", "other", "LEFT", "RIGHT"), "3")
        self.assertEqual(self.r.lmpop(2, "none", "other", direction="LEFT"), ["other", ["3"]])
        self.assertIsNone(self.r.lmove("none", "other"))

    def test_blocking_over_many_keys(self):
        keys = [f"queue:{n}" for n in range(32)]
        for number in range(8):
            waiting = self.in_background(self.connect(protocol=self.protocol).brpop, keys, 10)
            self.wait_blocked(1)
            self.r.lpush(f"queue:{number * 4}", f"job{number}")
            self.assertEqual(list(waiting()), [f"queue:{number * 4}", f"job{number}"])
        begun = time.monotonic()
        self.assertIsNone(self.r.blpop(keys, 0.2))
        self.assertGreaterEqual(time.monotonic() - begun, 0.2)
        self.assertEqual(self.r.dbsize(), 0)

    def test_blocked_are_served_in_order(self):
        waiting = []
        for number in range(5):
            client = self.connect(protocol=self.protocol)
            waiting.append(self.in_background(client.blmove, "source", f"target{number}", 10))
            self.wait_blocked(number + 1)
        self.r.rpush("source", *range(5))
        self.assertEqual([wait() for wait in waiting], ["0", "1", "2", "3", "4"])
        self.assertEqual([self.r.lrange(f"target{n}", 0, -1) for n in range(5)], [[str(n)] for n in range(5)])

    def test_pipeline_replies_are_in_order(self):
        pipe = self.r.pipeline(transaction=False)
        for number in range(2000):
            pipe.set(f"p{number}", number)
            pipe.get(f"p{number}")
        replies = pipe.execute()
        self.assertEqual(replies[1::2], [str(number) for number in range(2000)])
        self.assertEqual(set(replies[::2]), {True})

    def test_error_in_a_pipeline_harms_nobody(self):
        self.r.set("text", "x")
        pipe = self.r.pipeline(transaction=False)
        pipe.incr("a").lpush("text", "y").incr("a")
        replies = pipe.execute(raise_on_error=False)
        self.assertEqual((replies[0], replies[2]), (1, 2))
        self.assertRegex(str(replies[1]), "WRONGTYPE|wrong kind of value")

    def test_transaction_over_many_keys(self):
        with self.r.pipeline(transaction=True) as pipe:
            for number in range(20):
                pipe.incr(f"t{number}").rpush(f"tl{number}", number)
            replies = pipe.execute()
        self.assertEqual(replies, [1] * 40)

    def test_watch_refuses_after_a_change(self):
        with self.r.pipeline() as pipe:
            pipe.watch("w1", "w2")
            pipe.multi()
            pipe.set("w3", "mine")
            self.client.set("w2", "changed")
            self.assertRaises(self.errors.WatchError, pipe.execute)
        self.assertFalse(self.r.exists("w3"))
        with self.r.pipeline() as pipe:
            pipe.watch("w1", "w2")
            pipe.multi()
            pipe.set("w3", "mine")
            self.assertEqual(pipe.execute(), [True])

    def test_expiry(self):
        self.r.set("short", "x", px=60_000)
        self.assertTrue(0 < self.r.pttl("short") <= 60_000)
        self.r.set("short", "x", px=60)
        self.r.rpush("list", 1)
        self.assertTrue(self.r.pexpire("list", 60))
        self.wait_until(lambda: self.r.exists("short", "list") == 0)
        self.assertEqual(self.r.ttl("short"), -2)
        self.r.set("kept", "x", ex=100)
        self.assertTrue(self.r.persist("kept"))
        self.assertEqual(self.r.ttl("kept"), -1)

    def test_scan_finds_every_key_once_or_more(self):
        keys = {f"scan:{number}" for number in range(3000)}
        self.r.mset(dict.fromkeys(keys, 1))
        self.r.rpush("elsewhere", 1)
        self.assertEqual(set(self.r.scan_iter("scan:*", count=50)), keys)
        self.assertEqual(set(self.r.scan_iter(_type="list")), {"elsewhere"})
        self.assertEqual(set(self.r.keys("scan:29??")), {f"scan:{number}" for number in range(2900, 3000)})
        self.assertEqual(self.r.dbsize(), 3001)
        # What a hash tag or a whole name confines to one shard is found without asking the others.
        tagged = {f"a:{{tag}}:{number}" for number in range(20)}
        self.r.mset(dict.fromkeys(tagged, 1))
        for pattern, found in (("a:{tag}:*", tagged), ("scan:17", {"scan:17"})):
            cursor, page = self.r.scan(0, match=pattern, count=100_000)
            self.assertEqual((cursor, set(page)), (0, found))

    def test_databases(self):
        other = self.connect(protocol=self.protocol, db=3)
        other.set("here", 1)
        self.assertIsNone(self.r.get("here"))
        self.assertTrue(other.move("here", 0))
        self.assertEqual(self.r.get("here"), "1")
        self.assertEqual(other.dbsize(), 0)

    def test_publish_subscribe(self):
        listener = self.r.pubsub(ignore_subscribe_messages=True)
        self.addCleanup(listener.close)
        listener.subscribe("news", "weather")
        listener.psubscribe("n*s")
        self.wait_until(lambda: self.client.pubsub_numsub("news")[0][1] == 1 and self.client.pubsub_numpat() == 1
                        or listener.get_message(timeout=0.01))
        for _ in range(3):
            listener.get_message(timeout=1)
        self.assertEqual(self.client.publish("news", "hello"), 2)
        got = []
        self.wait_until(lambda: got.append(listener.get_message(timeout=1)) or len([m for m in got if m]) == 2)
        kinds = sorted((m["type"], m["channel"], m["data"]) for m in got if m)
        self.assertEqual(kinds, [("message", "news", "hello"), ("pmessage", "news", "hello")])

    def test_hash_and_sorted_set_of_a_broker(self):
        with self.r.pipeline() as pipe:
            pipe.zadd("unacked_index", {"tag": 1.5}).hset("unacked", "tag", "envelope")
            self.assertEqual(pipe.execute(), [1, 1])
        self.assertEqual(self.r.hget("unacked", "tag"), "envelope")
        self.assertEqual(self.r.zrange("unacked_index", 9, 0, desc=True, byscore=True, offset=0, num=10,
                                       withscores=True)[0][1], 1.5)
        with self.r.pipeline() as pipe:
            pipe.zrem("unacked_index", "tag").hdel("unacked", "tag")
            self.assertEqual(pipe.execute(), [1, 1])
        self.assertEqual(self.r.exists("unacked", "unacked_index"), 0)

    def test_client_calls(self):
        self.assertTrue(self.r.client_setname("tester"))
        self.assertEqual(self.r.client_getname(), "tester")
        self.assertIn(str(self.r.client_id()), {client["id"] for client in self.r.client_list()})
        self.assertEqual(self.r.client_info()["name"], "tester")
        self.assertEqual(self.r.echo("ä"), "ä")
        victim = self.connect(protocol=self.protocol)
        self.assertEqual(self.r.client_kill_filter(_id=victim.client_id()), 1)

    def test_unknown_and_wrong_commands(self):
        for words, text in [
            (("NOSUCH", "x"), "unknown command"),
            (("GET",), "wrong number of arguments"),
            (("SET", "k", "v", "BAD"), "syntax error"),
            (("EXPIRE", "k", "x"), "not an integer"),
        ]:
            with self.assertRaisesRegex(self.errors.ResponseError, text):
                self.r.execute_command(*words)
        self.assertTrue(self.r.ping())


class Resp2(RedisPyCalls, ServerTest):
    protocol = 2


class Resp3(RedisPyCalls, ServerTest):
    protocol = 3


class ManyClients(ServerTest):
    """Concurrency: producers and consumers on every shard."""

    def test_a_thousand_jobs_through_twenty_workers(self):
        jobs, workers = 1000, 20

        async def work():
            client = redis.asyncio.Redis(host=self.server.host, port=self.server.port, decode_responses=True)
            taken = []

            async def worker():
                while (popped := await client.blpop(["jobs:a", "jobs:b", "jobs:c"], timeout=10))[1] != "stop":
                    taken.append(popped[1])

            tasks = [asyncio.create_task(worker()) for _ in range(workers)]
            for number in range(jobs):
                await client.rpush(f"jobs:{'abc'[number % 3]}", number)
            for _ in range(workers):
                await client.rpush("jobs:c", "stop")
            await asyncio.wait_for(asyncio.gather(*tasks), 60)
            left = await client.lrange("jobs:a", 0, -1) + await client.lrange("jobs:b", 0, -1)
            await client.aclose()
            return taken + left

        taken = asyncio.run(work())
        self.assertEqual(sorted(map(int, taken)), list(range(jobs)))

    def test_transfers_keep_the_sum(self):
        accounts, transfers = 10, 150
        self.client.mset({f"account:{n}": 100 for n in range(accounts)})

        def transfer(seed):
            client = self.connect()
            for step in range(transfers):
                source, target = (seed + step) % accounts, (seed * 7 + step * 3 + 1) % accounts
                with client.pipeline(transaction=True) as pipe:
                    pipe.decrby(f"account:{source}", 5).incrby(f"account:{target}", 5).execute()
            return True

        def audit():
            client = self.connect()
            return {sum(map(int, client.mget([f"account:{n}" for n in range(accounts)]))) for _ in range(300)}

        running = [self.in_background(transfer, seed) for seed in range(4)]
        sums = self.in_background(audit)(60)
        self.assertTrue(all(wait(60) for wait in running))
        self.assertEqual(sums, {1000})
