"""Prints tables and the numbers in them.

Owns the layout; must not know what the numbers mean.
"""

from statistics import median


def spread(values, digits=2):
    """The median and the range of some numbers."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def print_table(title, head, rows):
    """Prints a Markdown table, aligned for reading as text."""
    cells = [head, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    line = lambda row: "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
    print(f"\n{title}\n")
    print(line(head))
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for row in cells[1:]:
        print(line(row))
    print(flush=True)


def verdict(value, limit, at_least):
    """Whether a number keeps its limit, as a cell."""
    if limit is None or value is None:
        return ""
    kept = value >= limit if at_least else value <= limit
    return f"{'>=' if at_least else '<='} {limit:g} {'yes' if kept else 'NO'}"
