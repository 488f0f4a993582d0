"""Celery's ways of calling: results, groups, chords, ETA, retries, priorities, revoking, events, inspection."""

import importlib
import os
import sys
import time

from application import APPS, PATIENCE_SECONDS, ApplicationTest
from celery import chain, chord, group
from harness import long


class CeleryCalls(ApplicationTest):
    """Tests whose worker is Celery's own command."""

    def setUp(self):
        super().setUp()
        os.environ["SERVER_URL"] = self.url
        sys.path[:] = [APPS, *(place for place in sys.path if place != APPS)]
        sys.modules.pop("celery_app", None)
        self.tasks = importlib.import_module("celery_app")
        self.app = self.tasks.app
        self.addCleanup(self.app.close)

    def worker(self, name="first", concurrency=2, queues="celery", wait=True, **environment):
        """Starts a worker; it is ready when it answers."""
        process = self.start_module(
            "celery", "-A", "celery_app", "worker", "--concurrency", concurrency, "--loglevel", "INFO", "--without-mingle",
            "--without-gossip", "--hostname", f"{name}@here", "--queues", queues, **environment)
        if wait:
            self.wait_until(lambda: self.app.control.ping([f"{name}@here"], timeout=1), PATIENCE_SECONDS, self.told)
        return process

    def get(self, result):
        return result.get(timeout=PATIENCE_SECONDS, interval=0.05)

    def test_calls(self):
        self.worker(HOLD_SECONDS="2")
        for run in (self.results, self.canvas, self.countdown, self.retries, self.failure, self.inspection):
            with self.subTest(run.__name__):
                if os.path.exists(self.ledger):
                    os.remove(self.ledger)
                run()
        self.wait_until(lambda: not self.client.exists("unacked", "unacked_index", "celery"), 20, "the books are empty")

    def results(self):
        sent = [self.tasks.note.delay(f"plain:{number}") for number in range(60)]
        self.assertEqual([self.get(result) for result in sent], [f"plain:{number}" for number in range(60)])
        self.assert_once(f"plain:{number}" for number in range(60))
        self.assertGreater(self.client.ttl(f"celery-task-meta-{sent[0].id}"), 3000)
        sent[0].forget()
        self.assertEqual(self.client.exists(f"celery-task-meta-{sent[0].id}"), 0)

    def canvas(self):
        together = group(self.tasks.add.s(number, number) for number in range(10))()
        self.assertEqual(self.get(together), [2 * number for number in range(10)])
        self.assertEqual(self.get(chain(self.tasks.add.s(1, 2), self.tasks.add.s(3), self.tasks.add.s(4))()), 10)
        self.assertEqual(self.get(chord((self.tasks.add.s(n, 100) for n in range(20)), self.tasks.total.s())()), 2190)
        nested = chord(
            [chain(self.tasks.add.s(n, 200), self.tasks.add.s(1)) for n in range(5)], chain(self.tasks.total.s(), self.tasks.add.s(-1))
        )()
        self.assertEqual(self.get(nested), 1014)
        expected = [f"add:{n}+{n}" for n in range(10)] + ["add:1+2", "add:3+3", "add:6+4"]
        expected += [f"add:{n}+100" for n in range(20)] + ["total", "total", "add:1015+-1"]
        expected += [f"add:{n}+200" for n in range(5)] + [f"add:{n + 200}+1" for n in range(5)]
        self.assert_once(expected)

    def countdown(self):
        sent = time.time()
        result = self.tasks.timed.apply_async(("later",), countdown=1.5)
        self.get(self.tasks.timed.delay("now"))
        self.assertGreaterEqual(self.get(result) - sent, 1.5)
        self.assert_once(["now", "later"])

    def retries(self):
        sent = [self.tasks.flaky.delay(f"flaky:{number}", 2) for number in range(4)]
        self.assertEqual([self.get(result) for result in sent], [2] * 4)
        self.assert_once(f"flaky:{number}:{attempt}" for number in range(4) for attempt in range(3))

    def failure(self):
        result = self.tasks.broken.delay("luck")
        with self.assertRaisesRegex(ValueError, "no luck"):
            self.get(result)
        self.assertEqual(result.state, "FAILURE")
        self.assert_once(["luck"])

    def inspection(self):
        inspect = self.app.control.inspect(["first@here"], timeout=30)
        self.assertIn("celery_app.note", inspect.registered()["first@here"])
        self.assertEqual([queue["name"] for queue in inspect.active_queues()["first@here"]], ["celery"])
        self.assertGreater(inspect.stats()["first@here"]["total"]["celery_app.note"], 0)
        result = self.tasks.held.delay("watched")
        self.wait_executed(1)
        self.wait_until(lambda: result.id in [task["id"] for task in inspect.active()["first@here"]], 60, "it is active")
        self.get(result)

    @long
    def test_events_tell_each_step_of_a_task(self):
        self.worker()
        seen = []
        with self.app.connection() as connection:
            receiver = self.app.events.Receiver(connection, handlers={"*": seen.append})
            ended = self.in_background(lambda: receiver.capture(limit=None, timeout=None, wakeup=False) or True)
            self.wait_until(lambda: self.client.scard("_kombu.binding.celeryev"), PATIENCE_SECONDS, "the receiver listens")
            sent = {self.tasks.note.delay(f"event:{number}").id for number in range(10)}
            steps = ["task-received", "task-sent", "task-started", "task-succeeded"]
            kinds = lambda task: sorted(event["type"] for event in list(seen) if event.get("uuid") == task)
            self.wait_until(lambda: all(len(kinds(task)) >= 4 for task in sent), PATIENCE_SECONDS, self.told)
            receiver.should_stop = True
            ended(PATIENCE_SECONDS)
        for task in sent:
            self.assertEqual(kinds(task), steps)
        self.assert_once(f"event:{number}" for number in range(10))

    @long
    def test_revoked_tasks_do_not_run(self):
        self.worker(concurrency=1, HOLD_SECONDS="600")
        answered = {"destination": ["first@here"], "reply": True, "timeout": 30}
        running = self.tasks.held.delay("endless")
        self.wait_executed(1)
        waiting = self.tasks.note.delay("unwanted")
        self.assertTrue(self.app.control.revoke(waiting.id, **answered))
        self.assertTrue(self.app.control.revoke(running.id, terminate=True, signal="SIGKILL", **answered))
        self.get(self.tasks.note.delay("wanted"))
        self.wait_until(lambda: (running.state, waiting.state) == ("REVOKED", "REVOKED"), 60, self.told)
        self.assert_once(["endless", "wanted"])

    @long
    def test_priorities_decide_the_order(self):
        for priority in (9, 6, 0, 3, 9, 3, 0, 6):
            self.tasks.note.apply_async((f"priority:{priority}",), priority=priority)
        self.worker(concurrency=1, wait=False)
        self.assertEqual(self.wait_executed(8), [f"priority:{priority}" for priority in (0, 0, 3, 3, 6, 6, 9, 9)])

    @long
    def test_a_killed_pool_loses_no_task(self):
        """What the dead worker had taken is done by another, all the rest once."""
        self.environment["VISIBILITY_SECONDS"] = "3"
        doomed = self.worker("doomed", HOLD_SECONDS="600")
        for number in range(2):
            self.tasks.held.delay(f"stuck:{number}")
        self.wait_until(lambda: self.client.hlen("unacked") == 2 and len(self.executions()) == 2, 60, self.told)
        for number in range(200):
            self.tasks.note.delay(f"many:{number}")
        self.kill(doomed)
        self.worker("heir", HOLD_SECONDS="0")
        expected = [f"many:{number}" for number in range(200)]
        expected += [f"stuck:{number}" for number in (0, 0, 1, 1)] + [f"stuck:{number}:done" for number in range(2)]
        self.assert_once(expected)
        self.wait_until(lambda: not self.client.exists("unacked", "unacked_index", "celery"), 60, self.told)
