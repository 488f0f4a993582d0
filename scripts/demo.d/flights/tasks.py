"""The tasks: an event of a flight fans out into one notification for each passenger and channel."""

import os
import time

from flights.app import app
from flights.ledger import record
from flights.passengers import passengers_of

PACE_SECONDS = float(os.environ.get("FLIGHTS_PACE_SECONDS", "0.002"))


@app.task(bind=True)
def flight_delayed(self, event, flight, minutes):
    """A flight leaves later: tell everybody on board."""
    return _announce(self, event, flight, f"{flight} is delayed by {minutes} minutes")


@app.task(bind=True)
def flight_boarding(self, event, flight, gate):
    """A flight boards now: tell everybody on board, before all that is less urgent."""
    return _announce(self, event, flight, f"{flight} is boarding at gate {gate}")


@app.task(bind=True)
def send_email(self, event, address, text):
    """Tells one passenger by e-mail."""
    return _deliver(self, event, "email", address, text)


@app.task(bind=True)
def send_sms(self, event, phone, text):
    """Tells one passenger by SMS."""
    return _deliver(self, event, "sms", phone, text)


@app.task(bind=True)
def send_push(self, event, token, text):
    """Tells one passenger on their telephone's screen."""
    return _deliver(self, event, "push", token, text)


def _announce(task, event, flight, text):
    """Loads the passengers and fans out; the priority of the event is that of its notifications."""
    record(kind="event", event=event, task=task.request.id, at=time.time(), worker=task.request.hostname)
    urgency = {"priority": task.request.delivery_info.get("priority") or 0}
    sent, skipped = [], []
    for passenger in passengers_of(flight):
        sent.append(send_email.apply_async((event, passenger.email, text), **urgency).id)
        sent.append(send_sms.apply_async((event, passenger.phone, text), **urgency).id)
        if passenger.push_token is None:
            skipped.append(passenger.name)
        else:
            sent.append(send_push.apply_async((event, passenger.push_token, text), **urgency).id)
    return {"text": text, "sent": sent, "skipped": skipped}


def _deliver(task, event, channel, address, text):
    """Stands for the gateway that would really send."""
    time.sleep(PACE_SECONDS)
    record(kind=channel, event=event, address=address, task=task.request.id, at=time.time(), worker=task.request.hostname)
    return {"channel": channel, "address": address, "text": text}
