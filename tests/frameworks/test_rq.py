"""RQ: queues in order, results, retries, schedules, dependencies, worker commands."""

import datetime

import redis
from application import PATIENCE_SECONDS, ApplicationTest
from harness import long
from rq import Queue, Retry, Worker
from rq.command import send_stop_job_command
from rq.job import JobStatus


class Rq(ApplicationTest):
    """Tests whose worker is RQ's own command."""

    def setUp(self):
        super().setUp()
        # RQ's values are pickles.
        self.raw = redis.Redis(host=self.server.host, port=self.server.port, socket_timeout=PATIENCE_SECONDS)
        self.addCleanup(self.raw.close)

    def queue(self, name="default"):
        return Queue(name, connection=self.raw)

    def worker(self, *queues):
        return self.start_program("rq", "worker", "--url", self.environment["PATIENT_URL"], "--with-scheduler", "--quiet", *queues)

    def wait_finished(self, job, status=JobStatus.FINISHED):
        self.wait_until(lambda: job.get_status(refresh=True) == status, PATIENCE_SECONDS, self.told)

    @long
    def test_jobs_run_once_and_in_the_order_of_queues(self):
        for number in range(12):
            self.queue(("low", "middle", "high")[number % 3]).enqueue("rq_app.note", number)
        self.worker("high", "middle", "low")
        self.assertEqual(self.wait_executed(12), [str(n) for start in (2, 1, 0) for n in range(start, 12, 3)])
        jobs = [self.queue("high").enqueue("rq_app.note", f"late:{number}") for number in range(5)]
        for number, job in enumerate(jobs):
            self.wait_finished(job)
            self.assertEqual(job.return_value(), f"late:{number}")
        self.assert_once([*range(12), *(f"late:{number}" for number in range(5))])

    def test_two_workers_share_jobs(self):
        workers = [self.worker("default") for _ in range(2)]
        jobs = self.queue().enqueue_many([Queue.prepare_data("rq_app.note", (number,)) for number in range(40)])
        for job in jobs:
            self.wait_finished(job)
        self.assert_once(range(40))
        self.wait_until(lambda: len(Worker.all(connection=self.raw)) == len(workers), 60, "both are registered")
        self.assertEqual(self.queue().finished_job_registry.count, 40)

    def test_retries_schedules_and_dependencies(self):
        queue = self.queue()
        flaky = queue.enqueue("rq_app.flaky", "flaky", 2, retry=Retry(max=3))
        hopeless = queue.enqueue("rq_app.flaky", "hopeless", 9, retry=Retry(max=1))
        first = queue.enqueue("rq_app.note", "first")
        second = queue.enqueue("rq_app.note", "second", depends_on=first)
        later = queue.enqueue_in(datetime.timedelta(seconds=1), "rq_app.note", "later")
        self.assertEqual((second.get_status(), later.get_status()), (JobStatus.DEFERRED, JobStatus.SCHEDULED))
        self.worker("default")
        for job in (flaky, first, second, later):
            self.wait_finished(job)
        self.wait_finished(hopeless, JobStatus.FAILED)
        expected = ["flaky:0", "flaky:1", "flaky:2", "hopeless:0", "hopeless:1", "first", "second", "later"]
        self.assert_once(expected)
        self.assertLess(self.executions().index("first"), self.executions().index("second"))

    @long
    def test_a_running_job_is_stopped_by_command(self):
        self.worker("default")
        job = self.queue().enqueue("rq_app.endless", "endless", job_timeout=1200)
        after = self.queue().enqueue("rq_app.note", "after")
        self.wait_executed(1)
        send_stop_job_command(self.raw, job.id)
        self.wait_finished(job, JobStatus.STOPPED)
        self.wait_finished(after)
        self.assert_once(["endless", "after"])
