"""Celery: the demonstration as a test, and a worker that dies."""

import os
import signal
import subprocess
import sys
import tempfile
import time

from harness import REPOSITORY, ServerTest
from server import end_group

DEMO = os.path.join(REPOSITORY, "scripts", "demo.d")


class Demonstration(ServerTest):
    """scripts/demo with a server of its own."""

    def demo(self, *words):
        """Runs the demonstration; it must end well."""
        command = [sys.executable, os.path.join(DEMO, "run.py"), "--binary", self.binary,
                   "--shards", str(self.shards), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_the_story(self):
        told = self.demo()
        for expected in ["nothing was lost", "BLPOP and LPUSH", "PTTL", "unacked_index"]:
            self.assertIn(expected, told)

    def test_under_load(self):
        self.demo("--quiet", "--tasks", "200", "--workers", "4")


class DeadWorker(ServerTest):
    """What a killed worker had taken is done by another."""

    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.environment = dict(
            os.environ,
            PYTHONPATH=DEMO,
            PYTHONDONTWRITEBYTECODE="1",
            FLIGHTS_SERVER=self.server.address,
            FLIGHTS_LEDGER=os.path.join(self.directory.name, "ledger.jsonl"),
            FLIGHTS_VISIBILITY_SECONDS="3",
            FLIGHTS_SCRIPTS="yes" if self.knows_scripts() else "no",
        )

    def knows_scripts(self):
        try:
            return self.client.eval("return 1", 0) == 1
        except Exception:
            return False

    def worker(self, name, pace_seconds):
        """Starts a Celery worker."""
        command = [sys.executable, "-m", "celery", "-A", "flights", "worker", "--concurrency", "1", "--loglevel",
                   "WARNING", "--hostname", f"{name}@flights"]
        with open(os.path.join(self.directory.name, f"{name}.log"), "wb") as log:
            process = subprocess.Popen(
                command, env=self.environment | {"FLIGHTS_PACE_SECONDS": str(pace_seconds)}, cwd=self.directory.name,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(end_group, process, 10)
        return process

    def test_a_killed_worker_loses_nothing(self):
        publish = "from flights.tasks import send_sms; print(send_sms.apply_async(('E1', '+44', 'late')).id)"
        done = subprocess.run([sys.executable, "-c", publish], env=self.environment, capture_output=True, text=True,
                              timeout=60, check=True)
        task_id = done.stdout.strip()
        doomed = self.worker("doomed", pace_seconds=600)
        self.wait_until(lambda: self.client.hlen("unacked") == 1, 60, "the first worker takes the task")
        time.sleep(0.5)
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()
        self.assertEqual(self.client.llen("celery"), 0)
        time.sleep(3)
        self.worker("heir", pace_seconds=0.01)
        key = f"celery-task-meta-{task_id}"
        result = self.wait_until(lambda: self.client.get(key), 60, "the second worker does it")
        self.assertIn('"SUCCESS"', result)
        self.wait_until(lambda: self.client.exists("unacked", "unacked_index") == 0, 10, "the books are empty")
