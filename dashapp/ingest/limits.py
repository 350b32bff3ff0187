"""Who may ask how often: strangers by where they come from, then everybody by who they are. Pages and ingest keys apart from programs.

Kept in memory, so each replica counts its own.
"""

import threading
import time

from dashapp.domain.limits import Window, network_of
from dashapp.settings import Settings

PROVEN_FOR_S = 600.0
MOST_PROVEN = 50_000


class Limits:
    """The allowances of the settings. Every method but `give_back` raises TooMany."""

    def __init__(self, settings: Settings) -> None:
        self._strangers = Window(settings.rate_strangers)
        self._programs = Window(settings.rate_programs)
        self._ingest = Window(settings.rate_ingest)
        self._pages = Window(settings.rate_pages)
        self._proven: dict[bytes, float] = {}  # hash of a credential that was found good → until when that is remembered
        self._lock = threading.Lock()

    def stranger(self, address: str | None) -> None:
        """A request of somebody who is not known (yet)."""
        with self._lock:
            self._strangers.take(network_of(address), time.time())

    def give_back(self, address: str | None) -> None:
        """It was somebody after all."""
        with self._lock:
            self._strangers.give_back(network_of(address), time.time())

    def program(self, who: str) -> None:
        """A request to the API by a person or a key."""
        with self._lock:
            self._programs.take(who, time.time())

    def ingest(self, who: str) -> None:
        """A post of readings by a key."""
        with self._lock:
            self._ingest.take(who, time.time())

    def page(self, who: str) -> None:
        """A request of an open page, of a session or of a wall screen."""
        with self._lock:
            self._pages.take(who, time.time())

    def is_proven(self, credential: bytes) -> bool:
        """Whether a credential (its hash) was good in the last ten minutes: who holds it is no stranger, however many there are beside."""
        return self._proven.get(credential, 0.0) > time.monotonic()

    def prove(self, credential: bytes) -> None:
        """It was good just now."""
        if len(self._proven) >= MOST_PROVEN:
            self._proven.clear()
        self._proven[credential] = time.monotonic() + PROVEN_FOR_S

    def disprove(self, credential: bytes) -> None:
        """It is not good any more."""
        self._proven.pop(credential, None)
