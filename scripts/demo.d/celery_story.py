"""The Celery part of the demonstration: queue, in-flight books, results, and the proof that nothing got lost."""

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter

from celery.exceptions import CeleryError, TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult

from flights import ledger
from flights.app import DAY_SECONDS, PRIORITY_STEPS, app, priority_queues
from flights.passengers import passengers_of
from flights.tasks import flight_boarding, flight_delayed
from server import end_group
from watch import CommandCounter, InFlightWatcher

BOARDING_PRIORITY, DELAY_PRIORITY = 0, 6
WORKERS_START_SECONDS_MAX = 60
RESULT_SECONDS_MAX = 120
RESULT_KEYS = "celery-task-meta-*"


def tell(story, connect, directory, tasks, workers):
    """Runs the application: publishes, starts workers, waits for results, and compares with the ledger."""
    with contextlib.closing(connect()) as client, contextlib.ExitStack() as ended:
        commands = CommandCounter(connect())
        commands.start()
        commands.watching.wait(10)
        events = publish(story, tasks)
        show_queue(story, client, tasks)
        in_flight = InFlightWatcher(connect())
        in_flight.start()
        start_workers(story, directory, workers, ended)
        results = collect(story, events)
        in_flight.finish()
        show_in_flight(story, client, in_flight, workers)
        prove(story, events, results)
        show_results(story, client, results)
        counts = commands.finish(client)
        story.chapter("What the person at MONITOR saw")
        story.check("MONITOR worked", commands.error is None and bool(counts), commands.error)
        story.fact(", ".join(f"{name} {count}" for name, count in counts))
        story.chapter("Workers go home")
    leave_nothing(story, connect, workers)


def publish(story, tasks):
    """Queues events while no worker runs; every third is a boarding, which is more urgent."""
    story.chapter(f"{tasks} flight events are queued; no worker runs yet")
    events = {}
    for number in range(tasks):
        event, flight = f"E{number:05d}", f"CL{101 + number}"
        if number % 3 == 2:
            result = flight_boarding.apply_async((event, flight, 1 + number % 40), priority=BOARDING_PRIORITY)
        else:
            result = flight_delayed.apply_async((event, flight, 15 + number % 90), priority=DELAY_PRIORITY)
        events[event] = (flight, result)
    return events


def show_queue(story, client, tasks):
    """Looks at the lists behind the queue and into the envelope that will be taken next."""
    lengths = {queue: client.llen(queue) for queue in priority_queues()}
    for step, (queue, length) in zip(PRIORITY_STEPS, lengths.items()):
        story.fact(f"LLEN {json.dumps(queue):<22} {length:>5}   priority {step}")
    story.check("all events are in the queue", sum(lengths.values()) == tasks, lengths)
    raw = next((client.lindex(queue, -1) for queue, length in lengths.items() if length), None)
    envelope = json.loads(raw)
    args = json.loads(base64.b64decode(envelope["body"]))[0]
    headers = envelope["headers"]
    story.fact(f"next envelope: {len(raw)} bytes, task {headers['task']}, id {headers['id']}, arguments {args}")


def start_workers(story, directory, workers, ended):
    """Starts worker processes and waits until each answers over worker control."""
    story.chapter(f"{workers} workers start")
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(__file__)))
    begun = time.monotonic()
    for number in range(workers):
        log = ended.enter_context(open(os.path.join(directory, f"worker{number}.log"), "wb"))
        command = [sys.executable, "-m", "celery", "-A", "flights", "worker", "--concurrency", "1",
                   "--loglevel", "WARNING", "--hostname", f"w{number}@flights"]
        process = subprocess.Popen(command, env=environment, cwd=directory, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        ended.callback(end_group, process, 20)
    answers = {}
    while len(answers) < workers and time.monotonic() - begun < WORKERS_START_SECONDS_MAX:
        for answer in app.control.ping(timeout=1.0):
            answers.update(answer)
    story.fact(f"worker control (PUBLISH, and replies in a list) answered: {', '.join(sorted(answers))}")
    story.check("every worker answers", len(answers) == workers, worker_logs(directory))


def worker_logs(directory):
    """The last lines of each worker's log, for a failed check."""
    tails = []
    for name in sorted(os.listdir(directory)):
        if name.startswith("worker"):
            with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as log:
                tails.append(f"{name}: {''.join(log.readlines()[-3:]).strip()}")
    return "; ".join(tails)


def collect(story, events):
    """Waits for every event and every notification; returns task id -> result, None for a missing one."""
    story.chapter("Results arrive")
    begun = time.monotonic()
    results = {}
    for flight, pending in events.values():
        results[pending.id] = outcome = result_of(pending)
        for task_id in (outcome or {}).get("sent", []):
            results[task_id] = None
    for task_id, outcome in results.items():
        if outcome is None:
            results[task_id] = result_of(AsyncResult(task_id, app=app))
    seconds = time.monotonic() - begun
    missing = sum(outcome is None for outcome in results.values())
    story.fact(f"{len(results) - missing} results in {seconds:.1f} s: {len(events)} events and their notifications")
    skipped = [name for flight, pending in events.values() for name in (results[pending.id] or {}).get("skipped", [])]
    story.fact(f"{len(skipped)} passengers without a push token were skipped, such as {', '.join(skipped[:3])}")
    expected = [p.name for flight, _ in events.values() for p in passengers_of(flight) if p.push_token is None]
    story.check("exactly the passengers without a push token were skipped", skipped == expected)
    story.check("every task has a result", missing == 0, f"{missing} missing")
    return results


def result_of(pending):
    """The result of a task, or none if it failed or did not come."""
    try:
        return pending.get(timeout=RESULT_SECONDS_MAX)
    except (CeleryTimeoutError, CeleryError):
        return None


def show_in_flight(story, client, watcher, workers):
    """What the in-flight books showed while workers worked, and that they are empty now."""
    story.chapter("In-flight bookkeeping: unacked and unacked_index, always changed together")
    if watcher.sample:
        tag, taken_at = watcher.sample
        story.fact(f"{watcher.most} in flight at most; one of them: {tag}, taken {time.time() - taken_at:.1f} s ago")
    story.check("something was seen in flight", watcher.most > 0)
    # A worker may hold its prefetched task beside the one it executes.
    story.check("no more in flight than the workers may hold", watcher.most <= 2 * workers, watcher.most)
    story.check("the two keys never disagreed", watcher.disagreements == 0, watcher.disagreements)
    deadline = time.monotonic() + 10
    while client.exists("unacked", "unacked_index", *priority_queues()) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = {key: client.type(key) for key in ["unacked", "unacked_index", *priority_queues()]}
    story.check("queue and books are empty now", set(left.values()) == {"none"}, left)


def prove(story, events, results):
    """Compares the ledger of executions with what had to happen: each thing exactly once."""
    story.chapter("Nothing lost, nothing doubled")
    entries = ledger.read(os.environ["FLIGHTS_LEDGER"])
    done = Counter((entry["event"], entry["kind"], entry.get("address")) for entry in entries)
    due = Counter()
    for event, (flight, _) in events.items():
        due[event, "event", None] += 1
        for passenger in passengers_of(flight):
            addresses = {"email": passenger.email, "sms": passenger.phone, "push": passenger.push_token}
            for channel in passenger.channels():
                due[event, channel, addresses[channel]] += 1
    kinds = Counter(entry["kind"] for entry in entries)
    story.fact(f"executed: {', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))}")
    by_worker = Counter(entry["worker"] for entry in entries)
    story.fact(f"by worker: {', '.join(f'{worker} {count}' for worker, count in sorted(by_worker.items()))}")
    lost, doubled = due - done, done - due
    story.check("nothing was lost", not lost, list(lost.items())[:3])
    story.check("nothing was done twice", not doubled, list(doubled.items())[:3])
    story.check("as many results as executions", len(results) == sum(done.values()), (len(results), sum(done.values())))
    order = [entry["event"] for entry in entries if entry["kind"] == "event"]
    boarding = [int(event[1:]) % 3 == 2 for event in order]
    story.fact(f"boardings overtook delays: the first half of the events had {sum(boarding[:len(boarding) // 2])} "
               f"of {sum(boarding)} boardings")


def show_results(story, client, results):
    """Finds every result by SCAN and looks at its time to live."""
    story.chapter("Results live for 24 hours: SETEX, SCAN, TTL")
    keys = set(client.scan_iter(match=RESULT_KEYS, count=100))
    due = {f"celery-task-meta-{task_id}" for task_id in results}
    story.check("SCAN finds every result", keys == due, (len(keys), len(due)))
    sample = sorted(keys)[:3]
    first = [client.pttl(key) for key in sample]
    time.sleep(1.1)
    second = [client.pttl(key) for key in sample]
    rows = [("key", "PTTL", "1.1 s later")]
    story.table(rows + [(key, f"{before} ms", f"{after} ms") for key, before, after in zip(sample, first, second)])
    counting = all(1000 <= before - after <= 5000 for before, after in zip(first, second))
    story.check("the time to live counts down", bool(sample) and counting, (first, second))
    with client.pipeline(transaction=False) as pipe:
        for key in sorted(keys):
            pipe.ttl(key)
        lives = pipe.execute()
    story.check("every result expires within 24 hours", all(0 < life <= DAY_SECONDS for life in lives))


def leave_nothing(story, connect, workers):
    """After the workers have ended, no connection waits any more."""
    with contextlib.closing(connect()) as client:
        deadline = time.monotonic() + 10
        while client.info("clients").get("blocked_clients") and time.monotonic() < deadline:
            time.sleep(0.05)
        blocked = client.info("clients").get("blocked_clients")
        story.check(f"{workers} workers ended and nobody is blocked any more", blocked == 0, blocked)
