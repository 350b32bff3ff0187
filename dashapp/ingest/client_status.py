"""How one client of a connection is: what the page of connections shows of it."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from dashapp.ingest.intake import Flight

State = Literal["connecting", "connected", "waiting", "failed"]
RATE_S = 10.0


@dataclass(slots=True)
class ClientStatus:
    """Written by the client's own thread, read by the one that keeps the record. Times are seconds since 1970."""

    state: State = "connecting"
    detail: str = ""
    since: float = field(default_factory=time.time)
    messages: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0
    lag: int | None = None
    last_message_at: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    subscribed: tuple[str, ...] = ()
    _counted: "deque[tuple[float, int]]" = field(default_factory=deque)

    def move(self, state: State, detail: str = "") -> None:
        """Says how it is now."""
        if state != self.state:
            self.since = time.time()
        self.state, self.detail = state, detail

    def fail(self, error: str, state: State = "failed") -> None:
        """Says what went wrong."""
        self.move(state, error)
        self.note(error)

    def note(self, error: str) -> None:
        """Remembers what went wrong, whatever the state."""
        self.last_error, self.last_error_at = error, time.time()

    def land(self, flight: Flight) -> None:
        """Counts what became of messages."""
        self.messages += len(flight.messages)
        self.stored += flight.outcome.stored
        self.duplicates += flight.outcome.duplicates
        self.conflicts += len(flight.outcome.conflicts)
        self.refused += flight.refused
        self.last_message_at = time.time()

    def per_s(self) -> float:
        """Messages a second over the last ten; to be asked by the one that keeps the record."""
        now = time.monotonic()
        self._counted.append((now, self.messages))
        while len(self._counted) > 1 and now - self._counted[0][0] > RATE_S:
            self._counted.popleft()
        began, before = self._counted[0]
        return (self.messages - before) / (now - began) if now > began else 0.0
