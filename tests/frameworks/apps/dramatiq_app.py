"""Actors of Dramatiq."""

import os
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from journal import record

# A worker that is not heard of for two seconds is dead; that is looked for at every command.
broker = RedisBroker(url=os.environ["PATIENT_URL"], heartbeat_timeout=2000, maintenance_chance=1_000_000)
broker.add_middleware(Results(backend=RedisBackend(url=os.environ["PATIENT_URL"])))
broker.add_middleware(CurrentMessage())
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def note(entry):
    """Writes an entry down and returns it."""
    record(entry)
    return entry


@dramatiq.actor(max_retries=3, min_backoff=50, max_backoff=100)
def flaky(entry, failures):
    """Fails so often before it succeeds."""
    attempt = CurrentMessage.get_current_message().options.get("retries", 0)
    record(f"{entry}:{attempt}")
    if attempt < failures:
        raise ValueError(f"attempt {attempt}")


@dramatiq.actor
def held(entry):
    """Takes as long as its worker's environment says."""
    record(entry)
    time.sleep(float(os.environ["HOLD_SECONDS"]))


def send_notes(count):
    """Sends notes and waits for their results."""
    sent = [note.send(f"note:{number}") for number in range(int(count))]
    assert [message.get_result(block=True, timeout=120_000) for message in sent] == [f"note:{n}" for n in range(int(count))]


def send_others():
    for number in range(5):
        flaky.send(f"flaky:{number}", 2)
        note.send_with_options(args=(f"later:{number}",), delay=300)


def send_held(count):
    for number in range(int(count)):
        held.send(f"held:{number}")
