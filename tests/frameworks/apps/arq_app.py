"""Functions of ARQ."""

import asyncio
import os

from arq import Retry, create_pool
from arq.connections import RedisSettings
from journal import record

SETTINGS = RedisSettings(host=os.environ["SERVER_HOST"], port=int(os.environ["SERVER_PORT"]))


async def note(_context, entry):
    """Writes an entry down and returns it."""
    record(entry)
    return entry


async def flaky(context, entry, failures):
    """Asks to be tried again so often before it succeeds."""
    attempt = context["job_try"] - 1
    record(f"{entry}:{attempt}")
    if attempt < failures:
        raise Retry(defer=0.05)
    return attempt


async def endless(_context, entry):
    record(entry)
    await asyncio.sleep(600)


class WorkerSettings:
    """What ARQ's command reads."""

    functions = [note, flaky, endless]
    redis_settings = SETTINGS
    max_jobs = 10
    poll_delay = 0.05
    allow_abort_jobs = True


async def _result(job):
    """The result of a job; ARQ's own way of waiting looks at result and queue one after the other, and may miss both."""
    while await job.result_info() is None:
        await asyncio.sleep(0.02)
    return await job.result(timeout=1)


async def _send_all(count):
    pool = await create_pool(SETTINGS)
    jobs = [await pool.enqueue_job("note", f"note:{number}") for number in range(count)]
    flaky_jobs = [await pool.enqueue_job("flaky", f"flaky:{number}", 2) for number in range(4)]
    later = await pool.enqueue_job("note", "later", _defer_by=0.5)
    await pool.enqueue_job("note", "unique", _job_id="same")
    assert await pool.enqueue_job("note", "unique", _job_id="same") is None
    unwanted = await pool.enqueue_job("endless", "endless")
    for number, job in enumerate(jobs):
        assert await _result(job) == f"note:{number}"
    for job in flaky_jobs:
        assert await _result(job) == 2
    assert await _result(later) == "later"
    while (await unwanted.status()).value != "in_progress":
        await asyncio.sleep(0.02)
    assert await unwanted.abort(timeout=120)


def send_all(count):
    asyncio.run(_send_all(int(count)))
