"""Jobs of RQ."""

import time

from journal import record
from rq import get_current_job


def note(entry):
    """Writes an entry down and returns it."""
    record(entry)
    return entry


def flaky(entry, failures):
    """Fails so often before it succeeds."""
    job = get_current_job()
    attempt = job.meta.get("attempt", 0)
    job.meta["attempt"] = attempt + 1
    job.save_meta()
    record(f"{entry}:{attempt}")
    if attempt < failures:
        raise ValueError(f"attempt {attempt}")
    return attempt


def endless(entry):
    record(entry)
    time.sleep(600)
