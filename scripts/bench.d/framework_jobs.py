"""Jobs of Celery and RQ that do nothing: `framework_jobs.py celery|rq URL JOBS` prints the seconds that they took.

With Celery the time is from the first task sent to the last result received, with a worker of one process; with RQ from the first
job begun to the last one ended, by RQ's worker that does not fork.
"""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def nothing(number):
    return number


def celery_app(url):
    """The application, for the worker as for the client."""
    from celery import Celery

    app = Celery("framework_jobs", broker=url, backend=url)
    app.conf.broker_connection_retry_on_startup = True
    app.task(name="nothing")(nothing)
    return app


def celery(url, jobs):
    app = celery_app(url)
    command = [sys.executable, "-m", "celery", "-A", "framework_jobs:app", "worker", "--concurrency", "1", "--loglevel", "ERROR"]
    worker = subprocess.Popen(command, cwd=HERE, env={**os.environ, "JOBS_URL": url}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not app.control.ping(timeout=1):
            time.sleep(0.1)
        begun = time.monotonic()
        sent = [app.send_task("nothing", (number,)) for number in range(jobs)]
        for number, result in enumerate(sent):
            assert result.get(timeout=600) == number
        return time.monotonic() - begun
    finally:
        worker.terminate()
        worker.wait()


def rq(url, jobs):
    import redis
    from rq import Queue

    connection = redis.Redis.from_url(url)
    queues = [Queue(f"bench{number}", connection=connection) for number in range(4)]
    sent = [queues[number % 4].enqueue(nothing_of_module(), number) for number in range(jobs)]
    command = [os.path.join(os.path.dirname(sys.executable), "rq"), "worker", "--burst", "--quiet", "--worker-class", "rq.SimpleWorker", "--url", url]
    subprocess.run([*command, *[queue.name for queue in queues]], cwd=HERE, check=True, env={**os.environ, "PYTHONPATH": HERE})
    for job in sent:
        job.refresh()
        assert job.return_value() == job.args[0]
    return (max(job.ended_at for job in sent) - min(job.started_at for job in sent)).total_seconds()


def nothing_of_module():
    """The job by its name, since a worker imports it."""
    return "framework_jobs.nothing"


if "JOBS_URL" in os.environ:
    app = celery_app(os.environ["JOBS_URL"])

if __name__ == "__main__":
    kind, address, count = sys.argv[1:]
    print({"celery": celery, "rq": rq}[kind](address, int(count)))
