"""What is remembered for a moment about sessions, people and keys, and word inside this process that it changed.

Other replicas learn of a change when what they remember runs out, after five seconds at most.
"""

import itertools
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")
REMEMBERED_S = 5.0
MOST_REMEMBERED = 20_000

_numbers = itertools.count(1)
_last = 0


def count() -> int:
    """A number that moves with every change; what was read before it moved is old."""
    return _last


def announce() -> None:
    """Makes everything remembered about access old. To be called after the commit, never before it."""
    global _last  # noqa: PLW0603
    _last = next(_numbers)


class Recent(Generic[Found]):
    """Look-ups by hash, remembered for `lasts_s` seconds or until something changes; also that nothing was found."""

    def __init__(self, *, lasts_s: float = REMEMBERED_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts_s = lasts_s
        self._clock = clock
        self._kept: dict[bytes, tuple[float, int, Found | None]] = {}

    def peek(self, key: bytes) -> Found | None:
        """What is remembered; None where nothing is, or nothing was found."""
        kept = self._kept.get(key)
        return kept[2] if kept is not None and kept[1] == _last and kept[0] > self._clock() else None

    def find(self, key: bytes, read: Callable[[], Found | None]) -> Found | None:
        """What is remembered, else what `read` finds now."""
        kept = self._kept.get(key)
        if kept is not None and kept[1] == _last and kept[0] > self._clock():
            return kept[2]
        before = _last  # a change while it is read makes it old at once
        found = read()
        self.keep(key, found, before)
        return found

    def keep(self, key: bytes, found: Found | None, as_of: int | None = None) -> None:
        """Remembers what was found, as of the change `as_of` (the last one without it)."""
        if len(self._kept) >= MOST_REMEMBERED:
            self._kept.clear()
        self._kept[key] = (self._clock() + self._lasts_s, _last if as_of is None else as_of, found)
