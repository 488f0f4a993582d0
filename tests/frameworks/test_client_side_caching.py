"""Client-side caching as clients do it: redis-py's cache, which never asks twice for what has not changed."""

from unittest import mock

import redis
from redis.cache import CacheConfig
from redis.connection import CacheProxyConnection

from harness import ServerTest


class ClientSideCaching(ServerTest):
    """redis-py with RESP3 and a cache of its own."""

    def setUp(self):
        super().setUp()
        # It offers its cache only to servers of this name, and of a version that Valkey's exceeds.
        patched = mock.patch.object(CacheProxyConnection, "DEFAULT_SERVER_NAME", "valkey")
        patched.start()
        self.addCleanup(patched.stop)
        self.cached = self.connect(protocol=3, cache_config=CacheConfig())
        self.writer = self.connect()

    def lookups(self):
        """How many keys the server has been asked for by reading commands."""
        stats = self.writer.info("stats")
        return stats["keyspace_hits"] + stats["keyspace_misses"]

    def test_what_has_not_changed_is_not_asked_again(self):
        for number in range(20):
            self.writer.set(f"k{number}", number)
        for number in range(20):
            self.assertEqual(self.cached.get(f"k{number}"), str(number))
        before = self.lookups()
        for _ in range(3):
            for number in range(20):
                self.assertEqual(self.cached.get(f"k{number}"), str(number))
        self.assertEqual(self.lookups(), before)
        self.assertEqual(self.writer.info("stats")["tracking_total_keys"], 20)

    def test_what_changes_is_asked_again(self):
        for number in range(50):
            key = f"k{number % 7}"
            self.writer.set(key, number)
            self.wait_until(lambda: self.cached.get(key) == str(number))

    def test_every_way_to_change_a_key(self):
        changes = [
            lambda: self.writer.append("{k}s", "x"),
            lambda: self.writer.expire("{k}s", 100),
            lambda: self.writer.rename("{k}s", "{k}t"),
            lambda: self.writer.rename("{k}t", "{k}s"),
            lambda: self.writer.eval("redis.call('SET', KEYS[1], 'scripted')", 1, "{k}s"),
            lambda: self.writer.pipeline(transaction=True).set("{k}s", "1").set("far", "2").execute(),
            lambda: self.writer.set("{k}s", "short", px=50),
            lambda: self.writer.flushall(),
        ]
        self.writer.set("{k}s", "v")
        for change in changes:
            self.cached.get("{k}s")
            change()
            self.wait_until(lambda: self.cached.get("{k}s") == self.writer.get("{k}s"))
        self.wait_until(lambda: self.cached.get("{k}s") is None)

    def test_own_changes(self):
        for number in range(20):
            self.cached.set("own", number)
            self.assertEqual(self.cached.get("own"), str(number))

    def test_several_clients_with_caches_of_their_own(self):
        caches = [self.connect(protocol=3, cache_config=CacheConfig()) for _ in range(3)]
        for number in range(50):
            self.writer.set("shared", number)
            for cached in caches:
                self.wait_until(lambda: cached.get("shared") == str(number))


class RedirectedInvalidations(ServerTest):
    """As clients of RESP2 do it: a second connection hears what the first does not hold any more."""

    def test_a_subscriber_hears_for_another_client(self):
        listener = self.connect(protocol=2)
        pubsub = listener.pubsub()
        pubsub.subscribe("__redis__:invalidate")
        self.assertEqual(pubsub.get_message(timeout=10)["type"], "subscribe")
        number = next(each["id"] for each in self.client.client_list() if each["cmd"] == "subscribe")
        reader = redis.Redis(connection_pool=redis.ConnectionPool(max_connections=1, **listener.connection_pool.connection_kwargs))
        self.addCleanup(reader.close)
        self.assertTrue(reader.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", number))
        for turn in range(20):
            key = f"k{turn}"
            self.assertIsNone(reader.get(key))
            self.client.set(key, turn)
            message = pubsub.get_message(timeout=10)
            self.assertEqual((message["channel"], message["data"]), ("__redis__:invalidate", [key]))
        self.client.flushall()
        self.assertIsNone(pubsub.get_message(timeout=10)["data"])
