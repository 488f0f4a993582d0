"""Huey: lists or a sorted set as queue, schedules, chains, locks."""

from application import ApplicationTest
from harness import long


class Huey(ApplicationTest):
    """Tests whose worker is Huey's own consumer."""

    def consumer(self, workers=3, kind="thread"):
        return self.start_program(
            "huey_consumer", "huey_app.huey", "--workers", workers, "--worker-type", kind, "--scheduler-interval", 1,
            "--backoff", "1.0", "--quiet")

    def test_tasks_run_once(self):
        self.consumer()
        self.consumer()
        self.produce("huey_app", "send_all", 100)
        expected = [f"note:{number}" for number in range(100)] + ["add:1+2", "add:10+3", "add:100+13", "locked", "later:100"]
        expected += [f"flaky:{number}:{attempt}" for number in range(4) for attempt in range(3)]
        self.assert_once(expected)
        self.wait_until(lambda: not self.client.exists("huey.redis.app", "huey.schedule.app"), 60, self.told)

    @long
    def test_higher_priorities_come_first(self):
        self.environment["HUEY_PRIORITIES"] = "yes"
        self.produce("huey_app", "send_priorities")
        self.consumer(workers=1)
        self.assertEqual(self.wait_executed(5), [f"priority:{priority}" for priority in (5, 4, 3, 2, 1)])
