"""Draws curves over sizes as SVG: small panels with the same axes, one for each operation.

Owns colours and geometry; must not know what was measured.
"""

import math
from xml.sax.saxutils import escape

COLUMNS = 3
WIDTH, HEIGHT = 300, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 30, 28
HEAD, FOOT = 66, 12
COLOURS = {"corelane": "#0b6e99", "valkey": "#b5651d"}
TEXT, FAINT = "#333333", "#dddddd"
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def text(x, y, words, size=11, anchor="start", weight="normal", colour=TEXT):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{escape(words)}</text>'


def line(x1, y1, x2, y2, colour):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="1"/>'


class Scale:
    """A logarithmic axis."""

    def __init__(self, least, most, start, end):
        self.low, self.high = math.log10(least), math.log10(most)
        self.start, self.end = start, end

    def __call__(self, value):
        share = (math.log10(value) - self.low) / ((self.high - self.low) or 1)
        return self.start + share * (self.end - self.start)


def bounds(values):
    """Steps of 1, 2 and 5 around all values."""
    steps = [digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5)]
    least = max(step for step in steps if step <= min(values))
    most = min(step for step in steps if step >= max(values))
    return [step for step in steps if least <= step <= most]


def panel(x, y, title, curves, sizes, ticks):
    """One operation."""
    across = Scale(sizes[0], sizes[-1], x + LEFT, x + WIDTH - RIGHT)
    up = Scale(ticks[0], ticks[-1], y + HEIGHT - BOTTOM, y + TOP)
    parts = [text(x + LEFT, y + TOP - 10, title, 12, weight="bold")]
    for tick in ticks:
        parts.append(line(x + LEFT, up(tick), x + WIDTH - RIGHT, up(tick), FAINT))
        parts.append(text(x + LEFT - 6, up(tick) + 4, f"{tick:g}", 10, "end"))
    for size in sizes:
        power = str(round(math.log10(size))).translate(SUPERSCRIPTS)
        parts.append(text(across(size), y + HEIGHT - BOTTOM + 16, f"10{power}", 10, "middle"))
    for server, curve in curves.items():
        colour = COLOURS[server]
        points = " ".join(f"{across(size):.1f},{up(value):.1f}" for size, value in curve)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(size):.1f}" cy="{up(value):.1f}" r="2.5" fill="{colour}"/>' for size, value in curve]
    return parts


def panels(heading, operations):
    """The whole picture: `operations` are titles with the curves of each server, lists of (size, microseconds)."""
    curves = [curve for _, by_server in operations for curve in by_server.values()]
    sizes = sorted({size for curve in curves for size, _ in curve})
    ticks = bounds([value for curve in curves for _, value in curve])
    rows = -(-len(operations) // COLUMNS)
    width, height = COLUMNS * WIDTH + RIGHT, HEAD + rows * HEIGHT + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(LEFT, 24, heading, 14, weight="bold"),
        text(LEFT, 44, "microseconds (both axes logarithmic; each step of size is a factor of ten)", 11),
    ]
    at = width - RIGHT
    for server in reversed(list(operations[0][1])):
        parts.append(text(at, 44, server, 12, "end", "bold", COLOURS[server]))
        at -= 70
    for number, (title, by_server) in enumerate(operations):
        x, y = number % COLUMNS * WIDTH, HEAD + number // COLUMNS * HEIGHT
        parts += panel(x, y, title, by_server, sizes, ticks)
    return "\n".join([*parts, "</svg>", ""])
