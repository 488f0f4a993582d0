"""A proxy that makes one mistake, and the test that the harness finds it.

A comparison that cannot fail proves nothing: each fault here is a bug that a
server might have, put between the harness and a healthy reference server.
"""

import selectors
import socket
import threading
import time
from dataclasses import dataclass

import random_suite
import scenario
import script_files
import wire


@dataclass(frozen=True)
class Fault:
    """A replacement in what the client sends or in what it receives."""

    name: str
    suite: str
    request: tuple = (b"", b"")
    reply: tuple = (b"", b"")
    closes_at: bytes = b""


FAULTS = [
    Fault("integer off by one", "random", reply=(b"\r\n:3\r\n", b"\r\n:4\r\n")),
    Fault("error text", "random", reply=(b"holding the wrong kind", b"Holding the wrong kind")),
    Fault("wrong kind of null", "random", reply=(b"*-1\r\n", b"$-1\r\n")),
    Fault("pushes at the wrong end", "random", request=(b"RPUSH\r\n", b"LPUSH\r\n")),
    Fault("a time to live in the wrong unit", "random", request=(b"\r\nEX\r\n", b"\r\nPX\r\n")),
    Fault("lost option", "random", request=(b"\r\nCH\r\n", b"\r\nXX\r\n")),
    Fault("closes at a command", "random", closes_at=b"\r\nLRANGE\r\n"),
    Fault("wrong encoding", "random", reply=(b"listpack", b"quickpac")),
    Fault("blocked pop takes the other end", "blocking", request=(b"BLPOP\r\n", b"BRPOP\r\n")),
    Fault("lost wake-up", "blocking", request=(b"RPUSH\r\n$1\r\nk\r\n", b"RPUSH\r\n$1\r\nj\r\n")),
    Fault("watch without effect", "sessions", request=(b"$5\r\nWATCH\r\n", b"$5\r\nTOUCH\r\n")),
    Fault("message to nobody", "sessions", request=(b"PUBLISH\r\n$1\r\na\r\n", b"PUBLISH\r\n$1\r\nA\r\n")),
    Fault("protocol error text", "wire", reply=(b"Protocol error", b"protocol error")),
    Fault("keeps a broken connection", "wire", request=(b"*1\r\n:4\r\n", b"*1\r\n$4\r\nPING\r\n")),
]


class Proxy:
    """Forwards to a server on a port of its own, with one fault."""

    is_proxy = True

    def __init__(self, server, fault):
        self.name = f"proxy to {server.name}"
        self.fault = fault
        self.upstream_port = server.port
        self.shards = server.shards
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.stopping = False
        self.peers = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self):
        """Ends the proxy's thread and closes its sockets."""
        self.stopping = True
        self.thread.join()
        for sock in [self.listener, *self.peers]:
            sock.close()

    def alive(self):
        return True

    def _serve(self):
        while not self.stopping:
            for key, _ in self.selector.select(timeout=0.05):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj in self.peers:
                    self._forward(key.fileobj)

    def _accept(self):
        client, _ = self.listener.accept()
        upstream = socket.create_connection(("127.0.0.1", self.upstream_port))
        for sock in (client, upstream):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(sock, selectors.EVENT_READ)
        self.peers[client] = (upstream, self.fault.request, True)
        self.peers[upstream] = (client, self.fault.reply, False)

    def _forward(self, sock):
        other, (old, new), from_client = self.peers[sock]
        try:
            data = sock.recv(1 << 20)
            broken = from_client and self.fault.closes_at and self.fault.closes_at in data
            if data and not broken:
                other.sendall(data.replace(old, new) if old else data)
                return
        except OSError:
            pass
        for each in (sock, other):
            if each in self.peers:
                del self.peers[each]
                self.selector.unregister(each)
                each.close()


def self_test(reference, healthy, options):
    """Whether every fault is found and no fault finds nothing; prints a line each."""
    passed, failures = 0, []
    for fault in [Fault("none", suite) for suite in SUITES] + FAULTS:
        started = time.monotonic()
        proxy = Proxy(healthy, fault)
        try:
            _, found = SUITES[fault.suite](reference, proxy, options)
        finally:
            proxy.stop()
        right = bool(found) == (fault.name != "none")
        passed += right
        if not right:
            failures.append(("self-test", fault.name, fault.suite))
        print(f"{'ok ' if right else 'BAD'} {fault.suite}: {fault.name}: {len(found)} found, {time.monotonic() - started:.1f} s", flush=True)
    return passed, failures


def _quiet(_):
    pass


def _random(reference, proxy, options):
    return random_suite.RandomSuite(reference, [proxy], 2, options, _quiet).run()


def _scripts(scripts):
    return lambda reference, proxy, options: scenario.run(scripts, reference, [proxy], 2, _quiet)


SUITES = {
    "random": _random,
    "blocking": _scripts(script_files.load(script_files.BLOCKING)),
    "sessions": _scripts({name: script_files.load(script_files.SESSIONS)[name] for name in ("watch", "pubsub")}),
    "wire": lambda reference, proxy, options: wire.run(reference, [proxy], 2, 1, _quiet),
}
