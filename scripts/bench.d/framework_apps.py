"""Applications of queue frameworks whose jobs do nothing, for their workers and for `framework_jobs.py`, which sends the jobs.

The environment tells the framework (JOBS_KIND), the server (JOBS_URL), how many jobs there are (JOBS), and into which file the worker writes how
many seconds it took from the first to the last of them (JOBS_RESULT), if it is to count them. A worker is one process.
"""

import asyncio
import os
import threading
import time

KIND = os.environ["JOBS_KIND"]
URL = os.environ["JOBS_URL"]
JOBS = int(os.environ["JOBS"])
WORKERS = {
    "arq": ["arq", "framework_apps.WorkerSettings"],
    "dramatiq": ["dramatiq", "framework_apps", "--processes", "1", "--threads", "8"],
    "huey": ["huey_consumer", "framework_apps.huey", "--workers", "8", "--quiet"],
    "saq": ["saq", "framework_apps.settings", "--quiet"],
    "taskiq": ["taskiq", "worker", "framework_apps:broker", "--workers", "1", "--max-async-tasks", "10", "--log-level", "ERROR"],
}
CONCURRENCY = 10

_lock = threading.Lock()
_done = 0
_begun = 0.0


def note_one():
    """A job has run."""
    global _done, _begun
    with _lock:
        now = time.monotonic()
        _done += 1
        if _done == 1:
            _begun = now
        if _done == JOBS:
            result = os.environ["JOBS_RESULT"]
            with open(f"{result}.part", "w", encoding="ascii") as file:
                file.write(str(now - _begun))
            os.rename(f"{result}.part", result)


def echo(number):
    """A job of those frameworks whose results are read."""
    return number


if KIND == "celery":
    from celery import Celery

    app = Celery("framework_apps", broker=URL, backend=URL)
    app.conf.broker_connection_retry_on_startup = True
    app.task(name="echo")(echo)

elif KIND == "dramatiq":
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    dramatiq.set_broker(RedisBroker(url=URL))

    @dramatiq.actor
    def nothing():
        note_one()

    def send():
        for _ in range(JOBS):
            nothing.send()

elif KIND == "huey":
    from huey import RedisHuey

    huey = RedisHuey("bench", url=URL)

    @huey.task()
    def nothing():
        note_one()

    def send():
        for _ in range(JOBS):
            nothing()

elif KIND == "arq":
    from arq import create_pool
    from arq.connections import RedisSettings

    async def nothing(_context):
        note_one()

    class WorkerSettings:
        """What ARQ's command reads."""

        functions = [nothing]
        redis_settings = RedisSettings.from_dsn(URL)
        max_jobs = CONCURRENCY

    async def send_all():
        pool = await create_pool(WorkerSettings.redis_settings)
        for _ in range(JOBS):
            await pool.enqueue_job("nothing")

    def send():
        asyncio.run(send_all())

elif KIND == "saq":
    from saq import Queue

    queue = Queue.from_url(URL)

    async def nothing(_context):
        note_one()

    settings = {"queue": queue, "functions": [nothing], "concurrency": CONCURRENCY}

    async def send_all():
        await queue.connect()
        for _ in range(JOBS):
            await queue.enqueue("nothing")
        await queue.disconnect()

    def send():
        asyncio.run(send_all())

elif KIND == "taskiq":
    from taskiq_redis import RedisStreamBroker

    broker = RedisStreamBroker(url=URL, queue_name="bench")

    @broker.task(task_name="nothing")
    async def nothing() -> None:
        note_one()

    async def send_all():
        await broker.startup()
        for _ in range(JOBS):
            await nothing.kiq()
        await broker.shutdown()

    def send():
        asyncio.run(send_all())
