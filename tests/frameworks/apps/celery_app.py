"""Celery with one server as broker and result backend."""

import os
import time

from celery import Celery
from journal import record

app = Celery("celery_app", broker=os.environ["SERVER_URL"], backend=os.environ["SERVER_URL"])
app.conf.update(
    task_acks_late=True,
    task_track_started=True,
    worker_prefetch_multiplier=1,
    worker_send_task_events=True,
    task_send_sent_event=True,
    broker_connection_retry_on_startup=True,
    result_expires=3600,
    broker_transport_options={
        "priority_steps": [0, 3, 6, 9],
        "queue_order_strategy": "priority",
        "visibility_timeout": float(os.environ.get("VISIBILITY_SECONDS", "3600")),
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    },
)


@app.task
def note(entry):
    """Writes an entry down."""
    record(entry)
    return entry


@app.task
def add(left, right):
    record(f"add:{left}+{right}")
    return left + right


@app.task
def total(numbers):
    record("total")
    return sum(numbers)


@app.task
def timed(entry):
    """Writes down when it ran."""
    record(entry)
    return time.time()


@app.task(bind=True, max_retries=5)
def flaky(self, entry, failures):
    """Fails so often before it succeeds."""
    record(f"{entry}:{self.request.retries}")
    if self.request.retries < failures:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def broken(entry):
    record(entry)
    raise ValueError(f"no {entry}")


@app.task
def held(entry):
    """Takes as long as its worker's environment says."""
    record(entry)
    time.sleep(float(os.environ["HOLD_SECONDS"]))
    record(f"{entry}:done")
