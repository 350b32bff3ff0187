"""A range cut into the periods of a trend: hours, days of a plant, shifts. Times are microseconds since 1970 UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dashapp.domain.shifts import DAY_US, Interval, ShiftCalendar, day_us, shifts_between

HOUR_US = 3_600_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class By(StrEnum):
    """What a point of a trend stands for."""

    HOUR = "hour"
    DAY = "day"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class Period:
    """A part of a range. `name` is that of a shift; `day` the local date on which it begins, of an hour too."""

    start_us: int
    end_us: int
    day: date
    name: str = ""


def days_between(zone: str, start_us: int, end_us: int) -> list[Interval]:
    """The local days of a zone that touch a range, whole, in order: of 23, 24 or 25 hours."""
    if end_us <= start_us:
        return []
    around = range(_EPOCH_DAY + start_us // DAY_US - 1, _EPOCH_DAY + (end_us - 1) // DAY_US + 2)
    days = (day_us(zone, date.fromordinal(number)) for number in around)
    return [(low, high) for low, high in days if high > start_us and low < end_us and high > low]


def periods(by: By, zone: str, calendars: Sequence[ShiftCalendar], start_us: int, end_us: int) -> list[Period]:
    """The periods of a range, cut to it, in order and apart. Hours begin with the local day's midnight; between shifts there is none."""
    if by is By.SHIFT:
        shifts = shifts_between(calendars, start_us, end_us)
        return [Period(max(one.start_us, start_us), min(one.end_us, end_us), one.day, one.name) for one in shifts]
    found = []
    for low, high in days_between(zone, start_us, end_us):
        day = _day_of(zone, low, high)
        for begin in range(low, high, HOUR_US) if by is By.HOUR else [low]:
            end = min(begin + HOUR_US, high) if by is By.HOUR else high
            if end > start_us and begin < end_us:
                found.append(Period(max(begin, start_us), min(end, end_us), day))
    return found


def _day_of(zone: str, low: int, high: int) -> date:
    """The local date whose day this is."""
    middle = _EPOCH_DAY + (low + high) // 2 // DAY_US
    near = (date.fromordinal(number) for number in range(middle - 1, middle + 2))
    return next(day for day in near if day_us(zone, day) == (low, high))
