"""What everybody wrote during a soak, and whether it adds up.

A line is `WHAT ENTRY`: `intended` before an entry is sent, `sent` when the server has acknowledged it, `done` when it was
processed as it came, `again` when it was processed because it had been delivered before.
"""

import collections
import os


def kinds_of_line():
    """The kinds of queue, each with books of its own."""
    return ["list", "stream", "bullmq"]


def path_of(folder, kind):
    return os.path.join(folder, f"{kind}.ledger")


def write(folder, kind, lines):
    """Appends lines by one call, so that processes do not mix theirs and a killed one leaves only whole ones."""
    file = os.open(path_of(folder, kind), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, "".join(f"{what} {entry}\n" for what, entry in lines).encode())
    finally:
        os.close(file)


class Books:
    """The lines of one kind of queue."""

    def __init__(self, folder, kind):
        self.kind = kind
        self.counts = {what: collections.Counter() for what in ("intended", "sent", "done", "again")}
        with open(path_of(folder, kind), encoding="utf-8") as file:
            for line in file:
                what, entry = line.split()
                self.counts[what][entry] += 1

    def summary(self):
        """How many there were of each, and how many nobody knows whether they were sent."""
        numbers = {what: sum(count.values()) for what, count in self.counts.items()}
        unsure = len(self.counts["intended"].keys() - self.counts["sent"].keys())
        return f"{numbers['sent']} sent, {unsure} sent perhaps, {numbers['done']} done, {numbers['again']} redelivered"

    def faults(self):
        """What must not be, in words."""
        done, again = self.counts["done"], self.counts["again"]
        lost = self.counts["sent"].keys() - done.keys() - again.keys()
        invented = (done.keys() | again.keys()) - self.counts["intended"].keys()
        doubled = [entry for entry, count in done.items() if count > 1]
        faults = [f"{self.kind}: lost: {entry}" for entry in sorted(lost)[:20]]
        faults += [f"{self.kind}: never sent: {entry}" for entry in sorted(invented)[:20]]
        faults += [f"{self.kind}: done {done[entry]} times without a redelivery: {entry}" for entry in sorted(doubled)[:20]]
        if not done:
            faults.append(f"{self.kind}: nothing was processed")
        return faults
