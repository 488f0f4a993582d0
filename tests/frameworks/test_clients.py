"""Other clients of Python: valkey-py, and redis-py with each of its parsers."""

import redis
import valkey
from harness import ServerTest
from redis._parsers import _HiredisParser, _RESP2Parser, _RESP3Parser
from test_redis_py import RedisPyCalls


class ValkeyPy(RedisPyCalls):
    """valkey-py makes the same calls."""

    errors = valkey

    def connect(self, **options):
        if options.get("protocol") is None:
            return super().connect(**options)
        options.setdefault("decode_responses", True)
        client = valkey.Valkey(host=self.server.host, port=self.server.port, **options)
        self.addCleanup(client.close)
        return client


class ValkeyPyResp2(ValkeyPy, ServerTest):
    protocol = 2


class ValkeyPyResp3(ValkeyPy, ServerTest):
    protocol = 3


class Parsed(RedisPyCalls):
    """redis-py with a parser that is named, whatever is installed."""

    parser = None

    def connect(self, **options):
        options.setdefault("decode_responses", True)
        pool = redis.ConnectionPool(host=self.server.host, port=self.server.port, parser_class=self.parser, **options)
        client = redis.Redis(connection_pool=pool)
        self.addCleanup(pool.disconnect)
        return client


class HiredisResp2(Parsed, ServerTest):
    protocol = 2
    parser = _HiredisParser


class HiredisResp3(Parsed, ServerTest):
    protocol = 3
    parser = _HiredisParser


class PurePythonResp2(Parsed, ServerTest):
    protocol = 2
    parser = _RESP2Parser


class PurePythonResp3(Parsed, ServerTest):
    protocol = 3
    parser = _RESP3Parser
