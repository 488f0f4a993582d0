"""Functions of SAQ."""

import asyncio
import os
import time

from journal import record
from saq import Queue

queue = Queue.from_url(os.environ["PATIENT_URL"])


async def note(_context, *, entry):
    """Writes an entry down and returns it."""
    record(entry)
    return entry


async def flaky(context, *, entry, failures):
    """Fails so often before it succeeds."""
    attempt = context["job"].attempts - 1
    record(f"{entry}:{attempt}")
    if attempt < failures:
        raise ValueError(f"attempt {attempt}")
    return attempt


async def endless(_context, *, entry):
    record(entry)
    await asyncio.sleep(600)


settings = {
    "queue": queue,
    "functions": [note, flaky, endless],
    "concurrency": 10,
    "timers": {"schedule": 1, "abort": 1, "sweep": 3600},
}


async def _end(job):
    """Waits for a job's end. SAQ reads the job before it listens, and drops what it hears in between, so that once may not do."""
    for _ in range(24):
        try:
            return await job.refresh(until_complete=5)
        except asyncio.TimeoutError:
            continue
    raise TimeoutError(f"{job} does not end")


async def _send_all(count):
    await queue.connect()
    unwanted = await queue.enqueue("endless", entry="endless", timeout=0)
    entries = [{"entry": f"note:{number}"} for number in range(count)]
    assert await queue.map("note", entries, timeout=120) == [f"note:{number}" for number in range(count)]
    jobs = [await queue.enqueue("flaky", entry=f"flaky:{n}", failures=2, retries=5, retry_delay=0.05) for n in range(4)]
    later = await queue.enqueue("note", entry="later", scheduled=time.time() + 1)
    await queue.enqueue("note", entry="unique", key="same", scheduled=time.time() + 1)
    assert await queue.enqueue("note", entry="unique", key="same", scheduled=time.time() + 1) is None
    for job in [*jobs, later]:
        await _end(job)
        assert job.status == "complete", job
    await unwanted.refresh()
    while unwanted.status != "active":
        await asyncio.sleep(0.02)
        await unwanted.refresh()
    await unwanted.abort("unwanted")
    await _end(unwanted)
    await queue.disconnect()


def send_all(count):
    asyncio.run(_send_all(int(count)))
