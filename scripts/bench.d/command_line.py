"""The command line of scripts/bench.

Owns the options and their defaults; must not know how anything is measured.
"""

import argparse
import os

import claims
import compare
import cost
import cross
import frameworks
import growth
import handoff
import idle
import load
import lua
import memory
import release
import servers
import shards


class Options(argparse.Namespace):
    """What the command line says, and what follows from it."""

    def chosen(self, *kinds):
        """The kinds of server that --only leaves."""
        return [kind() for kind in kinds if self.only in (None, kind.__name__)]


def parser_of(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--rounds", type=int, default=None, help="alternating rounds (7; growth 2, release 5)")
    shared.add_argument("--seconds", type=float, default=1.5, help="measured seconds of a test")
    shared.add_argument("--json", metavar="FILE", help="append one line of JSON per measurement")
    shared.add_argument("--port", type=int, default=21050)
    shared.add_argument("--no-build", action="store_true", help="use target/release as it is")
    shared.add_argument("--only", choices=["corelane", "valkey"], help="leave the other out")
    shared.add_argument("--server-core", default="0")
    shared.add_argument("--client-core", default="1")
    shared.add_argument("--keyspace", type=int, default=100_000)
    shared.add_argument("--connections", type=int, default=50)
    shared.add_argument("--value-bytes", type=int, default=64)
    add = lambda name: commands.add_parser(name, parents=[shared])
    add("compare").add_argument("tests", nargs="*", metavar="TEST:PIPELINE")
    add("types")
    add("lua").add_argument("--executions", type=int, default=100_000, help="of each script")
    add("shards")
    add("cross")
    pairs = add("handoff")
    pairs.add_argument("--rate", type=int, default=1000, help="elements pushed per second")
    pairs.add_argument("--spin", action="store_true", help="let the client poll, so that its own wake-up does not count")
    jobs = add("frameworks")
    jobs.add_argument("--filter", choices=list(frameworks.JOBS), help="only this framework")
    jobs.add_argument("--scale", type=float, default=1.0, help="how many jobs, as a part of the usual number")
    add("growth").add_argument("--keys", type=int, default=10_000_000)
    add("idle").add_argument("--idle-connections", type=int, default=10_000)
    lost = add("release")
    lost.add_argument("--items", type=int, default=release.ITEMS)
    lost.add_argument("--filter", help="only values of this type")
    lost.add_argument("--way", help="only ways whose name holds this text")
    add("claims")
    add("cost").add_argument("--sizes", default=cost.SIZES_DEFAULT, help="numbers of items, ascending")
    add("memory").add_argument("--filter", help="only data sets whose name holds this text")
    return parser


def main(description):
    """Carries the command out; returns the exit status."""
    options = parser_of(description).parse_args(namespace=Options())
    if not {int(options.server_core), int(options.client_core)} <= os.sched_getaffinity(0):
        raise SystemExit("bench: server and client each need a core of their own; see --server-core and --client-core")
    options.rounds = options.rounds or {"growth": 2, "release": 5}.get(options.command, 7)
    options.results = load.Results(options.json)
    if not options.no_build:
        servers.build()
    run = {
        "compare": lambda: compare.compare(options, options.tests or compare.CORE_TESTS),
        "types": lambda: compare.compare(options, compare.TYPE_TESTS),
        "lua": lambda: lua.lua(options),
        "shards": lambda: shards.shards(options),
        "cross": lambda: cross.cross(options),
        "handoff": lambda: handoff.handoff(options),
        "frameworks": lambda: frameworks.frameworks(options),
        "growth": lambda: growth.growth(options),
        "idle": lambda: idle.idle(options),
        "memory": lambda: memory.memory(options),
        "claims": lambda: claims.claims(options),
        "cost": lambda: cost.cost(options),
        "release": lambda: release.release(options),
    }
    run[options.command]()
    return 0
