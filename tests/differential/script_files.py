"""Hand-written scripts over several connections, kept as text beside this file.

A file holds scripts, each after a line `# name`; scenario.py says what their
lines mean.
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "scripts"
SESSIONS = ("connection", "transactions", "pubsub", "server")
BLOCKING = ("blocking", "streams")
# Of features that a server may not have yet: each file is a suite of its own.
FEATURES = ("notifications", "scripting", "tracking")


def load(files):
    """The scripts of some files by name, each a list of lines."""
    scripts = {}
    for file in files:
        lines = None
        for line in (FOLDER / f"{file}.txt").read_text().splitlines():
            if line.startswith("# "):
                lines = scripts.setdefault(line[2:], [])
            elif line.strip():
                lines.append(line.strip())
    return scripts
