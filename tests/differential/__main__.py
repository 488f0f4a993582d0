"""Differential test of Corelane against a reference server.

Starts the servers, runs the suites, prints every unexplained difference with
the shortest command list that shows it, and ends with `N passed, M failed`.
"""

import argparse
import multiprocessing
import sys
import traceback

import intended
import servers
from random_suite import RandomSuite

DEFAULT_PORT = 21110
# Ports of one worker lie together, workers this far apart.
PORTS_A_WORKER = 10


def options_of(argv):
    """The command line."""
    parser = argparse.ArgumentParser(prog="differential", description=__doc__)
    parser.add_argument("--corelane", required=True, help="server under test, or `valkey` to compare the reference with itself")
    parser.add_argument("--valkey", required=True, help="reference server")
    parser.add_argument("--shards", default="1,2,4", help="shard counts, comma separated")
    parser.add_argument("--resp", default="2,3", help="protocol versions, comma separated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=int, default=50_000, help="random commands sent to each server and protocol")
    parser.add_argument("--seconds", type=float, default=86_400, help="stop random sequences after this time")
    parser.add_argument("--group", default="", help="session kinds, comma separated")
    parser.add_argument("--skip", default="", help="commands not to send, comma separated")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="first of some twenty ports")
    options = parser.parse_args(argv)
    for name, kind in (("shards", int), ("resp", int), ("group", str), ("skip", str)):
        setattr(options, name, [kind(each) for each in getattr(options, name).split(",") if each])
    return options


def start(options, first_port):
    """The reference and the servers under test."""
    reference = servers.start_valkey(options.valkey, first_port)
    others = []
    for index, shards in enumerate(options.shards):
        port = first_port + 1 + index
        if options.corelane == "valkey":
            others.append(servers.start_valkey(options.valkey, port, f"valkey/{shards}"))
        else:
            others.append(servers.start_corelane(options.corelane, port, shards))
    return reference, others


def work(options, resp_version, first_port, results):
    """One protocol version's suites, in a process of its own."""
    started = []
    try:
        reference, others = start(options, first_port)
        started = [reference, *others]
        suite = RandomSuite(reference, others, resp_version, options, lambda text: print(text, flush=True))
        compared, failures = suite.run()
        for server in others:
            if not server.alive():
                print(f"{server.name} died:\n{server.log_tail()}", flush=True)
                failures.append(("died", server.name))
        results.put((compared, failures, dict(intended.USED)))
    except BaseException:
        traceback.print_exc()
        results.put((0, [("harness", resp_version)], {}))
    finally:
        for server in started:
            server.stop()


def main(argv):
    options = options_of(argv)
    results = multiprocessing.Queue()
    workers = []
    for index, resp_version in enumerate(options.resp):
        first_port = options.port + index * PORTS_A_WORKER
        worker = multiprocessing.Process(target=work, args=(options, resp_version, first_port, results))
        worker.start()
        workers.append(worker)
    passed = 0
    failures = set()
    used = {}
    for _ in workers:
        compared, found, intended_used = results.get()
        passed += compared
        failures.update(found)
        for name, count in intended_used.items():
            used[name] = used.get(name, 0) + count
    for worker in workers:
        worker.join()
    for name, count in sorted(used.items()):
        print(f"intended difference {name}: {count}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
