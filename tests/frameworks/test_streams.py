"""Streams of a flight and their groups, and what readers over several shards wait for beyond what Valkey has."""

import threading

from harness import ServerTest
from wire import Wire

FLIGHTS = [f"flight:{number}" for number in range(8)]
PASSENGERS = 60


class Service(ServerTest):
    """Two groups serve each flight: every passenger gets a meal and every seat is cleaned, whoever crashes."""

    def test_no_passenger_is_lost_when_a_consumer_crashes(self):
        for flight in FLIGHTS:
            for group in ("meals", "cleaning"):
                self.client.xgroup_create(flight, group, id="0", mkstream=True)
        self.crash()
        served = {"meals": [], "cleaning": []}
        workers = [
            threading.Thread(target=self.work, args=(group, f"{group}-{number}", served[group]), daemon=True)
            for group in served
            for number in range(2)
        ]
        for worker in workers:
            worker.start()
        producer = self.connect()
        for seat in range(1, PASSENGERS):
            for flight in FLIGHTS:
                producer.xadd(flight, {"flight": flight, "seat": seat})
        everybody = sorted((flight, str(seat)) for flight in FLIGHTS for seat in range(PASSENGERS))
        for group, done in served.items():
            self.wait_until(lambda: len(done) >= len(everybody), seconds=60, message=f"{group}: {len(done)} served")
            self.assertEqual(sorted(done), everybody)
        for worker in workers:
            worker.join(10)
        for flight in FLIGHTS:
            for info in self.client.xinfo_groups(flight):
                self.assertEqual((info["pending"], info["lag"]), (0, 0), flight)

    def crash(self):
        """A consumer of each group takes the first passenger of each flight and is not heard of again."""
        for flight in FLIGHTS:
            self.client.xadd(flight, {"flight": flight, "seat": 0})
        for group in ("meals", "cleaning"):
            dying = self.server.client()
            taken = dying.xreadgroup(group, "crashed", dict.fromkeys(FLIGHTS, ">"))
            self.assertEqual(len(taken), len(FLIGHTS))
            dying.close()
        for flight in FLIGHTS:
            self.assertEqual(self.client.xpending(flight, "meals")["consumers"], [{"name": "crashed", "pending": 1}])

    def work(self, group, name, done):
        """Serves until everybody is served; takes over what has been pending for somebody else."""
        client = self.server.client()
        while len(done) < len(FLIGHTS) * PASSENGERS:
            got = client.xreadgroup(group, name, dict.fromkeys(FLIGHTS, ">"), count=7, block=50)
            for flight, entries in got:
                self.serve(client, flight, group, entries, done)
            for flight in FLIGHTS:
                idle = client.xpending_range(flight, group, "-", "+", 10, consumername="crashed")
                if idle:
                    ids = [each["message_id"] for each in idle]
                    self.serve(client, flight, group, client.xclaim(flight, group, name, 10, ids), done)
        client.close()

    @staticmethod
    def serve(client, flight, group, entries, done):
        for entry, fields in entries:
            # Whoever acknowledges has served: a claim by two at a time is decided here.
            if client.xack(flight, group, entry):
                done.append((fields["flight"], fields["seat"]))


class Claiming(ServerTest):
    """XREADGROUP CLAIM that waits, over streams of all shards."""

    def setUp(self):
        super().setUp()
        for flight in FLIGHTS:
            self.client.xgroup_create(flight, "g", mkstream=True)

    def wire(self):
        wire = Wire(self.server)
        self.addCleanup(wire.close)
        return wire

    def read(self, wire, consumer, claim_ms, count=10):
        news = [">"] * len(FLIGHTS)
        wire.send(("XREADGROUP", "GROUP", "g", consumer, "COUNT", count, "BLOCK", 0, "CLAIM", claim_ms, "STREAMS", *FLIGHTS, *news))

    def test_what_becomes_idle_wakes_a_reader(self):
        self.client.xadd("flight:5", {"f": "v"}, id="1-1")
        self.client.xreadgroup("g", "crashed", {"flight:5": ">"})
        wire = self.wire()
        self.read(wire, "heir", 200)
        [[flight, [[entry, fields, idle_ms, deliveries]]]] = wire.reply()
        self.assertEqual((flight, entry, fields, deliveries), ("flight:5", "1-1", ["f", "v"], 1))
        self.assertGreaterEqual(idle_ms, 200)
        self.assertEqual(self.client.xpending("flight:5", "g")["consumers"], [{"name": "heir", "pending": 1}])

    def test_what_is_added_wakes_a_reader(self):
        wire = self.wire()
        self.read(wire, "c", 100000)
        self.wait_blocked(1)
        self.client.xadd("flight:3", {"f": "v"}, id="1-1")
        self.assertEqual(wire.reply(), [["flight:3", [["1-1", ["f", "v"], 0, 0]]]])

    def test_what_is_released_wakes_a_reader(self):
        self.client.xadd("flight:6", {"f": "v"}, id="1-1")
        self.client.xreadgroup("g", "one", {"flight:6": ">"})
        wire = self.wire()
        self.read(wire, "two", 100000)
        self.wait_blocked(1)
        self.assertEqual(self.client.execute_command("XNACK", "flight:6", "g", "SILENT", "IDS", 1, "1-1"), 1)
        self.assertEqual(wire.reply(), [["flight:6", [["1-1", ["f", "v"], -1, 0]]]])

    def test_readers_get_what_is_idle_one_after_the_other(self):
        self.client.xadd("flight:1", {"f": "v"}, id="1-1")
        self.client.xreadgroup("g", "crashed", {"flight:1": ">"})
        readers = [self.wire(), self.wire()]
        for number, reader in enumerate(readers):
            self.read(reader, f"reader-{number}", 300)
        deliveries = []
        for reader in readers:
            [[flight, [[entry, _, idle_ms, count]]]] = reader.reply()
            self.assertEqual((flight, entry), ("flight:1", "1-1"))
            self.assertGreaterEqual(idle_ms, 300)
            deliveries.append(count)
        self.assertEqual(sorted(deliveries), [1, 2])

    def test_a_reader_hears_that_one_of_its_groups_is_gone(self):
        wire = self.wire()
        self.read(wire, "c", 100000)
        self.wait_blocked(1)
        self.client.delete("flight:2")
        self.assertIn("NOGROUP", wire.reply())

    def test_in_transactions_and_scripts_nobody_waits(self):
        self.client.xadd("flight:1", {"f": "v"}, id="1-1")
        self.client.xreadgroup("g", "one", {"flight:1": ">"})
        command = ("XREADGROUP", "GROUP", "g", "two", "BLOCK", 0, "CLAIM", 0, "STREAMS", "flight:1", ">")
        wire = self.wire()
        wire.send(("MULTI",), command, command, ("XREADGROUP", "GROUP", "g", "two", "BLOCK", 0, "CLAIM", 9999999, "STREAMS", "flight:1", ">"), ("EXEC",))
        self.assertEqual([wire.reply() for _ in range(4)], ["OK", "QUEUED", "QUEUED", "QUEUED"])
        once, twice, nothing = wire.reply()
        self.assertEqual([once[0][1][0][3], twice[0][1][0][3], nothing], [1, 2, None])
        words = "".join(f", '{word}'" for word in command[1:])
        wire.send(("EVAL", f"return redis.call('XREADGROUP'{words})", 1, "flight:1"))
        self.assertEqual(wire.reply()[0][1][0][3], 3)


class SettingBack(ServerTest):
    """A group that is set back has entries to deliver again."""

    def test_who_waits_is_served_at_once(self):
        self.client.xadd("s", {"f": "v"}, id="1-1")
        self.client.xgroup_create("s", "g", id="$")
        wire = Wire(self.server)
        self.addCleanup(wire.close)
        wire.send(("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">"))
        self.wait_blocked(1)
        self.client.xgroup_setid("s", "g", "0")
        self.assertEqual(wire.reply(), [["s", [["1-1", ["f", "v"]]]]])
