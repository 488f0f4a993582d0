"""The person watching: MONITOR counted by command, and the in-flight books looked at while workers work."""

import threading
from collections import Counter

import redis


class CommandCounter(threading.Thread):
    """Counts what MONITOR shows until it is stopped."""

    MARK = "the-person-watching-leaves"

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.counts = Counter()
        self.error = None
        self.watching = threading.Event()

    def run(self):
        try:
            with self.client.monitor() as monitor:
                self.watching.set()
                for entry in monitor.listen():
                    if self.MARK in entry["command"]:
                        return
                    self.counts[entry["command"].split(" ", 1)[0].upper()] += 1
        except redis.RedisError as error:
            self.error = error
        finally:
            self.watching.set()

    def finish(self, client):
        """Ends the watching; returns the counts, largest first."""
        client.echo(self.MARK)
        self.join(10)
        return self.counts.most_common()


class InFlightWatcher(threading.Thread):
    """Looks at Celery's two in-flight keys again and again."""

    def __init__(self, client, every_seconds=0.01):
        super().__init__(daemon=True)
        self.client = client
        self.every_seconds = every_seconds
        self.most = 0
        self.sample = None
        self.disagreements = 0
        self._ended = threading.Event()

    def run(self):
        while not self._ended.wait(self.every_seconds):
            # Both keys in one transaction: they are written together, so they must agree.
            with self.client.pipeline(transaction=True) as pipe:
                pipe.hlen("unacked").zcard("unacked_index").zrange("unacked_index", 0, 0, withscores=True)
                fields, members, oldest = pipe.execute()
            self.disagreements += fields != members
            if members > self.most:
                self.most = members
                self.sample = oldest[0]

    def finish(self):
        """Ends the watching."""
        self._ended.set()
        self.join(10)
