"""What the tests share: one server for all of them, an empty one for each."""

import contextlib
import functools
import os
import subprocess
import threading
import time
import unittest

from server import Server

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

_server = None
_binary = None
_shards = None
stop_status = None
# Whether tests that take long run too.
thorough = False
ONLY_LONG = "only with --long"


def long(test):
    """A test that runs only with --long."""
    return unittest.skipUnless(thorough, ONLY_LONG)(test)


@functools.cache
def peer():
    """The path of the peer's server program."""
    setup = os.path.join(REPOSITORY, "scripts", "setup-peer")
    return subprocess.run([setup], capture_output=True, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def serving(binary, shards):
    """Starts the server of the tests and ends it."""
    global _server, _binary, _shards, stop_status
    _binary, _shards = binary, shards
    _server = Server(binary, shards)
    try:
        yield _server
    finally:
        stop_status = _server.stop()
        _server = None


class ServerTest(unittest.TestCase):
    """A test with a server whose databases are empty."""

    def setUp(self):
        self.server = _server
        self.binary = _binary
        self.shards = _shards
        self.client = self.connect()
        self.client.flushall()

    def connect(self, **options):
        """A new client that ends with the test. What a slow machine answers late is not sent again."""
        options = {"socket_timeout": 120, "retry": None} | options
        client = self.server.client(**options)
        self.addCleanup(client.close)
        return client

    def start(self, binary, *directives, **options):
        """A server of the test's own, which ends with it."""
        server = Server(binary, self.shards, *directives, **options)
        self.addCleanup(server.stop)
        return server

    def in_background(self, function, *arguments):
        """Runs a function in a thread; returns a function that waits for its result."""
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(function(*arguments)), daemon=True)
        thread.start()

        def wait(seconds=60):
            thread.join(seconds)
            self.assertTrue(outcome, "the call did not return")
            return outcome[0]

        return wait

    def wait_until(self, holds, seconds=60, message="did not come true"):
        """Waits until a condition holds; returns what it gave. The message may be a function that tells."""
        deadline = time.monotonic() + seconds
        while not (value := holds()):
            if time.monotonic() > deadline:
                self.fail(message() if callable(message) else message)
            time.sleep(0.01)
        return value

    def wait_blocked(self, count):
        """Waits until so many clients are blocked."""
        self.wait_until(
            lambda: self.client.info("clients")["blocked_clients"] == count, message=f"{count} clients blocked"
        )
