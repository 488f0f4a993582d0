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


def celery(_url, jobs):
    from framework_apps import app

    command = [sys.executable, "-m", "celery", "-A", "framework_apps:app", "worker", "--concurrency", "1", "--loglevel", "ERROR"]
    worker = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not app.control.ping(timeout=1):
            time.sleep(0.1)
        begun = time.monotonic()
        sent = [app.send_task("echo", (number,)) for number in range(jobs)]
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
    sent = [queues[number % 4].enqueue("framework_apps.echo", number) for number in range(jobs)]
    command = [os.path.join(os.path.dirname(sys.executable), "rq"), "worker", "--burst", "--quiet", "--worker-class", "rq.SimpleWorker", "--url", url]
    subprocess.run([*command, *[queue.name for queue in queues]], cwd=HERE, check=True)
    for job in sent:
        job.refresh()
        assert job.return_value() == job.args[0]
    return (max(job.ended_at for job in sent) - min(job.started_at for job in sent)).total_seconds()


def sidekiq(_url, _jobs):
    program = os.path.join(HERE, "framework_jobs.rb")
    subprocess.run(["ruby", program], check=True)
    return counted(["sidekiq", "-r", program, "-c", "8", "-e", "production"])


def others(_url, _jobs):
    import framework_apps

    framework_apps.send()
    program, *words = framework_apps.WORKERS[framework_apps.KIND]
    return counted([os.path.join(os.path.dirname(sys.executable), program), *words])


def counted(command):
    """Starts a worker, and waits until it has told how long its jobs took."""
    with tempfile.TemporaryDirectory() as folder:
        result = os.path.join(folder, "result")
        worker = subprocess.Popen(command, cwd=HERE, env={**os.environ, "JOBS_RESULT": result}, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            while not os.path.exists(result):
                if worker.poll() is not None:
                    raise SystemExit(f"{command} ended with {worker.returncode}")
                time.sleep(0.02)
            with open(result, encoding="ascii") as file:
                return float(file.read())
        finally:
            # A worker that has ended has left no group.
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


if __name__ == "__main__":
    kind, address, count = sys.argv[1:]
    os.environ.update(JOBS_KIND=kind, JOBS_URL=address, JOBS=count, PYTHONPATH=HERE)
    print({"celery": celery, "rq": rq, "sidekiq": sidekiq}.get(kind, others)(address, int(count)))
