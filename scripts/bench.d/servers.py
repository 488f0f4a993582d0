"""Starts and stops the servers that are measured.

Owns processes, core masks and what has to be installed or built first; must not know what is measured.
"""

import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 30
JEMALLOC_PLACES = ("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "/usr/lib/aarch64-linux-gnu/libjemalloc.so.2")


def build():
    """Builds the server and the load tool as they are shipped."""
    subprocess.run(["cargo", "build", "--release", "--bins", "--quiet"], cwd=ROOT, check=True)


def jemalloc():
    """The path of jemalloc, with which Valkey's own builds come; installed if missing and possible."""
    for attempt in range(2):
        found = [place for place in JEMALLOC_PLACES if os.path.exists(place)]
        if found:
            return found[0]
        if attempt == 0 and os.geteuid() == 0 and shutil.which("apt-get"):
            subprocess.run(["apt-get", "update", "-qq"], check=True)
            subprocess.run(["apt-get", "install", "-y", "-qq", "libjemalloc2"], check=True, stdout=subprocess.DEVNULL)
    raise SystemExit("bench: libjemalloc.so.2 is missing; install libjemalloc2: Valkey without it is no fair peer")


def raise_descriptor_limit():
    """Lets this process and its children open as many descriptors as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Kind:
    """What can be started: a name for the tables, the program and its arguments."""

    def __init__(self, name, program, arguments=(), environment=None):
        self.name = name
        self.program = str(program)
        self.arguments = list(arguments)
        self.environment = environment or {}


def valkey():
    """The peer with jemalloc."""
    program = subprocess.run([ROOT / "scripts/setup-peer"], check=True, capture_output=True, text=True).stdout.strip()
    return Kind("valkey", program, environment={"LD_PRELOAD": jemalloc()})


def corelane(shards=1, name="corelane", extra=(), pin_cores=False):
    """Corelane. The process's core mask is set from outside, so it does not choose cores itself unless asked."""
    arguments = ["--shards", str(shards), "--pin-cores", "yes" if pin_cores else "no", *extra]
    return Kind(name, ROOT / "target/release/corelane", arguments)


def timed(port):
    """Corelane that times its passes, and tells the longest on a page beside its own port."""
    return corelane(extra=["--metrics-port", str(port + 1)])


class Server:
    """A running server, pinned to cores; a context manager that ends exactly the process that it started."""

    def __init__(self, kind, port, cores, extra=()):
        self.kind = kind
        self.port = port
        self.cores = cores
        self.extra = list(extra)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="corelane-bench-")
        self.log = open(os.path.join(self.folder.name, "log"), "w+b")
        command = ["taskset", "-c", self.cores, self.kind.program, "--port", str(self.port), *self.kind.arguments]
        command += ["--save", "", "--appendonly", "no", "--dir", self.folder.name, *self.extra]
        environment = {**os.environ, **self.kind.environment}
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            self.wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def wait_until_it_answers(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if self.ask("PING"):
                    return
            except OSError:
                time.sleep(0.05)
        self.log.seek(0)
        raise SystemExit(f"bench: {self.kind.name} does not answer on port {self.port}:\n{self.log.read().decode()[-2000:]}")

    def ask(self, *arguments):
        """Sends one command on a connection of its own and returns the first bytes of the reply."""
        request = b"*%d\r\n" % len(arguments)
        for argument in arguments:
            text = str(argument).encode()
            request += b"$%d\r\n%s\r\n" % (len(text), text)
        with self.connect() as connection:
            connection.sendall(request)
            return connection.recv(65536)

    def connect(self):
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=120)

    def cpu_ns(self):
        """CPU time of all threads; exact for those that sleep."""
        threads = f"/proc/{self.pid}/task"
        return sum(int(Path(f"{threads}/{thread}/schedstat").read_text().split()[0]) for thread in os.listdir(threads))

    def longest_pass_us(self):
        """Computing time of the longest pass of a timed server's loops since this was last asked; None for others."""
        if "--metrics-port" not in self.kind.arguments:
            return None
        with socket.create_connection(("127.0.0.1", self.port + 1), timeout=120) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            page = b"".join(iter(lambda: connection.recv(65536), b""))
        lines = [line for line in page.decode().splitlines() if line.startswith("corelane_longest_pass_us{")]
        return max(int(line.split()[-1]) for line in lines)

    def resident_bytes(self):
        """Resident memory of the process."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise SystemExit(f"bench: {self.kind.name} has ended")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()
