"""Command line of the demonstration: starts what is needed, tells the story, ends everything it started."""

import argparse
import os
import shutil
import signal
import sys
import tempfile

import redis

from server import Server
from story import Story


def main():
    options = arguments()
    # A signal ends the demonstration through its `finally` blocks, so that nothing is left running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    story = Story(quiet=options.quiet)
    directory = tempfile.mkdtemp(prefix="corelane-demo-")
    own_server = None
    try:
        if options.server:
            host, _, port = options.server.rpartition(":")
        else:
            own_server = Server(options.binary, options.shards, *options.directive)
            host, port = own_server.host, own_server.port
        tell(story, options, directory, host, int(port))
        if own_server:
            story.check("the server is still there", own_server.alive(), own_server.log_tail())
    finally:
        if own_server:
            status = own_server.stop()
            story.check("the server ended cleanly", status == 0, status)
        shutil.rmtree(directory, ignore_errors=True)
    return story.end()


def tell(story, options, directory, host, port):
    """Tells every part; the Celery application learns from the environment where its server is."""
    def connect():
        return redis.Redis(host=host, port=port, decode_responses=True)

    with connect() as client:
        info = client.info("server")
        version = info.get("corelane_version") or info.get("valkey_version") or info.get("redis_version")
        scripts = knows_scripts(client)
        story.fact(f"server {host}:{port}, version {version}, {options.shards} shards asked for, "
                   f"scripts {'available' if scripts else 'not available: Celery does without'}")
        leftovers = client.dbsize()
        if leftovers:
            raise SystemExit(f"the demonstration needs an empty database; {host}:{port} has {leftovers} keys")
    pace_seconds = 0.02 if options.tasks <= 30 else 0.001
    os.environ.update(
        FLIGHTS_SERVER=f"{host}:{port}",
        FLIGHTS_SCRIPTS="yes" if scripts else "no",
        FLIGHTS_LEDGER=os.path.join(directory, "ledger.jsonl"),
        FLIGHTS_PACE_SECONDS=str(pace_seconds),
        PYTHONDONTWRITEBYTECODE="1",
    )
    # Imported only now: the application reads the environment when it is imported.
    import celery_story
    import patterns

    celery_story.tell(story, connect, directory, options.tasks, options.workers)
    patterns.tell(story, connect)
    if options.server:
        with connect() as client:
            client.flushdb()


def knows_scripts(client):
    """Whether the server executes scripts."""
    try:
        return client.eval("return 1", 0) == 1
    except redis.ResponseError:
        return False


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Flight notifications by Celery on Corelane.")
    count = lambda text: max(1, int(text))
    parser.add_argument("--shards", type=count, default=count(os.environ.get("SHARDS", "2")), help="default 2")
    parser.add_argument("--tasks", type=count, default=12, help="flight events to queue, default 12")
    parser.add_argument("--workers", type=count, default=2, help="Celery worker processes, default 2")
    parser.add_argument("--server", metavar="HOST:PORT", help="use a running server with an empty database 0")
    parser.add_argument("--binary", help="the server to start; default: build this repository's")
    parser.add_argument("--directive", action="append", default=[], help="one more word for the server's command line")
    parser.add_argument("--quiet", action="store_true", help="print only what does not hold, and the sum")
    options = parser.parse_args()
    if not options.server and not options.binary:
        parser.error("one of --server and --binary is needed here; scripts/demo gives --binary")
    return options


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
