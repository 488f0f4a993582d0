"""Starts and stops the servers under comparison.

Each server gets its own empty working directory and a port of its own, and is
killed by its process id when the run ends, however it ends.
"""

import atexit
import os
import shutil
import subprocess
import tempfile
import time

from resp import Closed, Connection, Silent

START_TIMEOUT_S = 60.0


class Server:
    """A server process that this run owns."""

    is_proxy = False

    def __init__(self, name, argv, port, shards=1):
        self.name = name
        self.port = port
        self.shards = shards
        self.directory = tempfile.mkdtemp(prefix="differential-")
        self.log_path = os.path.join(self.directory, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                argv, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        atexit.register(self.stop)
        self._await_ready()

    def _await_ready(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} did not start:\n{self.log_tail()}")
            try:
                connection = Connection(self.port, timeout_s=1.0)
                connection.call("PING")
                connection.close()
                return
            except (OSError, Closed, Silent):
                pass
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not answer:\n{self.log_tail()}")

    def log_tail(self):
        """The end of what the server wrote."""
        with open(self.log_path, "rb") as log:
            return log.read()[-4000:].decode("latin-1")

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Ends the process and removes its directory; harmless when repeated."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def start_valkey(binary, port, name="valkey"):
    """The reference server, without persistence."""
    argv = [binary, "--port", str(port), "--save", "", "--appendonly", "no"]
    return Server(name, argv + COMMON, port)


def start_corelane(binary, port, shards):
    """The server under test with a number of shards."""
    argv = [binary, "--port", str(port), "--save", "", "--appendonly", "no"]
    return Server(f"corelane/{shards}", argv + COMMON + ["--shards", str(shards)], port, shards)


def start_logging(binary, port, shards, folder):
    """The server under test, with a log in a folder; every answer waits for the disk."""
    argv = [binary, "--port", str(port), "--dir", folder, "--appendonly", "yes", "--appendfsync", "always"]
    return Server(f"corelane/{shards} with a log", argv + COMMON + ["--shards", str(shards)], port, shards)


# Where a test needs what is off by default.
COMMON = ["--enable-debug-command", "local"]
