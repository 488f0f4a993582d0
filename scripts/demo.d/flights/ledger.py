"""What really happened, written beside the server so that it can be compared with what the server says.

Each execution of a task appends one line to a file; a line is written by one call, so processes do not mix theirs.
"""

import json
import os


def record(**entry):
    """Appends one execution."""
    line = json.dumps(entry) + "\n"
    file = os.open(os.environ["FLIGHTS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def read(path):
    """Every execution so far, in the order of writing."""
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []
