"""How many requests somebody may make in a minute. Pure: the moment is an argument.

A sliding window counter: of the minute before, the share that still lies within the last sixty seconds counts, as if its requests had been
spread evenly. In any sixty seconds no more pass than are allowed, and a key costs three numbers however many requests it makes.
"""

import ipaddress
import math

WINDOW_S = 60.0
MOST_KEYS = 50_000
ROUNDING = 1e-6


class TooMany(Exception):
    """The request is one too many; another one passes in `retry_after_s` whole seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests; the next one is taken in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Window:
    """Requests of many keys, each with the same allowance a minute; 0 allows any number."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._kept: dict[str, tuple[int, int, int]] = {}  # key → (which minute, requests in it, in the one before)

    def take(self, key: str, now_s: float) -> None:
        """Counts one request. Raises TooMany, and then it does not count."""
        if not self.per_minute:
            return
        minute, current, before = self._of(key, now_s)
        into = now_s / WINDOW_S - minute
        if before * (1 - into) + current + 1 > self.per_minute + ROUNDING:
            raise TooMany(max(math.ceil(self._wait_s(into, current, before)), 1))
        if len(self._kept) >= MOST_KEYS and key not in self._kept:
            self._forget(minute)
        self._kept[key] = minute, current + 1, before

    def give_back(self, key: str, now_s: float) -> None:
        """Takes back one request that counts under another key."""
        minute, current, before = self._of(key, now_s)
        if current:
            self._kept[key] = minute, current - 1, before
        elif before:  # it was counted just before the minute was over
            self._kept[key] = minute, current, before - 1

    def _of(self, key: str, now_s: float) -> tuple[int, int, int]:
        minute = int(now_s // WINDOW_S)
        kept, current, before = self._kept.get(key, (minute, 0, 0))
        if kept == minute:
            return minute, current, before
        return minute, 0, current if kept == minute - 1 else 0

    def _wait_s(self, into: float, current: int, before: int) -> float:
        """Until the share of the minute before has become small enough; where this minute alone is full, that of this one."""
        room = self.per_minute - 1
        if current <= room and before:
            return (1 - (room - current) / before - into) * WINDOW_S
        return (1 - into + max(1 - room / current, 0.0)) * WINDOW_S

    def _forget(self, minute: int) -> None:
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] >= minute - 1}
        if len(self._kept) >= MOST_KEYS:  # more senders than anybody has: who counts most is not worth finding out
            self._kept.clear()


def network_of(address: str | None) -> str:
    """What one customer has to themselves: an IPv4 address, or the /64 of an IPv6 one; "unknown" where there is none."""
    if address is None:
        return "unknown"
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
