"""Producers, consumers and chaos: nothing may be lost, stranded, or done twice without a redelivery.

    scripts/soak [--binary PATH] [--shards N] [--seconds S] [--seed N]

Producers fill lists, streams and a queue of BullMQ; consumers take by BLMOVE, by a consumer group, and as workers of
BullMQ. All the while processes are killed and started anew, and connections cut. Everybody writes down what it does:
what was to be sent, what the server has acknowledged, what was processed, and whether it came as a redelivery.
"""

import argparse
import collections
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.abspath(os.path.join(HERE, "..", ".."))
sys.path[:0] = [HERE, os.path.join(REPOSITORY, "scripts", "demo.d")]

from books import Books, kinds_of_line  # noqa: E402  (found through the path set above)
from server import Server, end_group  # noqa: E402

STANDSTILL_SECONDS = 120
PRODUCERS = ["list", "list", "stream", "stream", "bullmq"]
CONSUMERS = ["list"] * 4 + ["stream"] * 4 + ["bullmq"] * 3


class Crew:
    """The processes of the soak; any of them can be killed, and is started anew."""

    def __init__(self, server, folder, packages):
        self.server = server
        self.folder = folder
        self.environment = {
            **os.environ, "LEDGERS": folder, "SERVER_PORT": str(server.port), "NODE_PATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
        self.members = []
        self.started = 0

    def start(self, part, kind, name):
        """Starts a producer or consumer. A stable name lets it find what it had taken before it was killed."""
        self.started += 1
        if kind == "bullmq":
            command = ["node", os.path.join(HERE, "bullmq.js"), part, f"{part[0]}{self.started}"]
        else:
            command = [sys.executable, os.path.join(HERE, "roles.py"), part, kind, name, str(self.started)]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        self.members.append((process, part, kind, name))

    def start_all(self):
        for part, kinds in (("produce", PRODUCERS), ("consume", CONSUMERS)):
            for number, kind in enumerate(kinds):
                self.start(part, kind, f"{kind}-{number}")

    def replace(self, dice):
        """Kills one process, as a power cut would, and starts it again."""
        process, part, kind, name = self.members.pop(dice.randrange(len(self.members)))
        end_group(process, 0)
        self.start(part, kind, name)

    def end(self, part=None):
        """Ends all processes, or those of one part, orderly."""
        chosen = [member for member in self.members if part in (None, member[1])]
        self.members = [member for member in self.members if member not in chosen]
        for process, *_ in chosen:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process, *_ in chosen:
            end_group(process, 20)

    def ended(self):
        """Those that have ended although nobody asked them to."""
        return [member[1:] for member in self.members if member[0].poll() is not None]


def disturb(crew, client, seconds, dice):
    """Kills and cuts for so long; returns how often."""
    done = collections.Counter()
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, dice.uniform(0.05, 0.5)))
        if ended := crew.ended():
            raise SystemExit(f"soak: these ended by themselves: {ended}")
        if dice.random() < 0.3:
            crew.replace(dice)
            done["processes killed"] += 1
            continue
        others = [other["id"] for other in client.client_list() if other["id"] != str(client.client_id())]
        if others:
            done["connections cut"] += client.client_kill_filter(_id=dice.choice(others))
    return done


def left_over(client):
    """What is still to be processed, by name."""
    left = {key: client.llen(key) for key in client.scan_iter("soak:list:*", count=1000)}
    for key in client.scan_iter("soak:stream:*", count=1000):
        for group in client.xinfo_groups(key):
            left[f"{key} pending"] = group["pending"]
            left[f"{key} behind"] = group["lag"] or 0
    for state, size in {"wait": client.llen, "active": client.llen, "delayed": client.zcard, "failed": client.zcard}.items():
        left[f"bullmq {state}"] = size(f"bull:soak:{state}")
    return {name: count for name, count in left.items() if count}


def drain(crew, client):
    """Lets the consumers finish; returns what is left when none of them has done anything for long."""
    crew.end("produce")
    seen, deadline = None, 0
    while left := left_over(client):
        if left != seen:
            seen, deadline = left, time.monotonic() + STANDSTILL_SECONDS
        if time.monotonic() > deadline:
            return left
        time.sleep(0.2)
    return {}


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    packages = subprocess.run(
        [os.path.join(REPOSITORY, "scripts", "node-env"), "node", os.path.join(REPOSITORY, "tests", "frameworks", "node")],
        stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    print(f"{options.shards} shards, {options.seconds:g} s, seed {options.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="corelane-soak-")
    server = Server(options.binary, options.shards)
    crew = Crew(server, folder, packages)
    try:
        client = server.client(retry=None, socket_timeout=120)
        crew.start_all()
        done = disturb(crew, client, options.seconds, random.Random(options.seed))
        left = drain(crew, client)
        crew.end()
        faults = [f"stranded: {name}: {count}" for name, count in left.items()]
        if not server.alive():
            faults.append(f"the server has ended:\n{server.log_tail(60)}")
    finally:
        crew.end()
        status = server.stop()
    print(", ".join(f"{count} {what}" for what, count in sorted(done.items())))
    for kind in kinds_of_line():
        books = Books(folder, kind)
        print(f"{kind}: {books.summary()}")
        faults += books.faults()
    if status != 0:
        faults.append(f"the server ended with status {status}")
    for fault in faults:
        print(f"FAIL {fault}")
    if faults:
        print(f"what everybody wrote is in {folder}")
        return 1
    shutil.rmtree(folder)
    print("nothing lost, nothing stranded, nothing done twice without a redelivery")
    return 0


if __name__ == "__main__":
    sys.exit(main())
