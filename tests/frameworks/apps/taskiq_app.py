"""Tasks of taskiq, over a list and over a stream."""

import asyncio
import os

from journal import record
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

URL = os.environ["PATIENT_URL"]
list_broker = ListQueueBroker(url=URL).with_result_backend(RedisAsyncResultBackend(redis_url=URL))
# What a consumer has had for so long without an answer is claimed by another.
IDLE_MS = int(os.environ.get("IDLE_MS", "3600000"))
stream_broker = RedisStreamBroker(
    url=URL, queue_name="tasks", idle_timeout=IDLE_MS, unacknowledged_lock_timeout=5
).with_result_backend(RedisAsyncResultBackend(redis_url=URL))
BROKERS = {"list_broker": list_broker, "stream_broker": stream_broker}


async def note(entry: str) -> str:
    """Writes an entry down and returns it."""
    record(entry)
    return entry


async def held(entry: str) -> None:
    """Takes as long as its worker's environment says."""
    record(entry)
    await asyncio.sleep(float(os.environ["HOLD_SECONDS"]))


NOTES = {name: broker.register_task(note, task_name="note") for name, broker in BROKERS.items()}
HELD = stream_broker.register_task(held, task_name="held")


async def _send_all(name, count):
    await BROKERS[name].startup()
    sent = [await NOTES[name].kiq(f"note:{number}") for number in range(count)]
    for number, task in enumerate(sent):
        assert (await task.wait_result(timeout=120)).return_value == f"note:{number}"
    await BROKERS[name].shutdown()


async def _send_held(count):
    await stream_broker.startup()
    for number in range(count):
        await HELD.kiq(f"held:{number}")
    await stream_broker.shutdown()


async def _send_note(entry):
    await stream_broker.startup()
    await NOTES["stream_broker"].kiq(entry)
    await stream_broker.shutdown()


def send_all(name, count):
    asyncio.run(_send_all(name, int(count)))


def send_held(count):
    asyncio.run(_send_held(int(count)))


def send_note(entry):
    asyncio.run(_send_note(entry))
