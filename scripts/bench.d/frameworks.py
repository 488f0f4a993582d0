"""What a job of a queue framework costs the server, and how many a second there are.

Owns the frameworks, their numbers of jobs and the limits; must not know how a framework is called.

Server and clients are pinned apart, two shards share the server's core. Valkey runs twice, so that the noise is known: what differs
between the two is no difference between servers.
"""

import shutil
import subprocess
import sys
from statistics import median

import compare
import servers
from lua import cpu_seconds
from table import print_table, spread, verdict

JOBS = {
    "bullmq": 32000, "celery": 1000, "rq": 600, "bull": 16000, "bee-queue": 32000, "arq": 1200, "dramatiq": 2000, "huey": 4000, "saq": 2000,
    "sidekiq": 4000, "taskiq": 2000,
}
NODE = ("bullmq", "bull", "bee-queue")
CPU_RATIO_MAX = {("bullmq", "corelane"): 0.75}
CPU_RATIO_OF_TWO_SHARDS_MAX = {"bullmq": 1.1}
RATE_RATIO_MIN = {"celery": 1.0, "rq": 1.0}


def environment_of(framework):
    """The interpreter and the program of a framework's jobs, and where its packages are."""
    folder = servers.ROOT / "tests/frameworks"
    script = lambda *words: subprocess.run(
        [servers.ROOT / "scripts" / words[0], *words[1:]], check=True, capture_output=True, text=True).stdout.strip()
    here = servers.ROOT / "scripts/bench.d"
    if framework in NODE:
        packages = script("node-env", "node", folder / "node")
        return ["env", f"NODE_PATH={packages}", "node", here / "framework_jobs.js", framework]
    return [script("python-env", "frameworks", folder / "requirements.txt"), here / "framework_jobs.py", framework]


def measure_one(server, options, framework):
    """Runs the jobs on an empty server."""
    server.ask("FLUSHALL")
    jobs = max(400, int(JOBS[framework] * options.scale) // 400 * 400)
    where = server.port if framework in NODE else f"redis://127.0.0.1:{server.port}/0"
    command = ["taskset", "-c", options.client_core, *environment_of(framework), where, jobs]
    before = cpu_seconds(server.pid)
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: {framework} on {server.kind.name}: {done.stderr[-2000:]}")
    spent = cpu_seconds(server.pid) - before
    return {"server_cpu_us_per_op": spent / jobs * 1e6, "jobs_per_second": jobs / float(done.stdout.split()[-1])}


def frameworks(options):
    """Jobs of each framework on Valkey, on Valkey again, and on one and two shards."""
    again = servers.valkey()
    again.name = "valkey again"
    kinds = [servers.valkey(), again, servers.corelane(1), servers.corelane(2, "corelane, 2 shards")]
    tests = [options.filter] if options.filter else list(JOBS)
    if "sidekiq" in tests and not shutil.which("sidekiq"):
        print("sidekiq is not installed (Debian's ruby-sidekiq), and is left out", file=sys.stderr)
        tests.remove("sidekiq")
    results = compare.alternate(options, [(kind, options.server_core) for kind in kinds], tests, measure_one)
    rows = []
    for framework in tests:
        peer = results["valkey"][framework]
        for kind in kinds:
            own = results[kind.name][framework]
            cpu = compare.ratios(own, peer)
            rate = [a["jobs_per_second"] / b["jobs_per_second"] for a, b in zip(own, peer)]
            limit = verdict(median(cpu), CPU_RATIO_MAX.get((framework, kind.name)), False)
            if "2 shards" in kind.name:
                single = median(compare.ratios(own, results["corelane"][framework]))
                limit = f"{single:.2f} of one shard's {verdict(single, CPU_RATIO_OF_TWO_SHARDS_MAX.get(framework), False)}"
            rate_limit = verdict(median(rate), RATE_RATIO_MIN.get(framework), True) if "corelane" in kind.name else ""
            rates = [result["jobs_per_second"] for result in own]
            rows.append([framework, kind.name, spread(compare.costs(own), 0), spread(cpu), limit, spread(rates, 0), spread(rate), rate_limit])
    head = ["framework", "server", "server CPU us/job", "/ valkey's", "limit", "jobs/s", "/ valkey's", "limit"]
    print_table("Jobs that do nothing; of BullMQ, Bull, Bee-Queue and RQ over four queues", head, rows)
