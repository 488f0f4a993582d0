"""What KEDA's scalers ask of a server, in their words: the stream scaler by lag, by pending entries and by length, the list scaler by its script."""

from harness import ServerTest
from wire import Wire

# The list scaler asks for the length of a list, whatever stands in its place.
LENGTH = """
local listName = KEYS[1]
local listType = redis.call('type', listName).ok
local cmd = {zset = 'zcard', set = 'scard', list = 'llen', hash = 'hlen', none = 'llen'}
return redis.call(cmd[listType], listName)
"""


class Keda(ServerTest):
    """The numbers by which workers are added and removed."""

    def lag(self, stream, group):
        """As the stream scaler finds it: by the server's version and the fields `name` and `lag`."""
        version = self.client.execute_command("INFO", "server")["redis_version"]
        self.assertGreaterEqual(int(str(version).split(".")[0]), 7)
        groups = self.client.execute_command("XINFO", "GROUPS", stream)
        lags = {each["name"]: each["lag"] for each in groups}
        return lags[group]

    def test_lag_is_what_is_left_to_deliver(self):
        for number in range(1, 101):
            self.client.xadd("jobs", {"n": number}, id=f"{number}-0")
        self.client.xgroup_create("jobs", "workers", id="0")
        self.assertEqual(self.lag("jobs", "workers"), 100)
        self.client.xreadgroup("workers", "w", {"jobs": ">"}, count=40)
        self.assertEqual(self.lag("jobs", "workers"), 60)
        self.client.xdel("jobs", "10-0", "50-0", "60-0")
        self.assertEqual(self.lag("jobs", "workers"), 58)
        self.client.xtrim("jobs", minid="71-0", approximate=False)
        self.assertEqual(self.lag("jobs", "workers"), 30)
        self.client.xgroup_setid("jobs", "workers", "90-0")
        self.assertEqual(self.lag("jobs", "workers"), 10)
        self.client.execute_command("XGROUP", "SETID", "jobs", "workers", "80-0", "ENTRIESREAD", "500")
        self.assertEqual(self.lag("jobs", "workers"), 20)
        self.client.xreadgroup("workers", "w", {"jobs": ">"})
        self.assertEqual(self.lag("jobs", "workers"), 0)

    def test_pending_entries_and_length(self):
        self.client.xgroup_create("jobs", "workers", mkstream=True)
        for _ in range(5):
            self.client.xadd("jobs", {"f": "v"})
        self.client.xreadgroup("workers", "w", {"jobs": ">"}, count=3)
        self.assertEqual(self.client.xpending("jobs", "workers")["pending"], 3)
        self.assertEqual(self.client.xlen("jobs"), 5)

    def test_a_stream_that_is_not_there_yet(self):
        wire = Wire(self.server)
        self.addCleanup(wire.close)
        self.assertEqual(wire.call("XINFO", "GROUPS", "none"), "-ERR no such key")

    def test_the_length_of_a_list_in_one_script(self):
        self.assertEqual(self.client.eval(LENGTH, 1, "queue"), 0)
        self.client.rpush("queue", "a", "b", "c")
        self.assertEqual(self.client.eval(LENGTH, 1, "queue"), 3)
        self.client.zadd("scores", {"a": 1, "b": 2})
        self.assertEqual(self.client.eval(LENGTH, 1, "scores"), 2)
        self.client.hset("fields", mapping={"a": 1})
        self.assertEqual(self.client.eval(LENGTH, 1, "fields"), 1)
