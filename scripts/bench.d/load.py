"""Runs the load tool and keeps what it says.

Owns the tool's command line and the file of JSON lines; must not know which comparison is made.
"""

import json
import subprocess

from servers import ROOT

TOOL = ROOT / "target/release/corelane-bench"
# Below this the server was not saturated, so its cost per operation holds more idle work.
SATURATED_CORES_MIN = 0.9


class Results:
    """Every measurement of this run, written to a file as it is made."""

    def __init__(self, path):
        self.file = open(path, "a") if path else None

    def add(self, **fields):
        if self.file:
            self.file.write(json.dumps(fields) + "\n")
            self.file.flush()


def run(server, client_cores, *arguments):
    """Runs the tool against the server and returns its results, one dictionary a test."""
    command = ["taskset", "-c", client_cores, str(TOOL), "-p", str(server.port), "--pid", str(server.pid), "--json"]
    command += [str(argument) for argument in arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: {server.kind.name}: {' '.join(command)}\n{done.stderr.strip()}")
    results = [json.loads(line) for line in done.stdout.splitlines()]
    for result in results:
        if result.get("errors"):
            raise SystemExit(f"bench: {server.kind.name}: {result['test']}: {result['first_error']}")
    return results
