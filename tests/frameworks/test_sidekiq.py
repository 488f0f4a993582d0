"""Sidekiq, as Debian packages it: threads that wait on queues in turned order, schedules, retries."""

import os
import shutil
import subprocess

from application import HERE, PATIENCE_SECONDS, ApplicationTest
from harness import long

RUBY = os.path.join(HERE, "ruby")


class Sidekiq(ApplicationTest):
    def setUp(self):
        super().setUp()
        if not shutil.which("sidekiq"):
            self.skipTest("sidekiq is not installed (scripts/test installs it when it is root)")
        for _ in range(2):
            self.start("sidekiq", "-r", os.path.join(RUBY, "jobs.rb"), "-c", "4", "-q", "critical,2", "-q", "default")

    def send(self, when):
        sent = subprocess.run(["ruby", os.path.join(RUBY, "produce.rb"), when], env=self.environment, cwd=self.directory.name,
                              timeout=PATIENCE_SECONDS, capture_output=True, text=True, check=False)
        self.assertEqual(sent.returncode, 0, sent.stderr)

    def wait_counted(self, processed, failed):
        """Waits until Sidekiq itself has counted so many executions, and nothing is left anywhere."""
        counted = lambda: [self.client.get("stat:processed"), self.client.get("stat:failed") or "0"]
        self.wait_until(lambda: counted() == [str(processed), str(failed)], PATIENCE_SECONDS, self.told)
        self.assertEqual(self.client.exists("schedule", "retry", "dead", "queue:default", "queue:critical"), 0)

    def test_jobs_run_once(self):
        self.send("now")
        self.assert_once([f"{kind}-{n}" for kind, count in {"note": 60, "bulk": 40, "critical": 3}.items() for n in range(count)])
        self.wait_counted(103, 0)

    @long
    def test_scheduled_and_failed_jobs_run_again(self):
        """Sidekiq looks at its schedule only 10 to 15 seconds after its start."""
        self.send("later")
        expected = [f"later-{n}" for n in range(3)] + [f"flaky-{n}:{attempt}" for n in range(3) for attempt in range(2)]
        self.assert_once(expected)
        self.wait_counted(9, 3)
