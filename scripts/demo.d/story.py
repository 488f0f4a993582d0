"""How the demonstration talks: chapters, facts and checks.

A check that does not hold is printed, counted and decides the exit status; facts are left out when quiet.
"""


class Story:
    """Prints what happens and remembers what did not hold."""

    def __init__(self, quiet=False):
        self.quiet = quiet
        self.passed = 0
        self.failed = []

    def chapter(self, title):
        """Begins a part of the story."""
        self._say(f"\n== {title}")

    def fact(self, text):
        """Tells something that was seen."""
        self._say(f"   {text}")

    def table(self, rows):
        """Tells several things in aligned columns; each row is a sequence of values."""
        rows = [[str(value) for value in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            self.fact("  ".join(value.ljust(width) for value, width in zip(row, widths)).rstrip())

    def check(self, text, holds, seen=""):
        """Tells whether something holds that must."""
        if holds:
            self.passed += 1
            self._say(f"   ok: {text}")
        else:
            self.failed.append(text)
            print(f"   FAILED: {text}{f' (seen: {seen})' if seen != '' else ''}", flush=True)

    def end(self):
        """Sums up; returns the exit status."""
        outcome = "nothing lost, nothing doubled" if not self.failed else "; ".join(self.failed)
        print(f"\n{self.passed} checks held, {len(self.failed)} did not: {outcome}", flush=True)
        return 1 if self.failed else 0

    def _say(self, text):
        if not self.quiet:
            print(text, flush=True)
