"""A producer or consumer of the soak: `roles.py produce|consume list|stream NAME LIFE`.

It may be killed at any moment, and its connections cut. A life is one run of a process; the name stays.
"""

import itertools
import os
import signal
import sys
import time

import books
import redis

FOLDER = os.environ["LEDGERS"]
QUEUES = 6
BATCH = 5
PACE_SECONDS = 0.03
# Producers wait while a list is longer: what is left at the end must be done soon, however slow the machine is.
BACKLOG_MAX = 200
# How long an entry takes, so that who is killed has mostly something in hand.
WORK_SECONDS = 0.015
GROUP = "workers"
# What has been pending for so long belongs to somebody who is gone.
ABANDONED_MS = 4000

ending = False


def connect():
    """A client that repeats nothing by itself: whether to do something again is decided here."""
    return redis.Redis(host="127.0.0.1", port=int(os.environ["SERVER_PORT"]), decode_responses=True, retry=None, socket_timeout=120)


def forever(life):
    """Runs a function, with a new connection whenever the old one is gone, until the process is asked to end."""
    while not ending:
        client = connect()
        try:
            life(client)
        except redis.ConnectionError:
            time.sleep(0.01)
        finally:
            client.close()


def produce(kind, life):
    """Sends entries that exist nowhere else; one whose acknowledgement is lost is not sent again."""
    numbers = itertools.count()

    def send(client):
        while not ending:
            entries = [f"{kind}-{life}-{next(numbers)}" for _ in range(BATCH)]
            books.write(FOLDER, kind, [("intended", entry) for entry in entries])
            with client.pipeline(transaction=hash(entries[0]) % 2 == 0) as pipe:
                for place, entry in enumerate(entries):
                    queue = (int(entry.rsplit("-", 1)[1]) + place) % QUEUES
                    if kind == "list":
                        pipe.rpush(f"soak:list:{queue}", entry)
                    else:
                        pipe.xadd(f"soak:stream:{queue}", {"entry": entry})
                pipe.execute()
            books.write(FOLDER, kind, [("sent", entry) for entry in entries])
            time.sleep(PACE_SECONDS)
            while not ending and max(client.llen(f"soak:list:{queue}") for queue in range(QUEUES)) > BACKLOG_MAX:
                time.sleep(0.1)

    forever(send)


def consume_lists(name):
    """The reliable queue: BLMOVE to a list of one's own, work, LREM. What is left there from before is done again."""
    mine = f"soak:list:taken:{name}"

    def life(client):
        for queue in itertools.cycle(range(QUEUES)):
            for entry in client.lrange(mine, 0, -1):
                books.write(FOLDER, "list", [("again", entry)])
                client.lrem(mine, 1, entry)
            if ending:
                return
            # Waits at this queue; then takes what is there, so that no queue starves.
            entry = client.blmove(f"soak:list:{queue}", mine, 0.05, "LEFT", "RIGHT")
            while entry is not None:
                time.sleep(WORK_SECONDS)
                books.write(FOLDER, "list", [("done", entry)])
                client.lrem(mine, 1, entry)
                entry = client.lmove(f"soak:list:{queue}", mine, "LEFT", "RIGHT")

    forever(life)


def consume_streams(name, life_number):
    """A consumer of a group; in each life with a new name, so that what was pending must be claimed."""
    consumer = f"{name}-{life_number}"
    streams = {f"soak:stream:{queue}": ">" for queue in range(QUEUES)}

    def life(client):
        for stream in streams:
            try:
                client.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except redis.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        # Whatever this consumer has from before its connection was cut is still its own.
        for stream, entries in client.xreadgroup(GROUP, consumer, dict.fromkeys(streams, "0")):
            acknowledge(client, stream, entries, "again")
        while not ending:
            for stream, entries in client.xreadgroup(GROUP, consumer, streams, count=10, block=200) or []:
                acknowledge(client, stream, entries, "done")
            for stream in streams:
                _, entries, *_ = client.xautoclaim(stream, GROUP, consumer, ABANDONED_MS, count=20)
                acknowledge(client, stream, entries, "again")

    forever(life)


def acknowledge(client, stream, entries, what):
    if entries:
        time.sleep(WORK_SECONDS * len(entries))
        books.write(FOLDER, "stream", [(what, fields["entry"]) for _, fields in entries])
        client.xack(stream, GROUP, *[entry_id for entry_id, _ in entries])


def end(*_):
    global ending
    ending = True


def main():
    part, kind, name, life = sys.argv[1:]
    signal.signal(signal.SIGTERM, end)
    if part == "produce":
        produce(kind, life)
    elif kind == "list":
        consume_lists(name)
    else:
        consume_streams(name, life)


if __name__ == "__main__":
    main()
