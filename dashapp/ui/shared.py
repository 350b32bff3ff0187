"""What many viewers ask for and one answer serves: read at most every so often, by one of them at a time."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Read = TypeVar("Read")


class Shared(Generic[Read]):
    """Values by key, each read again once it is `lasts_s` seconds old."""

    def __init__(self, lasts_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts_s = lasts_s
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._kept: dict[Hashable, tuple[float, Read]] = {}

    def get(self, key: Hashable, read: Callable[[], Read]) -> Read:
        """What was read of late, else what `read` gives now."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            kept = self._kept.get(key)
            if kept is None or self._clock() - kept[0] >= self._lasts_s:
                kept = self._kept[key] = (self._clock(), read())
            return kept[1]

    def forget(self, key: Hashable) -> None:
        """Reads it anew when it is next asked for: somebody changed it here."""
        self._kept.pop(key, None)
