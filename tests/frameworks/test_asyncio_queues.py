"""ARQ, SAQ and taskiq: queues of asyncio, with sorted sets, lists, or a stream with a group."""

from application import PATIENCE_SECONDS, ApplicationTest
from harness import long


class Arq(ApplicationTest):
    def test_jobs_run_once(self):
        for _ in range(2):
            self.start_program("arq", "arq_app.WorkerSettings")
        self.produce("arq_app", "send_all", 60)
        expected = [f"note:{number}" for number in range(60)] + ["later", "unique", "endless"]
        self.assert_once(expected + [f"flaky:{number}:{attempt}" for number in range(4) for attempt in range(3)])
        self.wait_until(lambda: not self.client.exists("arq:queue"), 60, self.told)


class Saq(ApplicationTest):
    def test_jobs_run_once(self):
        # A worker looks once for jobs that hang, and takes those that are just being taken for such; so it looks first.
        self.start_program("saq", "saq_app.settings", "--quiet")
        self.wait_until(lambda: self.client.exists("saq:default:sweep"), PATIENCE_SECONDS, self.told)
        self.start_program("saq", "saq_app.settings", "--quiet")
        self.produce("saq_app", "send_all", 60)
        expected = [f"note:{number}" for number in range(60)] + ["later", "unique", "endless"]
        self.assert_once(expected + [f"flaky:{number}:{attempt}" for number in range(4) for attempt in range(3)])
        self.wait_until(lambda: not self.client.exists("saq:default:queued", "saq:default:active"), 60, self.told)


class TaskIq(ApplicationTest):
    def worker(self, broker, **environment):
        return self.start_program(
            "taskiq", "worker", f"taskiq_app:{broker}", "--workers", "1", "--max-async-tasks", "10", "--log-level", "WARNING",
            **environment)

    @long
    def test_tasks_of_a_list_run_once(self):
        for _ in range(2):
            self.worker("list_broker")
        self.produce("taskiq_app", "send_all", "list_broker", 60)
        self.assert_once([f"note:{number}" for number in range(60)])

    def test_tasks_of_a_stream_run_once(self):
        for _ in range(2):
            self.worker("stream_broker")
        self.produce("taskiq_app", "send_all", "stream_broker", 60)
        self.assert_once([f"note:{number}" for number in range(60)])
        self.wait_until(lambda: self.pending() == 0, 60, self.told)

    @long
    def test_tasks_of_a_killed_worker_are_claimed(self):
        self.produce("taskiq_app", "send_held", 5)
        doomed = self.worker("stream_broker", HOLD_SECONDS="600")
        self.wait_executed(5)
        self.assertEqual(self.pending(), 5)
        self.kill(doomed)
        self.worker("stream_broker", HOLD_SECONDS="0", IDLE_MS="8000")
        # A worker looks for what others have left whenever it has got something new.
        nudges = 0
        while len(self.executions()) < 10 + nudges and nudges < 100:
            self.produce("taskiq_app", "send_note", f"nudge:{nudges}")
            nudges += 1
        self.assert_once([f"held:{number}" for number in range(5)] * 2 + [f"nudge:{number}" for number in range(nudges)])
        self.wait_until(lambda: self.pending() == 0, 60, self.told)

    def pending(self):
        return self.client.xpending("tasks", "taskiq")["pending"]
