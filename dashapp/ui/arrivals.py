"""How much a plant reports: counted in the database now and then, and moved on by what arrives meanwhile."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dashapp.ui.time_range import MINUTE_US, midnight_us
from db.queries.activity import Reported, readings_reported

SHARE = 200  # counting takes at most so small a part of one core
ROW_US = 0.4  # what no rollup holds yet is counted one by one
NOTED_EVERY_US = 5_000_000


@dataclass(frozen=True, slots=True)
class _Count:
    """What the database said at a time, when so many readings had ever come, and how long it took."""

    said: Reported
    ever: int
    at_us: int
    took_us: int


class Arrivals:
    """Of one plant, by the readings that its sensors ever had. A count may be made beside `now`, one at a time."""

    def __init__(self) -> None:
        self._count = _Count(Reported(0, 0), 0, 0, 0)
        self._seen: deque[tuple[int, int]] = deque()  # (time, readings ever) of the last minute

    def count(self, connection: Connection, sensor_ids: Sequence[int], ever: int, now_us: int, zone: str) -> None:
        """Asks the database, where the last count is not good any more; until then a reading that comes late counts as one of today."""
        last = self._count
        today_us = midnight_us(now_us, zone)
        rests_us = SHARE * max(last.took_us, ROW_US * (ever - last.ever))
        if now_us - last.at_us < rests_us and ever >= last.ever and today_us == midnight_us(last.at_us, zone):
            return
        began = time.monotonic()
        said = readings_reported(connection, sensor_ids, today_us, now_us)
        self._count = _Count(said, ever, now_us, round((time.monotonic() - began) * 1e6))

    def now(self, ever: int, now_us: int) -> Reported:
        """What was counted, moved on by what has come since."""
        if not self._seen or now_us - self._seen[-1][0] >= NOTED_EVERY_US:
            self._seen.append((now_us, ever))
        while len(self._seen) > 1 and self._seen[1][0] <= now_us - MINUTE_US:
            self._seen.popleft()
        began_us, before = self._seen[0]
        last = self._count
        minute = ever - before if began_us <= now_us - MINUTE_US else last.said.last_minute
        return Reported(last.said.since + max(0, ever - last.ever), max(0, minute))
