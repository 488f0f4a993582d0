"""A small airline: flights are delayed or board, and their passengers are told by e-mail, SMS and push."""

from flights.app import app

__all__ = ["app"]
