"""Tasks of Huey."""

import os

from huey import PriorityRedisHuey, RedisHuey
from journal import record

Storage = PriorityRedisHuey if os.environ.get("HUEY_PRIORITIES") == "yes" else RedisHuey
huey = Storage("app", url=os.environ["PATIENT_URL"])


@huey.task()
def note(entry):
    """Writes an entry down and returns it."""
    record(entry)
    return entry


@huey.task()
def add(left, right):
    record(f"add:{left}+{right}")
    return left + right


@huey.task(retries=3, retry_delay=0, context=True)
def flaky(entry, failures, task=None):
    """Fails so often before it succeeds."""
    attempt = 3 - task.retries
    record(f"{entry}:{attempt}")
    if attempt < failures:
        raise ValueError(f"attempt {attempt}")


@huey.task()
@huey.lock_task("exclusive")
def locked(entry):
    record(entry)


def send_all(count):
    """Sends tasks of each kind and waits for what has a result."""
    results = [note(f"note:{number}") for number in range(int(count))]
    chained = huey.enqueue(add.s(1, 2).then(add, 10).then(add, 100))
    for number in range(4):
        flaky(f"flaky:{number}", 2)
    note.schedule((f"later:{count}",), delay=1)
    revoked = note.schedule(("never",), delay=1)
    revoked.revoke()
    locked("locked")
    assert [result.get(blocking=True, timeout=120) for result in results] == [f"note:{n}" for n in range(int(count))]
    assert [result.get(blocking=True, timeout=120) for result in chained] == [3, 13, 113]


def send_priorities():
    for priority in (1, 5, 3, 4, 2):
        note(f"priority:{priority}", priority=priority)
