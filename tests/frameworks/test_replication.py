"""A server as the replica of the peer: all that the primary has comes, what it does follows, and nothing is lost on the way to being a primary."""

import itertools
import os
import threading
import time

import harness
import redis
from harness import ServerTest
from pretended_primary import PretendedPrimary
from replicas import contents, populate
from wire import Wire, encoded

DATABASES = (0, 3, 15)
LIBRARY = "#!lua name=lib\nserver.register_function{function_name='f', callback=function() return 5 end, flags={'no-writes'}}"


class ReplicationTest(ServerTest):
    def primary(self, *directives, **options):
        return self.start(harness.peer(), "--repl-diskless-sync-delay", "0", *directives, **options)

    def replica_of(self, primary, *directives):
        replica = self.start(self.binary, "--replicaof", primary.host, str(primary.port), *directives)
        self.wait_linked(replica)
        return replica

    def wait_linked(self, replica):
        client = replica.client()
        self.wait_until(lambda: client.info("replication").get("master_link_status") == "up", message=replica.log_tail)

    def wait_applied(self, primary, replica):
        """Waits until the replica has done all that the primary has done."""
        source, client = primary.client(), replica.client()
        offset = source.info("replication")["master_repl_offset"]
        self.wait_until(lambda: client.info("replication")["slave_repl_offset"] >= offset, 60, lambda: self.state_of(replica))

    def state_of(self, replica):
        client = replica.client()
        return "\n".join(map(str, [client.info("replication"), *client.client_list(), replica.log_tail()]))

    def assert_same(self, primary, replica, databases=DATABASES):
        self.wait_applied(primary, replica)
        options = {"decode_responses": False, "single_connection_client": True}
        wanted, found = contents(primary.client(**options), databases), contents(replica.client(**options), databases)
        self.assertEqual(sorted(found), sorted(wanted))
        for place, value in wanted.items():
            self.assertEqual(found[place], value, place)

    def on_log(self, server, text):
        self.wait_until(lambda: text in server.log_tail(50), message=server.log_tail)


class Following(ReplicationTest):
    """What a primary has and does."""

    def test_everything_comes(self):
        for diskless in ("yes", "no"):
            with self.subTest(diskless=diskless):
                primary = self.primary("--repl-diskless-sync", diskless)
                for db in DATABASES:
                    populate(primary.client(db=db, decode_responses=False), db)
                primary.client().execute_command("FUNCTION", "LOAD", LIBRARY)
                primary.client().set("big", "x" * 30_000_000)
                replica = self.replica_of(primary)
                self.assert_same(primary, replica)
                self.assertEqual(replica.client().fcall("f", 0), 5)
                self.assertNotIn("cannot do", replica.log_tail(100))

    def test_what_was_there_goes(self):
        primary, replica = self.primary(), self.start(self.binary)
        client = replica.client()
        client.mset({f"mine:{number}": 1 for number in range(100)})
        client.function_load(LIBRARY)
        primary.client().set("theirs", 1)
        client.replicaof(primary.host, primary.port)
        self.wait_linked(replica)
        self.assertEqual(client.keys(), ["theirs"])
        self.assertEqual(client.function_list(), [])

    def test_what_the_primary_does_follows(self):
        primary = self.primary()
        # The primary knows nothing of other names that commands have at the replica.
        replica = self.replica_of(primary, "--rename-command", "FLUSHALL", "", "--rename-command", "RESTORE", "put")
        client = primary.client()
        for db in DATABASES:
            populate(primary.client(db=db, decode_responses=False), db)
        with client.pipeline() as block:
            block.execute_command("SELECT", 3)
            block.set("in:three", 1)
            block.execute_command("SELECT", 0)
            block.rpush("in:zero", 1, 2, 3)
            block.incr("in:zero:count")
            block.execute()
        client.eval("for at = 1, 50 do server.call('RPUSH', KEYS[1 + at % 2], at) end", 2, "a", "b")
        client.lmove("a", "b", "LEFT", "RIGHT")
        client.rename("b", "c")
        client.copy("c", "d")
        client.move("d", 3)
        client.sort("c", desc=True, store="sorted")
        client.set("soon", 1, px=50)
        client.expire("sorted", 1000)
        client.persist("string:expires")
        client.execute_command("XAUTOCLAIM", "stream", "group", "third", 0, "0", "COUNT", 5, "JUSTID")
        client.xtrim("stream", maxlen=200, approximate=False)
        client.xgroup_delconsumer("stream", "group", "other")
        client.execute_command("SWAPDB", 3, 15)
        client.execute_command("FUNCTION", "LOAD", LIBRARY)
        waiting = self.in_background(primary.client().blpop, ["served"], 30)
        self.wait_until(lambda: client.info("clients")["blocked_clients"] == 1)
        client.rpush("served", "x", "y")
        self.assertEqual(waiting(), ("served", "x"))
        time.sleep(0.2)
        self.assertIsNone(client.get("soon"))
        self.assert_same(primary, replica)
        self.assertEqual(replica.client().fcall("f", 0), 5)
        primary.client(db=3).flushdb()
        self.assert_same(primary, replica)
        client.flushall()
        client.set("after", "all")
        self.assert_same(primary, replica)
        self.assertNotIn("cannot do", replica.log_tail(100))

    def test_subscribers_and_readers_of_a_replica_hear(self):
        primary = self.primary()
        replica = self.replica_of(primary)
        hears = replica.client().pubsub()
        hears.subscribe("news")
        hears.get_message(timeout=10)
        reads = self.in_background(replica.client().xread, {"stream": "$"}, None, 30_000)
        self.wait_until(lambda: replica.client().info("clients")["blocked_clients"] == 1)
        primary.client().publish("news", "hello")
        primary.client().xadd("stream", {"a": 1})
        self.assertEqual(hears.get_message(timeout=10)["data"], "hello")
        self.assertEqual(reads()[0][1][0][1], {"a": "1"})

    def test_a_busy_primary_is_followed(self):
        primary = self.primary()
        stop = threading.Event()
        writers = [threading.Thread(target=self.write, args=(primary, seed, stop)) for seed in range(3)]
        for writer in writers:
            writer.start()
        replica = self.replica_of(primary)
        time.sleep(2)
        stop.set()
        for writer in writers:
            writer.join(60)
        self.assert_same(primary, replica)
        self.assertEqual(primary.client().info("stats")["sync_full"], 1)

    def write(self, primary, seed, stop):
        client = primary.client()
        for number in itertools.count():
            if stop.is_set():
                return
            with client.pipeline(transaction=number % 2 == 0) as pipe:
                for step in range(20):
                    key = f"{(number * 7 + step * 3 + seed) % 50}"
                    pipe.rpush(f"list:{key}", number)
                    pipe.lmove(f"list:{key}", f"list:{seed}", "LEFT", "RIGHT")
                    pipe.zincrby("sorted", 1, key)
                    pipe.hincrby(f"hash:{key}", "field", step)
                    pipe.ltrim(f"list:{seed}", 0, 100)
                pipe.execute()


class Links(ReplicationTest):
    """What becomes of the link."""

    def test_a_link_that_breaks_goes_on_where_it_was(self):
        primary = self.primary()
        replica = self.replica_of(primary)
        client = primary.client()
        for turn in range(3):
            with client.pipeline(transaction=False) as pipe:
                for number in range(3000):
                    pipe.execute_command("SELECT", number % 2 * 3)
                    pipe.rpush(f"list:{number % 10}", f"{turn}:{number}")
                pipe.execute_command("SELECT", 0)
                pipe.execute()
            self.assertEqual(client.execute_command("CLIENT", "KILL", "TYPE", "replica"), 1)
            client.rpush("after", turn)
            self.wait_until(lambda: client.info("replication")["connected_slaves"] == 1)
            self.wait_linked(replica)
            self.assert_same(primary, replica)
        stats = client.info("stats")
        self.assertEqual((stats["sync_full"], stats["sync_partial_ok"]), (1, 3))

    def test_a_primary_that_comes_back_with_other_data_is_taken_over_anew(self):
        primary = self.primary()
        replica = self.replica_of(primary)
        primary.client().set("old", 1)
        self.wait_applied(primary, replica)
        port = primary.port
        primary.stop()
        client = replica.client()
        self.wait_until(lambda: client.info("replication")["master_link_status"] == "down")
        self.assertEqual(client.get("old"), "1", "old data is served meanwhile")
        self.assertEqual(client.role()[3:], ["connect", -1])
        client.config_set("replica-serve-stale-data", "no")
        with self.assertRaisesRegex(redis.ResponseError, "^Link with MASTER is down and replica-serve-stale-data is set to 'no'"):
            client.get("old")
        again = self.primary(port=port)
        again.client().set("new", 2)
        self.wait_linked(replica)
        self.assert_same(again, replica)
        self.assertEqual(client.keys(), ["new"])

    def test_who_authenticates_is_answered(self):
        primary = self.primary()
        primary.client().config_set("requirepass", "secret")
        replica = self.start(self.binary, "--replicaof", primary.host, str(primary.port))
        self.on_log(replica, "answers PSYNC with: -NOAUTH")
        replica.client().config_set("primaryauth", "wrong")
        self.on_log(replica, "answers AUTH with: -WRONGPASS")
        replica.client().config_set("masterauth", "secret")
        self.wait_linked(replica)
        primary.client(password="secret").execute_command("ACL", "SETUSER", "follower", "on", ">pass", "+psync", "+replconf", "+ping")
        other = self.start(
            self.binary, "--replicaof", primary.host, str(primary.port), "--masteruser", "follower", "--masterauth", "pass"
        )
        self.wait_linked(other)

    def test_clients_cannot_break_the_link_and_see_it(self):
        primary = self.primary()
        replica = self.replica_of(primary, "--timeout", "1", "--maxmemory-clients", "1mb")
        primary.client().set("a", "x" * 3_000_000)
        time.sleep(2.5)
        replica.client().config_set("maxmemory-clients", 0)
        self.assert_same(primary, replica)
        self.assertEqual(primary.client().info("stats")["sync_full"], 1)
        client = replica.client()
        links = client.client_list(_type="master")
        self.assertEqual([link["flags"] for link in links], ["M"])
        self.assertEqual(links[0]["addr"], f"{primary.host}:{primary.port}")
        # An operator can, and all begins anew since it is not known what has been done.
        self.assertEqual(client.execute_command("CLIENT", "KILL", "TYPE", "primary"), 1)
        self.wait_until(lambda: primary.client().info("stats")["sync_full"] == 2)
        self.wait_linked(replica)
        self.assert_same(primary, replica)

    def test_a_long_script_holds_up_the_primary_and_loses_nothing(self):
        primary = self.primary()
        replica = self.replica_of(primary, "--busy-reply-threshold", "50")
        script = "#!lua flags=no-writes\nlocal n = 0 while server.call('GET', KEYS[1]) ~= 'x' and n < 3e6 do n = n + 1 end return n"
        done = self.in_background(replica.client(socket_timeout=120).eval, script, 1, "key")
        with primary.client().pipeline(transaction=False) as pipe:
            for number in range(2000):
                pipe.rpush(f"list:{number % 20}", number)
                time.sleep(0.0002)
            pipe.execute()
        done()
        self.assert_same(primary, replica)
        self.assertEqual(primary.client().info("stats")["sync_full"], 1)


class Roles(ReplicationTest):
    """What a replica answers, and how it becomes a primary."""

    def test_nothing_is_lost_or_doubled_by_promotion(self):
        primary = self.primary()
        source = primary.client()
        count, taken = 5000, []
        for start in range(0, count, 500):
            source.rpush("queue", *range(start, start + 500))
        replica = self.replica_of(primary)
        client = replica.client()
        stop = threading.Event()
        worker = threading.Thread(target=self.work, args=(primary, taken, stop))
        worker.start()
        time.sleep(0.5)
        # The order of the way in docs/replication.md: writers stop, the rest arrives, the role changes.
        source.client_pause(60_000, all=False)
        self.wait_applied(primary, replica)
        client.replicaof("NO", "ONE")
        stop.set()
        while element := client.blpop("queue", 0.1):
            taken.append(element[1])
        primary.stop()
        worker.join(60)
        active = client.lrange("active", 0, -1)
        self.assertLess(len(active), count)
        self.assertEqual(sorted(map(int, taken + active)), list(range(count)))
        self.assertEqual(client.role(), ["master", 0, []])

    def work(self, primary, taken, stop):
        """Moves elements to a list of those under way, as reliable queues do; what it is not answered is not taken."""
        client = primary.client(retry=None, socket_timeout=30)
        try:
            while not stop.is_set():
                client.blmove("queue", "active", 1)
                time.sleep(0.001)
        except redis.RedisError:
            pass

    def test_what_the_former_primary_sends_after_promotion_is_not_run(self):
        primary = PretendedPrimary()
        self.addCleanup(primary.close)
        replica = self.start(self.binary, "--replicaof", primary.host, str(primary.port))
        primary.greet()
        primary.run(("SET", "a", "1"))
        client = replica.client()
        client.replicaof("NO", "ONE")
        primary.send(encoded(("SET", "a", "2")) * 100)
        time.sleep(0.3)
        self.assertEqual(client.get("a"), "1")
        client.set("b", "mine")
        self.assertEqual(client.info("replication")["role"], "master")

    def test_writes_are_refused_unless_that_is_configured(self):
        primary = self.primary()
        replica = self.replica_of(primary)
        client = replica.client()
        for command in [("SET", "a", 1), ("EVAL", "return server.call('SET', 'a', 1)", 0), ("FLUSHALL",), ("FUNCTION", "FLUSH")]:
            with self.assertRaisesRegex(redis.ReadOnlyError, "^You can't write against a read only replica."):
                client.execute_command(*command)
        with self.assertRaisesRegex(redis.ResponseError, "^WAIT cannot be used with replica instances"):
            client.wait(0, 1)
        client.config_set("replica-read-only", "no")
        client.set("a", 1)
        self.assertEqual(client.info("replication")["slave_read_only"], 0)

    def test_a_queued_block_is_refused_as_a_whole(self):
        primary, replica = self.primary(), self.start(self.binary)
        wire = Wire(replica)
        self.addCleanup(wire.close)
        wire.send(("MULTI",), ("SET", "a", "1"))
        self.assertEqual([wire.reply(), wire.reply()], ["OK", "QUEUED"])
        replica.client().replicaof(primary.host, primary.port)
        refused = "-EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica."
        self.assertEqual(wire.call("EXEC"), refused)

    def test_configuration(self):
        primary = self.primary()
        replica = self.start(self.binary)
        client = replica.client()
        self.assertEqual(client.config_get("replicaof"), {"replicaof": ""})
        client.replicaof(primary.host, primary.port)
        self.assertEqual(client.config_get("slaveof"), {"slaveof": f"{primary.host} {primary.port}"})
        self.assertEqual(client.execute_command("REPLICAOF", primary.host, primary.port), "OK Already connected to specified master")
        with self.assertRaisesRegex(redis.ResponseError, "can't set immutable config"):
            client.config_set("replicaof", "")
        for words in [("there", "x"), ("there", "-1"), ("there", "65536"), ("no", "two")]:
            with self.assertRaisesRegex(redis.ResponseError, "^Invalid master port"):
                client.execute_command("REPLICAOF", *words)

    def test_the_server_ends_while_data_comes(self):
        primary = PretendedPrimary()
        self.addCleanup(primary.close)
        replica = self.start(self.binary, "--replicaof", primary.host, str(primary.port))
        primary.greet(b"REDIS0003\xfe\x00\x00\x01a\x01b", 1000)
        self.wait_until(lambda: replica.client().info("replication")["master_sync_in_progress"] == 1)
        self.assertEqual(replica.stop(), 0)


class Oddities(ReplicationTest):
    """A primary that says strange things, or at strange times."""

    def setUp(self):
        super().setUp()
        if os.path.basename(self.binary) == "valkey-server":
            self.skipTest("it loads from a file, and says other things")
        self.told = PretendedPrimary()
        self.addCleanup(self.told.close)

    def follow(self, *directives):
        replica = self.start(self.binary, "--replicaof", self.told.host, str(self.told.port), *directives)
        return replica, replica.client()

    def test_half_of_the_data_is_nothing(self):
        replica, client = self.follow()
        self.told.greet(b"REDIS0003\xfe\x00\x00\x01a\x01b", 1000)
        with self.assertRaisesRegex(redis.exceptions.BusyLoadingError, "Valkey is loading the dataset in memory"):
            self.wait_until(lambda: client.get("a") and False)
        with self.assertRaisesRegex(redis.exceptions.BusyLoadingError, "Valkey is loading"):
            client.replicaof("NO", "ONE")
        self.told.hang_up()
        self.wait_until(lambda: client.role()[3] != "sync")
        self.assertIsNone(client.get("a"), "what came in part is worse than nothing")
        self.told.greet(b"REDIS0003\xfe\x00\x00\x01a\x01c\xff")
        self.wait_linked(replica)
        self.assertEqual(client.get("a"), "c")

    def test_only_the_primary_lets_keys_expire(self):
        _, client = self.follow()
        self.told.greet()
        soon = int(time.time() * 1000) + 300
        self.told.run(("SET", "lock", "mine", "PXAT", soon), ("HSET", "h", "f", "v"), ("HPEXPIREAT", "h", soon, "FIELDS", 1, "f"))
        time.sleep(0.8)
        self.assertIsNone(client.get("lock"))
        self.assertEqual([client.exists("lock"), client.keys(), client.hget("h", "f")], [0, ["h"], None])
        later = int(time.time() * 1000) + 60_000
        # The primary has seen it alive, and has prolonged it in time.
        self.told.run(("PEXPIREAT", "lock", later), ("HPEXPIREAT", "h", later, "FIELDS", 1, "f"))
        self.assertEqual([client.get("lock"), client.hget("h", "f")], ["mine", "v"])
        self.told.run(("SET", "gone", "x", "PXAT", soon))
        self.assertEqual([client.dbsize(), client.randomkey() in ("h", "lock")], [3, True])
        client.replicaof("NO", "ONE")
        self.wait_until(lambda: client.dbsize() == 2, message="a primary removes what has expired")

    def test_a_transaction_that_is_cut_is_not_run(self):
        replica, client = self.follow()
        self.told.greet()
        self.told.run(("SELECT", "3"), ("SET", "a", "1"))
        offset = self.told.offset
        self.told.send(encoded(("MULTI",)) + encoded(("SET", "a", "2")))
        time.sleep(0.3)
        self.told.hang_up()
        self.told.accept(b"+CONTINUE " + b"b" * 40 + b"\r\n")
        self.assertEqual(self.told.asked[-1], ["PSYNC", "a" * 40, str(offset + 1)])
        self.assertEqual(replica.client(db=3).get("a"), "1")
        self.told.run(("MULTI",), ("SET", "a", "3"), ("EXEC",))
        self.assertEqual(replica.client(db=3).get("a"), "3")
        self.assertEqual(client.info("replication")["master_replid"], "b" * 40)

    def test_what_cannot_be_taken_over_is_told(self):
        replica, client = self.follow("--databases", "2")
        for data, reason in [
            (b"REDIS0003\xfe\x02\x00\x01a\x01b\xff", "the primary uses database 2, but there are only 2 here"),
            (b"REDIS0099\xff", "of version 99"),
            (b"REDIS0003\x07\x01a", "something of type 7"),
            (b"REDIS0003\xf7\x00", "data of a module"),
            (b"VALKEY080\xff12345678", "wrong checksum"),
            (b"REDIS0003\x02\x01a\x02\x01x\x01x\xff", "refuses what the primary sends: ERR Bad data format"),
            (b"hello everybody", "what came is no RDB file"),
        ]:
            with self.subTest(reason):
                self.told.greet(data)
                self.on_log(replica, reason)
                self.told.hang_up()
                self.wait_until(lambda: client.role()[3] == "connect")
        self.told.greet()
        self.told.send(encoded(("NOSUCH",)) + encoded(("SET", "a", "1")))
        self.on_log(replica, "differs from it now: ERR unknown command 'NOSUCH'")
        self.wait_until(lambda: client.get("a") == "1")

    def test_a_silent_primary_is_given_up(self):
        replica, client = self.follow("--repl-timeout", "1")
        self.told.greet()
        self.wait_linked(replica)
        self.on_log(replica, "the primary is silent")
        self.assertEqual(client.ping(), True)

    def test_an_element_that_comes_late_is_taken_by_nobody(self):
        """The peer's own order of events: turned first, then the element."""
        replica = self.start(self.binary)
        waiting = Wire(replica)
        self.addCleanup(waiting.close)
        waiting.send(("BLPOP", "queue", "0"))
        self.wait_until(lambda: replica.client().info("clients")["blocked_clients"] == 1)
        replica.client().replicaof(self.told.host, self.told.port)
        self.told.greet()
        self.told.run(("RPUSH", "queue", "x"))
        self.assertRegex(waiting.reply(), "^-UNBLOCKED ")
        self.assertEqual(replica.client().lrange("queue", 0, -1), ["x"])
