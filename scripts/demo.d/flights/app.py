"""The Celery application: one server is broker and result backend.

Its settings are those of an ordinary deployment; what the environment decides is only where the server is.
"""

import os

from celery import Celery

from flights import scriptless

DAY_SECONDS = 24 * 60 * 60
QUEUE = "celery"
VISIBILITY_SECONDS = float(os.environ.get("FLIGHTS_VISIBILITY_SECONDS", "3600"))
PRIORITY_STEPS = [0, 3, 6, 9]

_server = os.environ.get("FLIGHTS_SERVER", "127.0.0.1:6379")

app = Celery(
    "flights",
    broker=f"redis://{_server}/0",
    backend=f"redis://{_server}/0",
    include=["flights.tasks"],
)
app.conf.update(
    result_expires=DAY_SECONDS,
    # A task leaves the in-flight books when it is done, not when it is fetched: a dead worker loses nothing.
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "priority_steps": PRIORITY_STEPS,
        "queue_order_strategy": "priority",
        # What a dead worker had taken is given to another after so long; looked for that often.
        "visibility_timeout": VISIBILITY_SECONDS,
        "unacked_restore_interval": min(10, VISIBILITY_SECONDS / 3),
        "unacked_restore_throttle": 1,
    },
)
if os.environ.get("FLIGHTS_SCRIPTS") == "no":
    scriptless.apply(app)


def priority_queues():
    """The lists a worker waits on, most urgent first, as Celery names them."""
    return [QUEUE] + [f"{QUEUE}\x06\x16{step}" for step in PRIORITY_STEPS if step]
