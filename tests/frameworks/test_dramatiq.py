"""Dramatiq: its one script does everything."""

from application import ApplicationTest
from harness import long


class Dramatiq(ApplicationTest):
    """Tests whose worker is Dramatiq's own command."""

    def worker(self, threads=4, processes=1, **environment):
        return self.start_module(
            "dramatiq", "dramatiq_app", "--processes", processes, "--threads", threads, **environment)

    def empty(self):
        """Whether no message is kept anywhere."""
        return not any(self.client.exists(f"dramatiq:default{kind}", f"dramatiq:default{kind}.msgs") for kind in ("", ".DQ"))

    def test_messages_are_processed_once(self):
        self.worker(processes=2)
        self.produce("dramatiq_app", "send_notes", 100)
        self.produce("dramatiq_app", "send_others")
        flaky = [f"flaky:{number}:{attempt}" for number in range(5) for attempt in range(3)]
        self.assert_once([f"note:{n}" for n in range(100)] + [f"later:{n}" for n in range(5)] + flaky)
        self.wait_until(self.empty, 60, self.told)

    @long
    def test_messages_of_a_killed_worker_are_done_by_another(self):
        self.produce("dramatiq_app", "send_held", 8)
        doomed = self.worker(threads=2, HOLD_SECONDS="600")
        self.wait_executed(2)
        self.kill(doomed)
        begun = self.executions()
        self.worker(threads=2, HOLD_SECONDS="0")
        self.assert_once([f"held:{n}" for n in range(8)] + begun)
        self.wait_until(self.empty, 60, self.told)
