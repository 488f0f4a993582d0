"""The log: what was answered is there after the process was killed, whole transactions at that, on as many shards as before or on others."""

import contextlib
import glob
import os
import random
import shutil
import signal
import tempfile
import threading
import time

import redis
from harness import ServerTest, long
from replicas import contents, populate
from wire import Wire

LIBRARY = "#!lua name=lib\nserver.register_function{function_name='f', callback=function() return 5 end, flags={'no-writes'}}"
# Keys that land on different shards for any number of shards that is tested.
SPREAD = [f"key:{number}" for number in range(16)]
# As these, with values that are recorded by a thread of their own.
LARGE = [f"large:{number}" for number in range(4)]


class PersistenceTest(ServerTest):
    """A folder that outlives the servers of a test."""

    def setUp(self):
        super().setUp()
        if os.path.basename(self.binary) == "valkey-server":
            self.skipTest("its log is its own")
        self.folder = tempfile.mkdtemp(prefix="corelane-log-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def logging(self, policy, *directives):
        """A server whose log is in the folder."""
        return self.start(
            self.binary, "--dir", self.folder, "--appendonly", "yes", "--appendfsync", policy, *directives
        )

    def kill(self, server):
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()

    def files(self):
        return sorted(os.path.basename(path) for path in glob.glob(f"{self.folder}/appendonlydir/*"))

    def wait_rewritten(self, client, count=1):
        def is_over():
            told = client.info("persistence")
            return told["aof_rewrites"] >= count and not told["aof_rewrite_in_progress"]

        self.wait_until(is_over)

    def assert_same_after(self, server, databases=(0, 3), policy="always", shards=None, ending=signal.SIGKILL):
        """Ends a server, starts another one, and compares."""
        options = {"decode_responses": False, "single_connection_client": True}
        wanted = contents(server.client(**options), databases)
        server.process.send_signal(ending)
        server.process.wait()
        self.shards = shards or self.shards
        again = self.logging(policy)
        found = contents(again.client(**options), databases)
        self.assertEqual(sorted(found), sorted(wanted))
        for place, value in wanted.items():
            self.assertEqual(found[place], value, place)
        return again


class Recovering(PersistenceTest):
    def test_everything_is_there_after_a_kill(self):
        server = self.logging("always")
        for db in (0, 3):
            populate(server.client(db=db, decode_responses=False), db)
        server.client().function_load(LIBRARY)
        again = self.assert_same_after(server)
        self.assertEqual(again.client().fcall("f", 0), 5)
        again.client().function_delete("lib")
        again = self.assert_same_after(again)
        self.assertEqual(again.client().function_list(), [])

    def test_commands_whose_outcome_is_not_in_their_words(self):
        server = self.logging("always")
        client = server.client()
        client.sadd("drawn", *range(500))
        client.spop("drawn")
        client.spop("drawn", 100)
        for number in range(300):
            client.xadd("trimmed", {"n": number}, maxlen=50)
        client.xgroup_create("trimmed", "group", "0")
        client.xgroup_create("other", "group", "0", mkstream=True)
        client.xadd("other", {"a": "b"})
        client.xreadgroup("group", "one", {"trimmed": ">", "other": ">"}, count=7)
        client.execute_command("XTRIM", "trimmed", "MINID", "~", client.xrange("trimmed")[60][0], "LIMIT", 50)
        client.set("expires", "v", px=60_000)
        client.setex("gone", 1, "v")
        client.rpush("from", *range(20))
        client.lmove("from", "to", "LEFT", "RIGHT")
        client.rpush("turning", "one")
        client.expire("turning", 100)
        client.rpoplpush("turning", "turning")
        client.lmpop(3, "none", "from", "to", direction="RIGHT", count=3)
        client.zadd("ranks", {"a": 1, "b": 2, "c": 3})
        client.bzpopmin(["none", "ranks"], 1)
        client.sadd("left", "x", "y")
        client.smove("left", "right", "x")
        client.mset({key: 1 for key in SPREAD})
        client.rename(SPREAD[0], "renamed")
        client.copy(SPREAD[1], "copied")
        client.copy(SPREAD[2], "copied", destination_db=3)
        client.move(SPREAD[3], 3)
        client.sunionstore("union", "left", "right", "drawn")
        client.sort("from", desc=True, store="sorted")
        client.eval("redis.call('SET', KEYS[1], 1) return redis.call('INCRBYFLOAT', 'undeclared', '0.1')", 1, "declared")
        client.swapdb(4, 5)
        client.execute_command("SELECT", 9)
        client.set("flushed", 1)
        client.flushdb()
        time.sleep(1.1)
        self.assert_same_after(server, (0, 3, 4, 5, 9))

    def test_what_producers_have_added_is_not_added_again(self):
        server = self.logging("always")
        client = server.client()
        client.execute_command("XADD", "stream", "IDMP", "producer", "before", "*", "a", 1)
        client.execute_command("XCFGSET", "stream", "IDMP-DURATION", 1000, "IDMP-MAXSIZE", 50)
        added = {}
        for name in ("one", "two"):
            added[name] = client.execute_command("XADD", "stream", "IDMP", "producer", name, "*", "a", 1)
        added["auto"] = client.execute_command("XADD", "stream", "IDMPAUTO", "other", "*", "a", 1)
        client.bgrewriteaof()
        self.wait_rewritten(client)
        added["three"] = client.execute_command("XADD", "stream", "IDMP", "producer", "three", "*", "a", 1)
        client.rename("stream", "renamed")
        for _ in range(2):
            self.kill(server)
            server = self.logging("always")
            client = server.client()
            for name in ("one", "two", "three"):
                again = client.execute_command("XADD", "renamed", "IDMP", "producer", name, "*", "a", 1)
                self.assertEqual(again, added[name])
            again = client.execute_command("XADD", "renamed", "IDMPAUTO", "other", "*", "a", 1)
            self.assertEqual((again, client.xlen("renamed")), (added["auto"], 5))

    def test_a_blocked_client_that_was_served_stays_so(self):
        server = self.logging("always")
        waiting = [Wire(server, 60) for _ in SPREAD]
        for wire, key in zip(waiting, SPREAD):
            self.addCleanup(wire.close)
            wire.send(("BLMOVE", key, f"to:{key}", "LEFT", "RIGHT", "0"))
        client = server.client()
        self.wait_until(lambda: client.info("clients")["blocked_clients"] == len(SPREAD))
        for key in SPREAD:
            client.rpush(key, "element", "more")
        self.assertEqual([wire.reply() for wire in waiting], ["element"] * len(SPREAD))
        again = self.assert_same_after(server).client()
        self.assertEqual([again.lrange(f"to:{key}", 0, -1) for key in SPREAD], [["element"]] * len(SPREAD))
        self.assertEqual([again.lrange(key, 0, -1) for key in SPREAD], [["more"]] * len(SPREAD))

    def test_other_numbers_of_shards(self):
        server = self.logging("always")
        populate(server.client(decode_responses=False))
        for shards in (3, 1, 4):
            server = self.assert_same_after(server, shards=shards)
            self.wait_rewritten(server.client())
            # The files of the other number are not needed any more.
            self.assertEqual(len(self.files()), shards + 1, self.files())

    def test_what_is_damaged_stops_the_start(self):
        server = self.logging("always")
        client = server.client()
        for number in range(100):
            client.set("key", number)
        self.kill(server)
        path = max(glob.glob(f"{self.folder}/appendonlydir/*.1.*"), key=os.path.getsize)
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            file.write(b"\xff" * 8)
        with self.assertRaisesRegex(RuntimeError, r"Bad append only file: appendonlydir/.* damaged at offset \d+"):
            self.logging("always")

    def test_a_policy_that_is_changed(self):
        server = self.logging("everysec")
        client = server.client()
        with self.assertRaisesRegex(redis.ResponseError, "WAITAOF with numlocal needs appendfsync always"):
            client.execute_command("WAITAOF", 1, 0, 0)
        for policy in ("always", "no", "always"):
            client.config_set("appendfsync", policy)
            client.incr("key")
        self.assertEqual(client.execute_command("WAITAOF", 1, 0, 0), [1, 0])
        self.assert_same_after(server)


class UnderLoad(PersistenceTest):
    """Clients at work while the process is killed, or the log begun anew."""

    def clients(self, server, count, work):
        """Lets so many clients work until they are told to stop or the server is gone; returns how to stop them."""
        stopping = threading.Event()

        def run(number):
            with contextlib.suppress(redis.ConnectionError), contextlib.closing(server.client(retry=None)) as client:
                while not stopping.is_set():
                    work(client, number)

        threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()

        def stop():
            stopping.set()
            for thread in threads:
                thread.join(60)

        self.addCleanup(stop)
        return stop

    def crash(self, turns, policy="always", ending=signal.SIGKILL):
        """What was acknowledged is there, in order; what was not is there as a whole or not at all."""
        acknowledged = [0] * 6
        for _ in range(turns):
            server = self.logging(policy)

            def work(client, number):
                value = acknowledged[number] + 1
                with client.pipeline() as block:
                    for key in SPREAD[:4]:
                        block.rpush(f"{key}:{number}", value)
                    block.execute()
                client.lmove(f"{SPREAD[0]}:{number}", f"moved:{number}", "LEFT", "RIGHT")
                acknowledged[number] = value

            stop = self.clients(server, len(acknowledged), work)
            time.sleep(random.uniform(0.05, 0.5))
            server.process.send_signal(ending)
            server.process.wait()
            stop()
            again = self.logging(policy)
            client = again.client()
            for number, last in enumerate(acknowledged):
                lists = [client.lrange(f"{key}:{number}", 0, -1) for key in SPREAD[:4]]
                moved = client.lrange(f"moved:{number}", 0, -1)
                whole = [moved + lists[0], *lists[1:]]
                self.assertEqual(whole, [whole[0]] * 4, "a transaction is there on all shards or on none")
                values = [int(value) for value in whole[0]]
                self.assertEqual(values, list(range(1, len(values) + 1)), "in order, none twice")
                self.assertGreaterEqual(len(values), last, "what was acknowledged is there")
                acknowledged[number] = len(values)
            again.process.send_signal(ending)
            again.process.wait()

    def test_what_was_acknowledged_is_there_after_the_server_was_ended(self):
        for policy in ("everysec", "no"):
            with self.subTest(policy):
                self.crash(6, policy, signal.SIGTERM)
                shutil.rmtree(f"{self.folder}/appendonlydir")

    def test_what_was_acknowledged_is_there(self):
        self.crash(4)

    @long
    def test_what_was_acknowledged_is_there_after_many_crashes(self):
        self.crash(60)

    def rewriting(self, policy, turns):
        server = self.logging(policy)
        client = server.client()
        with client.pipeline(transaction=False) as pipe:
            for number in range(4_000):
                pipe.set(f"filler:{number}", "x" * 40)
            for name in LARGE:
                pipe.rpush(name, *[f"element:{number}" for number in range(60_000)])
            pipe.hset("large:hash", mapping={f"field:{number}": number for number in range(30_000)})
            pipe.execute()

        def work(client, number):
            choose = random.Random(f"{number}:{random.random()}")
            with client.pipeline(transaction=choose.random() < 0.3) as pipe:
                for _ in range(choose.randrange(1, 12)):
                    at = choose.randrange(60)
                    name = f"{number}:{at}"
                    other = f"{number}:{at // 2}"
                    command = choose.choice(
                        [
                            ("SET", f"s{name}", at),
                            ("RPUSH", f"l{name}", at, "x"),
                            ("LPOP", f"l{name}"),
                            ("LMOVE", f"l{name}", f"l{other}", "LEFT", "LEFT"),
                            ("LSET", f"l{name}", 1, "w"),
                            ("LREM", f"l{name}", 0, "x"),
                            ("HSET", f"h{name}", choose.randrange(5), at),
                            ("HDEL", f"h{name}", choose.randrange(5)),
                            ("ZADD", f"z{name}", at, choose.randrange(9)),
                            ("ZPOPMIN", f"z{name}"),
                            ("SADD", f"t{name}", choose.randrange(9)),
                            ("SPOP", f"t{name}"),
                            ("SMOVE", f"t{name}", f"t{other}", choose.randrange(9)),
                            ("XADD", f"x{name}", "MAXLEN", "~", 20, "*", "a", at),
                            ("INCR", f"s{name}"),
                            ("DEL", f"s{name}", f"h{other}"),
                            ("PEXPIRE", f"s{name}", choose.choice([50, 100_000])),
                            ("RPUSH", choose.choice(LARGE), at),
                            ("LMOVE", choose.choice(LARGE), choose.choice(LARGE), "LEFT", "RIGHT"),
                            ("LMOVE", choose.choice(LARGE), choose.choice(LARGE), "RIGHT", "LEFT"),
                            ("HINCRBY", "large:hash", f"field:{at}", 1),
                        ]
                    )
                    pipe.execute_command(*command)
                pipe.execute(raise_on_error=False)

        stop = self.clients(server, 4, work)
        for turn in range(turns):
            time.sleep(0.2)
            self.assertTrue(client.bgrewriteaof())
            with contextlib.suppress(redis.ResponseError):
                client.bgrewriteaof()
            if turn == 1:
                client.swapdb(0, 3)
                client.swapdb(0, 3)
            self.wait_rewritten(client, turn + 1)
        time.sleep(0.1)
        stop()
        self.assertEqual(len(self.files()), self.shards + 1, self.files())
        # Some keys still expire, and with everysec the last second's changes are on their way.
        time.sleep(0.3 if policy == "always" else 1.3)
        self.assert_same_after(server, policy=policy)

    def test_a_log_that_is_begun_anew_has_everything(self):
        for policy in ("always", "everysec"):
            with self.subTest(policy):
                self.rewriting(policy, 3)
                shutil.rmtree(f"{self.folder}/appendonlydir")

    def test_an_end_while_the_log_is_begun_anew(self):
        for ending, policy in ((signal.SIGKILL, "always"), (signal.SIGTERM, "everysec"), (signal.SIGTERM, "no")):
            with self.subTest(f"{ending} {policy}"):
                server = self.logging(policy)
                client = server.client()
                with client.pipeline(transaction=False) as pipe:
                    for number in range(3_000):
                        pipe.set(f"filler:{number}", "x" * 400)
                    pipe.rpush("large", *[f"element:{number}" for number in range(60_000)])
                    pipe.execute()
                wanted = sorted(client.keys())
                client.bgrewriteaof()
                client.incr("after")
                client.rpush("large", "last")
                server.process.send_signal(ending)
                self.assertEqual(server.process.wait(), -ending if ending == signal.SIGKILL else 0, server.log_tail())
                again = self.logging(policy).client()
                self.assertEqual(sorted(again.keys()), sorted([*wanted, "after"]))
                self.assertEqual(again.lrange("large", 0, -1), [f"element:{number}" for number in range(60_000)] + ["last"])
                shutil.rmtree(f"{self.folder}/appendonlydir")

    def test_a_log_that_has_grown_is_begun_anew(self):
        server = self.logging("no", "--auto-aof-rewrite-min-size", "100kb")
        client = server.client()
        for number in range(40):
            client.set("key", f"{number}" * 5000)
        self.wait_rewritten(client)
        self.assertLess(client.info("persistence")["aof_current_size"], 100_000)
        self.assert_same_after(server, policy="no")
