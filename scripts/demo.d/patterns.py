"""The plain patterns, without a framework: what queue users do by hand."""

import contextlib
import statistics
import threading
import time

WAKE_UPS = 40


def tell(story, connect):
    """Runs every pattern; `connect` returns a new client each time."""
    with contextlib.closing(connect()) as client:
        wake_up(story, client, connect)
        reliable_queue(story, client)
        priority_bump(story, client)
        two_services(story, client)
        fire_and_forget(story, client)


def wake_up(story, client, connect):
    """LPUSH wakes a worker that waits in BLPOP."""
    story.chapter("A blocked worker wakes at once: BLPOP and LPUSH")
    taken, microseconds = [], []
    ready, served = threading.Semaphore(0), threading.Semaphore(0)

    def worker():
        with contextlib.closing(connect()) as own:
            for _ in range(WAKE_UPS):
                ready.release()
                popped = own.blpop(["gate:a", "gate:b", "gate:c"], timeout=10)
                taken.append((popped, time.perf_counter()))
                served.release()

    thread = threading.Thread(target=worker, daemon=True)
    thread.start()
    for number in range(WAKE_UPS):
        ready.acquire()
        time.sleep(0.005)
        pushed = time.perf_counter()
        key = f"gate:{'abc'[number % 3]}"
        client.lpush(key, f"CL{number}")
        served.acquire(timeout=15)
        popped, at = taken[-1] if taken else (None, pushed)
        microseconds.append((at - pushed) * 1e6)
        if popped != (key, f"CL{number}") and popped != [key, f"CL{number}"]:
            break
    thread.join(15)
    served_right = len(taken) == WAKE_UPS and all(
        tuple(popped or ()) == (f"gate:{'abc'[number % 3]}", f"CL{number}") for number, (popped, _) in enumerate(taken)
    )
    median = statistics.median(microseconds)
    story.fact(f"{len(microseconds)} pushes to a worker waiting on 3 lists: woken in {median:.0f} us (median), "
               f"{max(microseconds):.0f} us at most, both ends in Python")
    story.check("every waiting worker got exactly what was pushed", served_right, taken[-1:])
    story.check("the worker woke within 100 ms (median)", median < 100_000, f"{median:.0f} us")


def reliable_queue(story, client):
    """LMOVE to a processing list, work, LREM; what a dead worker held is still there."""
    story.chapter("A queue that survives its worker: LMOVE flights -> processing, LREM")
    flights = [f"CL{number}" for number in range(301, 307)]
    client.delete("flights", "processing")
    client.lpush("flights", *flights)
    done = []
    while (flight := client.lmove("flights", "processing", "RIGHT", "LEFT")) is not None:
        if flight == "CL304":
            story.fact("the worker dies holding CL304, before LREM")
            continue
        done.append(flight)
        client.lrem("processing", 1, flight)
    story.fact(f"done in order: {', '.join(done)}; still in processing: {client.lrange('processing', 0, -1)}")
    story.check("what the dead worker held is in processing", client.lrange("processing", 0, -1) == ["CL304"])
    client.lmove("processing", "flights", "LEFT", "RIGHT")
    again = client.lmove("flights", "processing", "RIGHT", "LEFT")
    removed = client.lrem("processing", 1, again)
    done.append(again)
    story.fact(f"another worker takes {again} again and removes {removed}")
    left = client.exists("flights", "processing")
    story.check("each flight was done exactly once", sorted(done) == flights and left == 0, done)


def priority_bump(story, client):
    """ZINCRBY makes something more urgent; ZREVRANGE 0 0 looks at the most urgent."""
    story.chapter("A priority that can be raised: ZINCRBY, ZREVRANGE 0 0")
    client.delete("urgency")
    client.zadd("urgency", {"CL401": 10, "CL402": 20, "CL403": 30})
    before = client.zrevrange("urgency", 0, 0, withscores=True)
    score = client.zincrby("urgency", 25, "CL401")
    after = client.zrevrange("urgency", 0, 0, withscores=True)
    story.fact(f"most urgent was {before[0][0]} ({before[0][1]:.0f}); CL401 was raised to {score:.0f}; "
               f"most urgent is {after[0][0]}")
    raised = [tuple(before[0]), score, tuple(after[0])]
    story.check("the raised flight is first", raised == [("CL403", 30.0), 35.0, ("CL401", 35.0)], raised)
    client.delete("urgency")


def two_services(story, client):
    """A stream of seats with two groups; what a dead consumer held is taken over, and nothing is lost."""
    story.chapter("Two services for each seat: XREADGROUP, XPENDING, XCLAIM, XACK")
    seats = [f"{row}{letter}" for row in range(1, 6) for letter in "ABCD"]
    client.delete("seats")
    served = {"meals": [], "cleaning": []}
    for group in served:
        client.xgroup_create("seats", group, id="0", mkstream=True)
    for seat in seats:
        client.xadd("seats", {"seat": seat})

    def serve(group, entries):
        for entry, fields in entries:
            if client.xack("seats", group, entry):
                served[group].append(fields["seat"])

    dead = client.xreadgroup("meals", "trolley-1", {"seats": ">"}, count=6)
    story.fact(f"trolley-1 dies with {len(dead[0][1])} meals in its hands")
    for group in served:
        while got := client.xreadgroup(group, "steady", {"seats": ">"}, count=4):
            serve(group, got[0][1])
    left = client.xpending("seats", "meals")
    story.fact(f"pending for meals: {left['pending']} of {left['consumers'][0]['name']}; for cleaning: {client.xpending('seats', 'cleaning')['pending']}")
    held = client.xpending_range("seats", "meals", "-", "+", 10, consumername="trolley-1")
    serve("meals", client.xclaim("seats", "meals", "trolley-2", 0, [each["message_id"] for each in held]))
    story.fact(f"trolley-2 claims and serves {len(held)}")
    complete = all(sorted(done) == sorted(seats) for done in served.values())
    story.check("every seat got its meal and was cleaned, once", complete, served)
    progress = [(each["name"], each["pending"], each["lag"]) for each in client.xinfo_groups("seats")]
    story.check("nothing is pending or left to deliver", progress == [("cleaning", 0, 0), ("meals", 0, 0)], progress)
    client.delete("seats")


def fire_and_forget(story, client):
    """PUBLISH reaches those who listen, and nobody keeps it for those who do not."""
    story.chapter("Fire and forget: PUBLISH and SUBSCRIBE")
    unheard = client.publish("board", "CL501 at gate 3")
    with contextlib.closing(client.pubsub(ignore_subscribe_messages=True)) as listener:
        listener.subscribe("board")
        listener.get_message(timeout=5)
        heard = client.publish("board", "CL502 at gate 4")
        deadline = time.monotonic() + 5
        message = None
        while message is None and time.monotonic() < deadline:
            message = listener.get_message(timeout=1)
        listener.unsubscribe("board")
    data = message and message["data"]
    story.fact(f"published to {unheard} and then to {heard} listeners; the listener read {data!r}")
    story.check("only what was published while listening was heard",
                (unheard, heard, data) == (0, 1, "CL502 at gate 4"), (unheard, heard, data))
