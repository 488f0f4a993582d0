"""Where other servers break, one test for each item: what loses or strands jobs there must not here.

tests/README.md lists the items, with what else covers them.
"""

import collections
import contextlib
import glob
import os
import pathlib
import shutil
import tempfile
import threading
import time

import harness
import redis
from harness import ServerTest
from wire import Wire

# Keys that land on different shards for any number of shards that is tested.
SPREAD = [f"queue:{number}" for number in range(16)]

TURNED = "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"


def resident_bytes(server):
    """What the server's process takes of the memory."""
    lines = pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    (kib,) = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(kib) * 1024


class WherePeersBreak(ServerTest):
    def wire(self, server=None):
        wire = Wire(server or self.server, 60)
        self.addCleanup(wire.close)
        return wire

    def skip_on_valkey(self, reason):
        if os.path.basename(self.binary) == "valkey-server":
            self.skipTest(reason)

    def test_01_replies_before_a_blocking_command_are_not_held_back(self):
        """A blocking command inside a pipeline: earlier replies wait unflushed until it times out."""
        wire = self.wire()
        wire.send(*[("SET", key, "v") for key in SPREAD], ("BLPOP", "empty", "0"))
        self.assertEqual([wire.reply() for _ in SPREAD], ["OK"] * len(SPREAD))
        self.client.rpush("empty", "x")
        self.assertEqual(wire.reply(), ["empty", "x"])

    def test_02_pipelined_brpoplpush_loses_nothing(self):
        """A client that loops BRPOPLPUSH through a pipelining client library loses replies and strands jobs."""
        wire = self.wire()
        wire.send(*[("BRPOPLPUSH", "wait", "active", "10")] * 50)
        for number in range(50):
            self.client.lpush("wait", number)
        self.assertEqual([wire.reply() for _ in range(50)], [str(number) for number in range(50)])
        self.assertEqual(self.client.llen("active"), 50)

    def test_03_blocked_group_readers_hear_of_the_end_of_their_stream(self):
        """Blocked XREADGROUP is not woken by DEL, expiry, FLUSHALL, a type change, XGROUP DESTROY."""
        no_group = "^-NOGROUP "
        for name, end, answer in [
            ("DEL", lambda: self.client.delete("stream"), no_group),
            ("expiry", lambda: self.client.pexpire("stream", 50), no_group),
            ("FLUSHALL", self.client.flushall, no_group),
            ("another type", lambda: self.client.set("stream", "text"), "^-WRONGTYPE "),
            ("XGROUP DESTROY", lambda: self.client.xgroup_destroy("stream", "group"), no_group),
            ("RENAME", lambda: self.client.rename("stream", "elsewhere"), no_group),
        ]:
            with self.subTest(name):
                self.client.flushall()
                for key in ("stream", *SPREAD):
                    self.client.xgroup_create(key, "group", id="0", mkstream=True)
                reader = self.wire()
                reader.send(("XREADGROUP", "GROUP", "group", "me", "BLOCK", "0", "STREAMS", "stream", ">"))
                self.wait_blocked(1)
                end()
                self.assertRegex(reader.reply(), answer)

    def test_04_count_holds_when_a_stream_reader_wakes(self):
        """COUNT ignored when a blocked stream reader wakes: one worker gets a whole MULTI's 500 entries."""
        self.client.xgroup_create("stream", "group", id="0", mkstream=True)
        worker, reader = self.wire(), self.wire()
        worker.send(("XREADGROUP", "GROUP", "group", "me", "COUNT", "10", "BLOCK", "0", "STREAMS", "stream", ">"))
        reader.send(("XREAD", "COUNT", "7", "BLOCK", "0", "STREAMS", "stream", "$"))
        self.wait_blocked(2)
        with self.client.pipeline(transaction=True) as pipe:
            for number in range(500):
                pipe.xadd("stream", {"n": number})
            pipe.execute()
        ((_, entries),) = worker.reply()
        self.assertEqual([fields for _, fields in entries], [["n", str(number)] for number in range(10)])
        ((_, entries),) = reader.reply()
        self.assertEqual([fields for _, fields in entries], [["n", str(number)] for number in range(7)])
        self.assertEqual(self.client.xpending("stream", "group")["pending"], 10)

    def test_05_no_blocked_pop_survives_the_server_turning_replica(self):
        """A blocked pop survives the server turning replica and eats a replicated element."""
        primary, server = self.start(harness.peer(), "--repl-diskless-sync-delay", "0"), self.start(self.binary)
        source, client = primary.client(), server.client()
        client.xgroup_create("stream", "group", mkstream=True)
        requests = [
            *[("BLPOP", key, "0") for key in SPREAD],
            ("BLPOP", *SPREAD, "0"),
            ("BRPOP", *SPREAD, "0"),
            *[("BLMOVE", key, other, "LEFT", "RIGHT", "0") for key, other in zip(SPREAD, SPREAD[1:])],
            ("BLMPOP", "0", "2", *SPREAD[:2], "LEFT"),
            ("BZPOPMIN", "sorted", "0"),
            ("XREADGROUP", "GROUP", "group", "c", "BLOCK", "0", "STREAMS", "stream", ">"),
            ("XREAD", "BLOCK", "0", "STREAMS", "stream", "$"),
            ("WAIT", "1", "0"),
        ]
        waiting = [self.wire(server) for _ in requests]
        for wire, request in zip(waiting, requests):
            wire.send(request)
        self.wait_until(lambda: client.info("clients")["blocked_clients"] == len(requests))
        self.assertTrue(client.replicaof(primary.host, primary.port))
        for wire, request in zip(waiting, requests):
            self.assertEqual(wire.reply(), TURNED, request)
            with self.assertRaises(ConnectionError):
                wire.reply()
        self.wait_until(lambda: client.role()[3] == "connected")
        for key in SPREAD:
            source.rpush(key, "x", "y")
        source.zadd("sorted", {"m": 1})
        self.assertEqual(source.wait(1, 60_000), 1)
        for key in SPREAD:
            self.assertEqual(client.lrange(key, 0, -1), ["x", "y"])
        self.check_that_nobody_pops(server)
        self.assertTrue(client.replicaof("NO", "ONE"))
        self.assertEqual(self.wire(server).call("BLPOP", *SPREAD, "0"), [SPREAD[0], "x"])

    def check_that_nobody_pops(self, server):
        """No way to pop on a replica."""
        refused = "-READONLY You can't write against a read only replica."
        wire = self.wire(server)
        for request in [("BLPOP", SPREAD[0], "0"), ("LPOP", SPREAD[0]), ("BZPOPMIN", "sorted", "0"), ("BLPOP", *SPREAD, "0")]:
            self.assertEqual(wire.call(*request), refused)
        pop = "return redis.call('LPOP', KEYS[1])"
        self.assertRegex(wire.call("EVAL", pop, "1", SPREAD[0]), f"^{refused} script: ")
        self.assertEqual(wire.call("EVAL", "#!lua\n" + pop, "1", SPREAD[0]), refused)
        wire.send(("MULTI",), ("LPOP", SPREAD[0]), ("EXEC",))
        aborted = "-EXECABORT Transaction discarded because of previous errors."
        self.assertEqual([wire.reply() for _ in range(3)], ["OK", refused, aborted])

    def test_05_what_is_on_its_way_when_the_server_turns_replica_takes_nothing(self):
        """As before, with pops that are sent in the instant in which the server turns."""
        primary, server = self.start(harness.peer(), "--repl-diskless-sync-delay", "0"), self.start(self.binary)
        source, client = primary.client(), server.client()
        for turn in range(4):
            taken, stop = [], threading.Event()
            workers = [threading.Thread(target=self.pop_all_the_time, args=(server, taken, stop)) for _ in range(6)]
            for worker in workers:
                worker.start()
            time.sleep(0.2)
            client.replicaof(primary.host, primary.port)
            self.wait_until(lambda: client.role()[3] == "connected")
            for key in SPREAD:
                source.rpush(key, f"{turn}:a", f"{turn}:b")
            self.assertEqual(source.wait(1, 60_000), 1)
            time.sleep(0.1)
            stop.set()
            for worker in workers:
                worker.join(60)
            self.assertEqual(taken, [])
            for key in SPREAD:
                self.assertEqual(client.lrange(key, 0, -1), source.lrange(key, 0, -1))
            client.replicaof("NO", "ONE")
            source.flushall()
            client.flushall()

    def pop_all_the_time(self, server, taken, stop):
        """Sends pops in pipelines, also with MULTI and over keys of several shards, and notes what they take."""
        requests = [("BLPOP", *SPREAD, "0.01"), ("MULTI",), ("LPOP", SPREAD[1]), ("BLPOP", SPREAD[2], "0"), ("EXEC",)]
        requests += [("LMOVE", SPREAD[3], SPREAD[4], "LEFT", "LEFT"), ("BLPOP", SPREAD[5], "0.01")]
        while not stop.is_set():
            wire = Wire(server, 60)
            try:
                while not stop.is_set():
                    wire.send(*requests)
                    replies = [wire.reply() for _ in requests]
                    block = replies[4] if isinstance(replies[4], list) else []
                    got = [replies[0], *block, *replies[5:]]
                    taken += [reply for reply in got if reply is not None and not str(reply).startswith("-")]
            except (ConnectionError, OSError):
                # Who was blocked in that instant is closed.
                pass
            finally:
                wire.close()

    def test_06_a_refused_command_stops_its_transaction(self):
        """MULTI executes although a command was refused while queueing."""
        wire = self.wire()
        wire.send(("MULTI",), ("SET", "a", "1"), ("NOSUCH",), ("EXEC",), ("EXISTS", "a"))
        replies = [wire.reply() for _ in range(5)]
        self.assertRegex(replies[2], "^-ERR unknown command")
        self.assertEqual(replies[3], "-EXECABORT Transaction discarded because of previous errors.")
        self.assertEqual(replies[4], 0)

    def test_07_contended_watch_counts_exactly(self):
        """The WATCH check and EXEC are not one atomic step."""
        rounds, clients = 40, 6

        def increment():
            client, done = self.connect(), 0
            while done < rounds:
                with client.pipeline() as pipe:
                    pipe.watch("counter", "other")
                    value = int(pipe.get("counter") or 0)
                    pipe.multi()
                    pipe.set("counter", value + 1).incr("other")
                    try:
                        pipe.execute()
                        done += 1
                    except redis.WatchError:
                        pass
            return done

        running = [self.in_background(increment) for _ in range(clients)]
        self.assertEqual(sum(wait(60) for wait in running), rounds * clients)
        self.assertEqual(self.client.mget("counter", "other"), [str(rounds * clients)] * 2)

    def test_08_a_wake_up_during_a_pause_stalls_nobody(self):
        """A wake-up during CLIENT PAUSE stalls a core."""
        waiting, pusher = self.wire(), self.wire()
        waiting.send(("BLPOP", "paused", "10"))
        self.wait_blocked(1)
        self.client.client_pause(1_000_000, all=False)
        pusher.send(("LPUSH", "paused", "x"))
        # Both wait, and others are served, until the pause ends.
        self.wait_blocked(2)
        self.assertIsNone(self.client.get("anything"))
        self.assertEqual(self.client.exists("paused"), 0)
        self.client.client_unpause()
        self.assertEqual(waiting.reply(), ["paused", "x"])
        self.assertEqual(pusher.reply(), 1)

    def test_09_scripts_reach_undeclared_keys_without_locking_everything(self):
        """Scripts that touch undeclared keys are refused, or lock the whole data set at each call."""
        script = """
            local id = redis.call('INCR', KEYS[1] .. ':id')
            redis.call('HSET', KEYS[1] .. ':' .. id, 'data', ARGV[1])
            redis.call('LPUSH', KEYS[1] .. ':wait', id)
            return id"""
        for number in range(200):
            queue = f"bull:mail{number % 8}"
            self.assertEqual(self.client.eval(script, 1, queue, "x"), number // 8 + 1)
        self.assertEqual(self.client.llen("bull:mail0:wait"), 25)
        everywhere = "for i = 0, 15 do redis.call('INCR', 'queue:' .. i) end return redis.call('GET', 'queue:15')"
        for number in range(10):
            self.assertEqual(self.client.eval(everywhere, 0), str(number + 1))
        told = self.client.info("corelane")
        if "corelane_scripts_whole" in told:
            self.assertGreaterEqual(told["corelane_scripts_local"], 200)

    def test_10_many_workers_wait_in_bzpopmin_at_a_high_rate(self):
        """Tens of workers in BZPOPMIN at 30,000 messages a second pile up in a transaction queue."""
        workers, producers, each = 40, 4, 1500
        taken = collections.Counter()

        def work():
            wire, own = self.wire(), []
            while (reply := wire.call("BZPOPMIN", *[f"prio:{n}" for n in range(producers)], "0"))[1] != "stop":
                own.append(reply[1])
            return own

        def produce(number):
            client = self.connect()
            for start in range(0, each, 100):
                with client.pipeline(transaction=False) as pipe:
                    for entry in range(start, start + 100):
                        pipe.zadd(f"prio:{number}", {f"{number}-{entry}": entry})
                    pipe.execute()
            return True

        working = [self.in_background(work) for _ in range(workers)]
        self.wait_blocked(workers)
        producing = [self.in_background(produce, number) for number in range(producers)]
        self.assertTrue(all(wait(120) for wait in producing))
        self.wait_until(lambda: self.client.exists(*[f"prio:{n}" for n in range(producers)]) == 0, 120, "all is taken")
        for _ in range(workers):
            self.client.zadd("prio:0", {"stop": 0})
            self.wait_until(lambda: not self.client.exists("prio:0"), 120, "a worker stops")
        for wait in working:
            taken.update(wait(120))
        self.assertEqual(taken, collections.Counter(f"{n}-{entry}" for n in range(producers) for entry in range(each)))

    def test_11_a_chain_of_moves_wakes_its_end(self):
        """A chain of BRPOPLPUSH does not wake a BLPOP on its destination."""
        first, second, third = self.wire(), self.wire(), self.wire()
        third.send(("BLPOP", "c", "10"))
        second.send(("BRPOPLPUSH", "b", "c", "10"))
        first.send(("BRPOPLPUSH", "a", "b", "10"))
        self.wait_blocked(3)
        self.client.lpush("a", "x")
        self.assertEqual((first.reply(), second.reply(), third.reply()), ("x", "x", ["c", "x"]))
        self.assertEqual(self.client.dbsize(), 0)

    def test_12_a_slow_subscriber_parks_no_publisher(self):
        """One slow subscriber parks every publisher."""
        slow = self.wire()
        self.assertEqual(slow.call("SUBSCRIBE", "loud"), ["subscribe", "loud", 1])
        payload = "x" * 10_000
        publisher = self.connect(socket_timeout=60)
        for _ in range(20):
            with publisher.pipeline(transaction=False) as pipe:
                for _ in range(100):
                    pipe.publish("loud", payload)
                pipe.execute()
        self.assertTrue(publisher.ping())

    def test_12_publish_and_subscribe_on_one_connection(self):
        """Publish and subscribe on one connection deadlock."""
        wire = self.wire()
        wire.call("HELLO", "3")
        self.assertEqual(wire.call("SUBSCRIBE", "own"), ["subscribe", "own", 1])
        for number in range(200):
            wire.send(("PUBLISH", "own", number))
            seen = [wire.reply(), wire.reply()]
            self.assertIn(1, seen)
            self.assertIn(["message", "own", str(number)], seen)

    def test_13_keyspace_events_of_every_class(self):
        """Only expired-events of the keyspace notifications exist."""
        self.client.config_set("notify-keyspace-events", "EA")
        self.addCleanup(self.client.config_set, "notify-keyspace-events", "")
        listener = self.wire()
        listener.call("PSUBSCRIBE", "__keyevent@0__:*")
        self.client.set("text", "x", ex=100)
        self.client.lpush("list", "x")
        self.client.sadd("set", "x")
        self.client.zadd("zset", {"x": 1})
        self.client.hset("hash", "f", "x")
        self.client.xadd("stream", {"f": "x"})
        self.client.delete("text")
        self.client.pexpire("list", 1)
        self.wait_until(lambda: not self.client.exists("list"), 30, "it expires")
        heard = [tuple(listener.reply()[2:]) for _ in range(10)]
        names = ["set", "expire", "lpush", "sadd", "zadd", "hset", "xadd", "del", "expire", "expired"]
        keys = ["text", "text", "list", "set", "zset", "hash", "stream", "text", "list", "list"]
        # Events of keys on different shards may pass each other.
        self.assertEqual(sorted(heard), sorted((f"__keyevent@0__:{name}", key) for name, key in zip(names, keys)))

    def test_14_the_lag_of_a_group_is_exact(self):
        """Stream lag is missing or wrong after trimming or deletes, so autoscaling misjudges."""
        ids = [self.client.xadd("stream", {"n": number}, id=f"{number + 1}-0") for number in range(100)]
        self.client.xgroup_create("stream", "group", id="0")
        lag = lambda: self.client.xinfo_groups("stream")[0]["lag"]
        self.assertEqual(lag(), 100)
        self.client.xreadgroup("group", "me", {"stream": ">"}, count=30)
        self.assertEqual(lag(), 70)
        with self.assertRaisesRegex(redis.ResponseError, "^no such key$"):
            self.client.xinfo_groups("none")
        if os.path.basename(self.binary) == "valkey-server":
            return
        # Behind here Valkey answers nil, or less than nothing (docs/differences.md).
        self.client.xdel("stream", *ids[40:45])
        self.assertEqual(lag(), 65)
        self.client.xdel("stream", *ids[:5])
        self.assertEqual(lag(), 65)
        self.client.xtrim("stream", maxlen=20, approximate=False)
        self.assertEqual(lag(), 20)
        self.client.xgroup_setid("stream", "group", ids[89])
        self.assertEqual(lag(), 10)
        self.client.xreadgroup("group", "me", {"stream": ">"}, count=4)
        self.assertEqual(lag(), 6)
        self.client.xtrim("stream", maxlen=0, approximate=False)
        self.assertEqual(lag(), 0)

    def test_15_a_log_that_is_begun_anew_stops_nobody(self):
        """Snapshot, log rewrite or a full resync makes the tail latency of all clients jump; fork doubles memory."""
        self.skip_on_valkey("it forks")
        server = self.start(self.binary, "--appendonly", "yes", "--appendfsync", "no")
        client = server.client()
        with client.pipeline(transaction=False) as pipe:
            for number in range(400_000):
                pipe.set(f"key:{number}", "x" * 200)
            for _ in range(20):
                pipe.rpush("large", *[f"element:{number}" for number in range(10_000)])
            pipe.execute()
        before, peak, answered = resident_bytes(server), 0, 0
        client.bgrewriteaof()
        while client.info("persistence")["aof_rewrite_in_progress"]:
            self.assertEqual(client.get("key:7"), "x" * 200)
            answered += 1
            peak = max(peak, resident_bytes(server))
            for task in glob.glob(f"/proc/{server.process.pid}/task/*/children"):
                # A thread may just have ended.
                with contextlib.suppress(FileNotFoundError):
                    self.assertEqual(pathlib.Path(task).read_text(), "")
        # Who asks something else is answered all the time, not at the end. There is enough to record for many more answers than that.
        self.assertGreater(answered, 20)
        self.assertLess(peak, before * 1.5)
        self.assertEqual((client.dbsize(), client.llen("large")), (400_001, 200_000))

    def test_16_a_reply_waits_for_the_disk_and_nobody_else_does(self):
        """No durability per reply. Here what was answered with appendfsync always is there after the process was killed."""
        self.skip_on_valkey("its log is its own")
        folder = tempfile.mkdtemp(prefix="corelane-log-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        directives = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"]
        server = self.start(self.binary, *directives)
        wires = [Wire(server, 60) for _ in SPREAD]
        for number, (wire, key) in enumerate(zip(wires, SPREAD)):
            self.addCleanup(wire.close)
            wire.send(("RPUSH", key, number), ("MULTI",), ("INCR", "counter"), ("SADD", "members", number), ("EXEC",))
        for wire in wires:
            self.assertEqual([wire.reply() for _ in range(4)], [1, "OK", "QUEUED", "QUEUED"])
            self.assertEqual(wire.reply()[1], 1)
        self.assertEqual(server.client().execute_command("WAITAOF", 1, 0, 0), [1, 0])
        server.process.kill()
        server.process.wait()
        again = self.start(self.binary, *directives).client()
        self.assertEqual([again.lrange(key, 0, -1) for key in SPREAD], [[str(number)] for number in range(len(SPREAD))])
        self.assertEqual((again.get("counter"), again.scard("members")), (str(len(SPREAD)), len(SPREAD)))

    def test_17_each_core_does_the_work_of_its_own_queues(self):
        """Going from one core to two gains 9 %: here what a core does for its queues asks nothing of another."""
        self.skip_on_valkey("it has one core")
        wires = [self.wire() for _ in SPREAD]

        def work(rounds):
            for number in range(rounds):
                for wire, key in zip(wires, SPREAD):
                    wire.send(("LPUSH", key, number), ("BRPOP", key, "0"))
                for wire, key in zip(wires, SPREAD):
                    self.assertEqual([wire.reply(), wire.reply()], [1, [key, str(number)]])

        def counted():
            info = self.client.info("corelane")
            across = ["corelane_forwarded_commands", "corelane_groups", "corelane_cross_shard_transactions"]
            commands = [info[f"corelane_shard{shard}"]["commands"] for shard in range(self.shards)]
            return commands, [info[field] for field in across]

        # Long enough for the connections to move to where their queues are.
        work(300)
        commands_before, across_before = counted()
        work(100)
        commands, across = counted()
        self.assertEqual(across, across_before)
        done = [after - before for after, before in zip(commands, commands_before)]
        # All shards have queues, and do what their own ones need.
        self.assertGreaterEqual(min(done), 200)
        self.assertGreaterEqual(sum(done), 200 * len(SPREAD))
