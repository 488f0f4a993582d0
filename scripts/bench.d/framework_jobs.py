"""Jobs that do nothing, of frameworks of Python and of Sidekiq: `framework_jobs.py FRAMEWORK URL JOBS` prints the seconds that they took.

With Celery the time is from the first task sent to the last result received, with a worker of one process; with RQ from the first
job begun to the last one ended, by RQ's worker that does not fork; with the others from the first job run to the last, all having been sent
before (`framework_apps.py`).
"""

import os
import signal
import subprocess
import sys
import tempfile
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


def others(kind, url, jobs):
    """Sends the jobs, starts a worker, and waits until it has told how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        result = os.path.join(folder, "result")
        os.environ.update(JOBS_KIND=kind, JOBS_URL=url, JOBS=str(jobs), JOBS_RESULT=result, PYTHONPATH=HERE)
        if kind == "sidekiq":
            program = os.path.join(HERE, "framework_jobs.rb")
            subprocess.run(["ruby", program], check=True)
            worker = ["sidekiq", "-r", program, "-c", "8", "-e", "production"]
        else:
            import framework_apps

            framework_apps.send()
            name, *words = framework_apps.WORKERS[kind]
            worker = [os.path.join(os.path.dirname(sys.executable), name), *words]
        working = subprocess.Popen(worker, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            while not os.path.exists(result):
                if working.poll() is not None:
                    raise SystemExit(f"{worker} ended with {working.returncode}")
                time.sleep(0.02)
            with open(result, encoding="ascii") as file:
                return float(file.read())
        finally:
            os.killpg(working.pid, signal.SIGKILL)
            working.wait()


if os.environ.get("JOBS_URL") and "JOBS_KIND" not in os.environ:
    app = celery_app(os.environ["JOBS_URL"])

if __name__ == "__main__":
    kind, address, count = sys.argv[1:]
    own = {"celery": celery, "rq": rq}.get(kind)
    print(own(address, int(count)) if own else others(kind, address, int(count)))
