"""Server CPU per execution of Lua scripts: a short one, and BullMQ's own as npm has them.

Owns the scripts' workloads and their limits; must not know how servers are started or results are printed.

BullMQ's requests are recorded from the package's own classes (bullmq_requests.js) and sent again, from as many queues as there are
connections: one job added after the other, then one completed after the other, where completing one takes up the next.
"""

import base64
import json
import os
import selectors
import socket
import subprocess
import time

import compare
import servers

MOVE = "return redis.call('lmove',KEYS[1],KEYS[2],'LEFT','RIGHT')"
QUEUE = b"bench00"
PIPELINE = 16
CONNECTIONS = 16
SECONDS_MAX = 600
TESTS = ["script_lmove:16", "bullmq_add:16", "bullmq_finish:16"]
compare.RATIO_MIN.update({test: 1.5 for test in TESTS})
END = b"$3\r\nend\r\n"


def encode(words):
    """One request."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def recorded(server):
    """What BullMQ sends, as scripts and words."""
    folder = servers.ROOT / "tests/frameworks/node"
    modules = subprocess.run([servers.ROOT / "scripts/node-env", "node", folder], check=True, capture_output=True, text=True)
    program = servers.ROOT / "scripts/bench.d/bullmq_requests.js"
    environment = {**os.environ, "NODE_PATH": modules.stdout.strip()}
    done = subprocess.run(["node", program, str(server.port), QUEUE.decode()], check=True, capture_output=True, env=environment)
    return {
        name: (entry["script"], [base64.b64decode(word) for word in entry["request"]])
        for name, entry in json.loads(done.stdout).items()
    }


def digest(server, script):
    """Loads a script and returns its name."""
    return server.ask("SCRIPT", "LOAD", script).split(b"\r\n")[1]


def cpu_seconds(pid):
    """What the threads of a process have run so far."""
    folder = f"/proc/{pid}/task"
    return sum(int(open(f"{folder}/{task}/schedstat").read().split()[0]) for task in os.listdir(folder)) / 1e9


def replay(server, batches_of):
    """Sends the batches of each connection, each batch when the one before is answered; returns CPU seconds and elapsed ones."""
    selector = selectors.DefaultSelector()
    for batches in batches_of:
        connection = socket.create_connection(("127.0.0.1", server.port))
        selector.register(connection, selectors.EVENT_READ, [iter(batches), b""])
    before, began = cpu_seconds(server.pid), time.monotonic()
    for key in list(selector.get_map().values()):
        key.fileobj.sendall(next(key.data[0]))
    while selector.get_map():
        for key, _ in selector.select(SECONDS_MAX):
            key.data[1] = received = key.data[1][-32:] + key.fileobj.recv(1 << 18)
            if b"\r\n-" in received or received.startswith(b"-"):
                raise SystemExit(f"bench: {server.kind.name}: {received[:300]}")
            if not received.endswith(END):
                continue
            key.data[1], batch = b"", next(key.data[0], None)
            if batch is None:
                selector.unregister(key.fileobj)
                key.fileobj.close()
            else:
                key.fileobj.sendall(batch)
    return cpu_seconds(server.pid) - before, time.monotonic() - began


def batches(requests):
    """Requests in groups of the pipeline's depth, each group with its end."""
    end = encode([b"ECHO", b"end"])
    return [b"".join(requests[at : at + PIPELINE]) + end for at in range(0, len(requests), PIPELINE)]


def result(costs, count):
    cpu, elapsed = costs
    return {"server_cpu_us_per_op": cpu * 1e6 / count, "server_cores": cpu / elapsed}


def short_script(server, count):
    """A list's elements to another list and back."""
    sha = digest(server, MOVE)
    for queue in range(CONNECTIONS):
        server.ask("RPUSH", f"a{queue}", *["x" * 64] * PIPELINE)
    lists = [(b"a%d" % queue, b"b%d" % queue) for queue in range(CONNECTIONS)]
    there = lambda pair: encode([b"EVALSHA", sha, b"2", *pair])
    one = lambda pair: batches([there(pair)] * PIPELINE) + batches([there(pair[::-1])] * PIPELINE)
    rounds = count // CONNECTIONS // PIPELINE // 2
    return result(replay(server, [one(pair) * rounds for pair in lists]), rounds * CONNECTIONS * PIPELINE * 2)


def bullmq_scripts(server, count):
    """Adds `count` jobs to all queues together and completes them; returns both results."""
    sent = recorded(server)
    server.ask("FLUSHALL")
    named = lambda word, queue: word.replace(QUEUE, b"bench%02d" % queue)
    words = {name: [b"EVALSHA", digest(server, script), *request[1:]] for name, (script, request) in sent.items()}
    each = count // CONNECTIONS
    add = [batches([encode([named(word, queue) for word in words["add"]])] * each) for queue in range(CONNECTIONS)]
    added = result(replay(server, add), each * CONNECTIONS)
    take = [batches([encode([named(word, queue) for word in words["take"]])]) for queue in range(CONNECTIONS)]
    replay(server, take)
    number = words["finish"][3 + 14]
    finish = []
    for queue in range(CONNECTIONS):
        template = [named(word, queue) for word in words["finish"]]
        template[3 + 11] = template[3 + 11].removesuffix(number)
        key, rest = template[3 + 11], (template[: 3 + 11], template[3 + 12 : 3 + 14], template[3 + 15 :])
        request = lambda job: encode([*rest[0], key + job, *rest[1], job, *rest[2]])
        finish.append(batches([request(b"%d" % job) for job in range(1, each)]))
    return added, result(replay(server, finish), (each - 1) * CONNECTIONS)


def measure(options):
    """A function that measures one test, for compare.alternate; BullMQ's two come from one run."""
    finished = {}

    def one(server, _, test):
        if test == "script_lmove:16":
            short_script(server, options.executions // 4)
            return short_script(server, options.executions * 4)
        if test == "bullmq_finish:16":
            return finished.pop(server.pid)
        added, finished[server.pid] = bullmq_scripts(server, options.executions)
        return added

    return one


def lua(options):
    """The comparison."""
    kinds = [(kind, options.server_core) for kind in options.chosen(servers.valkey, servers.corelane)]
    options.connections = CONNECTIONS
    compare.report(options, TESTS, compare.alternate(options, kinds, TESTS, measure(options)))
