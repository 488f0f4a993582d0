"""Starts a server for a demonstration or a test, and ends it for certain.

Works for any program that takes Valkey's command line, so a test can be tried against the peer too.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import redis

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 10


class Server:
    """A running server with a folder of its own."""

    def __init__(self, binary, shards, *directives, port=None):
        self.directory = tempfile.mkdtemp(prefix="corelane-")
        self.log = os.path.join(self.directory, "server.log")
        self.host = "127.0.0.1"
        self.port = port or free_port()
        command = [binary, "--port", str(self.port), "--dir", self.directory, "--save", "", *directives]
        if os.path.basename(binary) != "valkey-server":
            command += ["--shards", str(shards)]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    @property
    def address(self):
        """HOST:PORT, as command lines take it."""
        return f"{self.host}:{self.port}"

    def client(self, **options):
        """A new redis-py client; texts are decoded unless told otherwise."""
        options.setdefault("decode_responses", True)
        return redis.Redis(host=self.host, port=self.port, **options)

    def log_tail(self, lines=20):
        """The end of what the server has written."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def alive(self):
        """Whether the process still runs."""
        return self.process.poll() is None

    def stop(self):
        """Ends the server as an operator would, then by force; removes its folder. Returns the exit status."""
        end_group(self.process, STOP_SECONDS_MAX)
        shutil.rmtree(self.directory, ignore_errors=True)
        return self.process.returncode

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            if not self.alive():
                raise RuntimeError(f"the server ended with status {self.process.returncode}:\n{self.log_tail()}")
            with contextlib.suppress(redis.RedisError), contextlib.closing(self.client(socket_timeout=2)) as client:
                client.ping()
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server did not answer within {START_SECONDS_MAX} s:\n{self.log_tail()}")
            time.sleep(0.02)


def end_group(process, seconds_max):
    """Asks a process to end, waits, and kills what is left of its group."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds_max)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port():
    """A port that nobody listens on; none of those that the kernel gives to clients, which may take it before a server does."""
    while True:
        port = random.randrange(10_000, 27_000)
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
