"""Who sits in which flight: the same for every process that asks, without a database."""

from dataclasses import dataclass

NAMES = ["Ada", "Barbara", "Claude", "Dana", "Edsger", "Frances", "Grace", "Hedy", "Ivan", "Jean"]
PASSENGERS_PER_FLIGHT = 3


@dataclass(frozen=True)
class Passenger:
    """One traveller and the ways to reach them; without a push token there is no push."""

    name: str
    email: str
    phone: str
    push_token: str | None

    def channels(self):
        """The ways in which this passenger can be told."""
        return ["email", "sms"] + (["push"] if self.push_token else [])


def passengers_of(flight):
    """The passengers of a flight; one in three has no push token."""
    number = int(flight.removeprefix("CL"))
    return [_passenger(number * PASSENGERS_PER_FLIGHT + seat) for seat in range(PASSENGERS_PER_FLIGHT)]


def _passenger(number):
    name = f"{NAMES[number % len(NAMES)]}-{number}"
    token = None if number % 3 == 2 else f"token-{number:05d}"
    return Passenger(name, f"{name.lower()}@example.org", f"+44 20 7946 {number:04d}", token)
