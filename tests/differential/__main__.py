"""Differential test of Corelane against a reference server.

Starts the servers, runs the suites, prints every unexplained difference with
the shortest command list that shows it, and ends with `N passed, M failed`.
"""

import argparse
import multiprocessing
import os
import sys
import traceback

import blocking
import busy_suite
import fault
import intended
import lua_suite
import payload_suite
import scenario
import script_files
import servers
import state
import transacting
import wire
from events import EventSuite
from invalidations import InvalidationSuite
from random_suite import RandomSuite
from recovery_suite import RecoverySuite
from resp import Closed, Silent

DEFAULT_PORT = 21110
# Ports of one worker lie together, workers this far apart.
PORTS_A_WORKER = 10
# Which of them the suite of recovery uses.
RECOVERY_PORT = 8


def options_of(argv):
    """The command line."""
    parser = argparse.ArgumentParser(prog="differential", description=__doc__)
    parser.add_argument("--corelane", default="valkey", help="server under test, or `valkey` to compare the reference with itself")
    parser.add_argument("--valkey", required=True, help="reference server")
    parser.add_argument("--shards", default="1,2,4", help="shard counts, comma separated")
    parser.add_argument("--resp", default="2,3", help="protocol versions, comma separated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=int, default=50_000, help="random commands sent to each server and protocol")
    parser.add_argument("--seconds", type=float, default=86_400, help="stop random sequences after this time")
    parser.add_argument("--group", default="", help="session kinds, comma separated")
    parser.add_argument("--skip", default="", help="commands not to send, comma separated")
    parser.add_argument("--suite", default="random,wire,sessions,blocking,transacting,events,invalidations,payloads,notifications,tracking,scripting,lua,busy,recovery", help="what to run, comma separated")
    parser.add_argument("--scripts", type=int, default=30, help="generated blocking scripts")
    parser.add_argument("--self-test", action="store_true", help="check that the harness finds planted faults")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="first of some twenty ports")
    options = parser.parse_args(argv)
    # Servers run in directories of their own.
    options.valkey = os.path.abspath(options.valkey)
    if options.corelane != "valkey":
        options.corelane = os.path.abspath(options.corelane)
    for name, kind in (("shards", int), ("resp", int), ("group", str), ("skip", str), ("suite", str)):
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


def say(text):
    print(text, flush=True)


def event_options(options):
    """Listening is slower, and much of it repeats: a tenth of the commands."""
    fewer = argparse.Namespace(**vars(options))
    fewer.commands = options.commands // 10
    return fewer


def run_suites(reference, others, resp_version, options):
    """All wanted suites of one protocol version; how much agreed, what failed."""
    random_suite = RandomSuite(reference, others, resp_version, options, say)
    available = random_suite.available
    state.FIELD_EXPIRY = "hpexpiretime" in available
    generated = {}
    for seed in range(options.seed, options.seed + options.scripts):
        generated[f"generated {seed}"] = blocking.generated(seed, wild=False)
        generated[f"generated {seed} {scenario.WILD}"] = blocking.generated(seed, wild=True)
    transacting_scripts = {f"transacting {seed}": transacting.generated(seed) for seed in range(options.seed, options.seed + options.scripts)}
    written = script_files.load(script_files.BLOCKING)
    suites = {
        "random": random_suite.run,
        "wire": lambda: wire.run(reference, others, resp_version, options.seed, say),
        "sessions": lambda: scenario.run(script_files.load(script_files.SESSIONS), reference, others, resp_version, say, available),
        "invalidations": InvalidationSuite(reference, others, resp_version, event_options(options), say).run,
        "events": EventSuite(reference, others, resp_version, event_options(options), say).run,
        "busy": lambda: busy_suite.run(reference, others, say),
        "lua": lambda: lua_suite.run(reference, others, resp_version, options, say),
        "recovery": RecoverySuite(random_suite, options, reference.port + RECOVERY_PORT, say).run,
        "payloads": lambda: payload_suite.run(reference, others, resp_version, options.seed, say),
        "transacting": lambda: scenario.run(transacting_scripts, reference, others, resp_version, say, available),
        "blocking": lambda: scenario.run({**written, **generated}, reference, others, resp_version, say, available),
    }
    for feature in script_files.FEATURES:
        scripts = script_files.load((feature,))
        suites[feature] = lambda scripts=scripts: scenario.run(scripts, reference, others, resp_version, say, available)
    compared, failures = 0, []
    for name in options.suite:
        try:
            count, found = suites[name]()
        except (OSError, Closed, Silent) as error:
            traceback.print_exc()
            count, found = 0, [(name, "broke off", repr(error))]
        say(f"RESP{resp_version} {name}: {count} agreed, {len(found)} failed")
        compared += count
        failures += found
    return compared, failures


def work(options, resp_version, first_port, results):
    """One protocol version's suites, in a process of its own."""
    started = []
    try:
        reference, others = start(options, first_port)
        started = [reference, *others]
        compared, failures = run_suites(reference, others, resp_version, options)
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
    if options.self_test:
        return self_test(options)
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


def self_test(options):
    """The harness against itself."""
    options.commands = min(options.commands, 20_000)
    reference = servers.start_valkey(options.valkey, options.port)
    healthy = servers.start_valkey(options.valkey, options.port + 1, "healthy")
    try:
        passed, failures = fault.self_test(reference, healthy, options)
    finally:
        reference.stop()
        healthy.stop()
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
