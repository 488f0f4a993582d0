"""Blocking, waking and bad clients, seen from the wire; the defects of other servers are in test_where_peers_break.py."""

from harness import ServerTest
from wire import Wire, encoded

# Keys that land on different shards for any number of shards that is tested.
SPREAD = [f"queue:{number}" for number in range(16)]


class Queues(ServerTest):
    """Blocking, waking, transactions and slow readers, seen from the wire."""

    def wire(self):
        wire = Wire(self.server)
        self.addCleanup(wire.close)
        return wire

    def test_commands_after_a_blocking_command_wait_for_it(self):
        wire = self.wire()
        wire.send(("BLPOP", "empty", "0"), ("INCR", "after"), ("GET", "after"))
        self.wait_blocked(1)
        self.assertEqual(self.client.exists("after"), 0)
        self.client.rpush("empty", "x")
        self.assertEqual([wire.reply() for _ in range(3)], [["empty", "x"], 1, "1"])

    def test_a_client_that_left_gets_nothing(self):
        for key in SPREAD:
            wire = self.wire()
            wire.send(("BRPOP", *SPREAD, "0"))
            self.wait_blocked(1)
            wire.close()
            self.wait_blocked(0)
            self.client.lpush(key, "kept")
            self.assertEqual(self.client.rpop(key), "kept")

    def test_a_transaction_wakes_only_when_it_is_done(self):
        waiting = self.wire()
        waiting.send(("BLPOP", "a", "b", "10"))
        self.wait_blocked(1)
        with self.client.pipeline(transaction=True) as pipe:
            pipe.rpush("a", "1").delete("a").rpush("b", "2").rpush("c", "3").execute()
        self.assertEqual(waiting.reply(), ["b", "2"])
        self.assertEqual(self.client.exists("a", "b"), 0)

    def test_other_ways_of_getting_data_wake_too(self):
        for name, feed in {
            "RENAME": lambda: self.client.rpush("from", "x") and self.client.rename("from", "to"),
            "COPY": lambda: self.client.rpush("from", "x") and self.client.copy("from", "to", replace=True),
            "LMOVE": lambda: self.client.rpush("from", "x") and self.client.lmove("from", "to"),
            "MOVE": lambda: self.connect(db=1).rpush("to", "x") and self.connect(db=1).move("to", 0),
        }.items():
            with self.subTest(name):
                self.client.flushall()
                waiting = self.wire()
                waiting.send(("BLPOP", "to", "10"))
                self.wait_blocked(1)
                feed()
                self.assertEqual(waiting.reply(), ["to", "x"])

    def test_celery_workers_wait_cheaply_on_many_queues(self):
        keys = [f"{queue}{step}" for queue in ("celery", "mail", "slow") for step in ("", "\x06\x163", "\x06\x166")]
        workers = [self.wire() for _ in range(30)]
        for _ in range(20):
            for worker in workers:
                worker.send(("BRPOP", *keys, "0.01"))
            self.assertEqual([worker.reply() for worker in workers], [None] * 30)
        self.wait_blocked(0)

    def test_unblocking_by_hand(self):
        waiting = self.wire()
        number = waiting.call("CLIENT", "ID")
        waiting.send(("BLPOP", *SPREAD, "0"))
        self.wait_blocked(1)
        self.assertEqual(self.client.client_unblock(number), 1)
        self.assertIsNone(waiting.reply())
        waiting.send(("BLPOP", *SPREAD, "0"))
        self.wait_blocked(1)
        self.client.client_unblock(number, error=True)
        self.assertRegex(waiting.reply(), "^-UNBLOCKED ")


class BadClients(ServerTest):
    """What one client does wrong harms nobody else."""

    def test_half_a_command_and_garbage(self):
        wires = []
        for raw in [b"*2\r\n$3\r\nGET\r\n$100\r\nabc", b"\x00\xff" * 50, b"*1000000\r\n", b"GET", encoded(("GET", "a"))[:-1]]:
            wire = Wire(self.server)
            self.addCleanup(wire.close)
            wire.socket.sendall(raw)
            wires.append(wire)
        for number in range(100):
            self.client.set(f"fine{number}", number)
        self.assertEqual(self.client.dbsize(), 100)

    def test_a_client_that_never_reads(self):
        self.client.set("large", "x" * 100_000)
        deaf = Wire(self.server)
        self.addCleanup(deaf.close)
        deaf.socket.setblocking(False)
        request = encoded(("GET", "large")) * 50
        try:
            for _ in range(20):
                deaf.socket.send(request)
        except BlockingIOError:
            pass
        other = self.connect(socket_timeout=60)
        for number in range(200):
            other.set(f"fine{number}", number)

    def test_too_long_an_inline_request(self):
        wire = Wire(self.server)
        self.addCleanup(wire.close)
        wire.socket.sendall(b"x" * (70 * 1024))
        self.assertEqual(wire.reply(), "-ERR Protocol error: too big inline request")
        self.assertRaises(ConnectionError, wire.reply)
