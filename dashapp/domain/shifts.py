"""When a plant is meant to work: shift calendars with a zone, and the shifts of a range as instants (REQUIREMENTS PR-3).

A calendar says for every weekday which shifts begin, with the plant's own clock. Clocks that are put forward or back are met so:

- a local time that does not exist (the hour, the half hour or the whole day that is left out) is the instant of the change;
- a local time that there is twice is the first of the two.

Both keep the order of local times, so shifts that follow each other on paper follow each other in time: none overlaps and nothing is
lost. A night shift is an hour shorter or longer then, and a shift that lies wholly in what is left out does not take place.

Where two shifts overlap all the same (an extra shift, the day a new calendar begins), the later one ends the earlier one.
Times are microseconds since 1970 UTC, ranges are start ≤ time < end. A shift belongs to the local date on which it begins.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAY_MIN = 1440
DAY_US = 86_400_000_000
NIGHT_MIN = 180  # of a night worker's shift between midnight and five, Directive 2003/88/EC Art. 2
NIGHT_ENDS_MIN = 300
SEEN_DAYS = 35  # how far back a shift is looked for: a plant may be shut for some weeks
MOST_SHIFTS = 24  # of one pattern
CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class PatternError(ValueError):
    """A pattern that is none. `field` names the part, `reason` says what is wrong with it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ShiftSpec:
    """A shift on paper: minutes after the midnight of the day on which it begins; `end_min` beyond 1440 is on the next day.

    `breaks` are (start, end) in the same minutes, in order, inside of the shift. `days` are ISO weekdays, 1 is Monday.
    """

    name: str
    start_min: int
    end_min: int
    days: frozenset[int] = frozenset()
    breaks: tuple[tuple[int, int], ...] = ()

    @property
    def is_night(self) -> bool:
        """Whether three hours of it or more lie between midnight and five."""
        nights = ((0, NIGHT_ENDS_MIN), (DAY_MIN, DAY_MIN + NIGHT_ENDS_MIN))
        return sum(max(0, min(self.end_min, high) - max(self.start_min, low)) for low, high in nights) >= NIGHT_MIN


@dataclass(frozen=True, slots=True)
class ShiftException:
    """A date that is not as its weekday: `shifts` instead of the usual ones (none: a holiday), or besides them where it is `extra`."""

    day: date
    name: str = ""
    shifts: tuple[ShiftSpec, ...] = ()
    extra: bool = False


@dataclass(frozen=True, slots=True)
class ShiftCalendar:
    """The shifts of a line ("": of the whole plant) by the clocks of `zone`, for shifts that begin from `valid_from` to `valid_to`."""

    line: str
    name: str
    zone: str
    shifts: tuple[ShiftSpec, ...]
    exceptions: tuple[ShiftException, ...] = ()
    valid_from: date = date.min
    valid_to: date | None = None

    def holds(self, day: date) -> bool:
        """Whether it is in force on a date."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def of_day(self, day: date) -> tuple[ShiftSpec, ...]:
        """The shifts that begin on a date, on paper."""
        usual = tuple(shift for shift in self.shifts if day.isoweekday() in shift.days)
        for exception in self.exceptions:
            if exception.day == day:
                usual = (*usual, *exception.shifts) if exception.extra else exception.shifts
        return usual


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift as it takes place. `day` is the local date on which it begins, `breaks` are (start, end) inside of it."""

    name: str
    day: date
    start_us: int
    end_us: int
    breaks: tuple[tuple[int, int], ...] = ()
    is_night: bool = False


Interval = tuple[int, int]
Calendars = Sequence[ShiftCalendar]


# ---- The shifts of a range


def shifts_between(calendars: Calendars, start_us: int, end_us: int) -> list[Shift]:
    """The shifts that reach into a range, whole, in order and without overlap. `calendars` are those of one line."""
    if end_us <= start_us:
        return []
    return [shift for shift in _around(calendars, start_us, end_us) if shift.end_us > start_us and shift.start_us < end_us]


def shift_at(calendars: Calendars, time_us: int) -> Shift | None:
    """The shift that is on at an instant; None between shifts."""
    return next(iter(shifts_between(calendars, time_us, time_us + 1)), None)


def last_shift(calendars: Calendars, time_us: int, *, night: bool = False) -> Shift | None:
    """The shift that ended last by an instant, or the night shift that did; None where there was none for weeks."""
    ended = [
        shift
        for shift in shifts_between(calendars, time_us - SEEN_DAYS * DAY_US, time_us)
        if shift.end_us <= time_us and (shift.is_night or not night)
    ]
    return ended[-1] if ended else None


def next_shift(calendars: Calendars, time_us: int) -> Shift | None:
    """The shift that begins next, at or after an instant; None where there is none for weeks."""
    coming = shifts_between(calendars, time_us, time_us + SEEN_DAYS * DAY_US)
    return next((shift for shift in coming if shift.start_us >= time_us), None)


def shift_of(calendars: Calendars, name: str, day: date) -> Shift | None:
    """The shift of this name, in any case, that begins on a local date."""
    noon_us = (datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    near = shifts_between(calendars, noon_us - 2 * DAY_US, noon_us + 3 * DAY_US)
    return next((shift for shift in near if shift.day == day and shift.name.casefold() == name.casefold()), None)


def busy_intervals(calendars: Calendars, start_us: int, end_us: int) -> list[Interval]:
    """Planned working time in a range: shifts without their breaks, cut to the range, in order and apart."""
    busy: list[Interval] = []
    for shift in shifts_between(calendars, start_us, end_us):
        at = shift.start_us
        for low, high in (*shift.breaks, (shift.end_us, shift.end_us)):
            piece = (max(at, start_us), min(low, end_us))
            if piece[1] > piece[0]:
                busy.append(piece)
            at = high
    return _joined(busy)


def busy_us(calendars: Calendars, start_us: int, end_us: int) -> int:
    """How long a range is planned to be worked in, µs."""
    return sum(high - low for low, high in busy_intervals(calendars, start_us, end_us))


def names(calendars: Calendars) -> list[str]:
    """The names of the shifts, as the calendars have them, each once."""
    return list(dict.fromkeys(shift.name for calendar in calendars for shift in calendar.shifts))


def of_line(calendars: Calendars, line: str) -> list[ShiftCalendar]:
    """The calendars of a line; those of the whole plant where it has none of its own."""
    return [one for one in calendars if one.line == line and line] or [one for one in calendars if not one.line]


def _joined(intervals: list[Interval]) -> list[Interval]:
    """The same time with as few intervals: shifts that follow each other are one."""
    joined: list[Interval] = []
    for low, high in intervals:
        if joined and joined[-1][1] == low:
            low = joined.pop()[0]
        joined.append((low, high))
    return joined


def _around(calendars: Calendars, start_us: int, end_us: int) -> list[Shift]:
    """Every shift near a range. Days enough around it that the shift after the last one, which may end it, is among them."""
    found = [shift for day in _days(start_us - 3 * DAY_US, end_us + 3 * DAY_US) for shift in _shifts_of(calendars, day)]
    found.sort(key=lambda shift: shift.start_us)
    ended = [_ending(shift, later.start_us) for shift, later in itertools.pairwise(found)]
    return [shift for shift in (*ended, *found[-1:]) if shift.end_us > shift.start_us]


def _days(start_us: int, end_us: int) -> Iterator[date]:
    first, last = (max(date.min.toordinal() + 3, min(_ordinal(us), date.max.toordinal() - 3)) for us in (start_us, end_us))
    return (date.fromordinal(number) for number in range(first, last + 1))


def _ordinal(time_us: int) -> int:
    return time_us // DAY_US + _EPOCH.toordinal()


def _shifts_of(calendars: Calendars, day: date) -> Iterator[Shift]:
    """The shifts that begin on a date; of calendars in force at the same time the one that began last counts."""
    in_force = [calendar for calendar in calendars if calendar.holds(day)]
    if not in_force:
        return
    calendar = max(in_force, key=lambda one: one.valid_from)
    for spec in calendar.of_day(day):
        start, end = (instant_us(calendar.zone, day, minute) for minute in (spec.start_min, spec.end_min))
        pauses = ((instant_us(calendar.zone, day, low), instant_us(calendar.zone, day, high)) for low, high in spec.breaks)
        yield Shift(spec.name, day, start, end, tuple(pair for pair in pauses if pair[1] > pair[0]), spec.is_night)


def _ending(shift: Shift, latest_us: int) -> Shift:
    """The shift, over by `latest_us`."""
    if shift.end_us <= latest_us:
        return shift
    pauses = tuple((low, min(high, latest_us)) for low, high in shift.breaks if low < latest_us)
    return Shift(shift.name, shift.day, shift.start_us, latest_us, pauses, shift.is_night)


# ---- Local times


@lru_cache(maxsize=20_000)
def instant_us(zone: str, day: date, minute: int) -> int:
    """The instant at which the clocks of a zone show so many minutes after a date's midnight; see above for clock changes."""
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    before, after = (local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    first, second = before.astimezone(UTC), after.astimezone(UTC)
    if first > second:  # neither is shown: the clocks go from before it to after it in between
        first = _change(zone, second, first)
    return (first - _EPOCH) // timedelta(microseconds=1)


def _change(zone: str, low: datetime, high: datetime) -> datetime:
    """The instant in (low, high] from which the clocks of a zone are another time ahead; whole seconds."""
    there, before = ZoneInfo(zone), low.astimezone(ZoneInfo(zone)).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        low, high = (middle, high) if middle.astimezone(there).utcoffset() == before else (low, middle)
    return high


def day_us(zone: str, day: date) -> Interval:
    """A local day: 23, 24 or 25 hours as a rule."""
    return instant_us(zone, day, 0), instant_us(zone, day, DAY_MIN)


# ---- Patterns as they are stored


def parse_calendar(
    line: str, name: str, zone: str, pattern: Mapping[str, Any], valid_from: date, valid_to: date | None
) -> ShiftCalendar:
    """A calendar from its row. `pattern` is `{"shifts": […], "exceptions": […]}`:

        {"name": "Night", "days": [7, 1, 2], "start": "22:00", "end": "06:00", "breaks": [["01:00", "01:30"]]}
        {"date": "2026-12-25", "name": "Christmas", "shifts": []}        instead of what the weekday has
        {"date": "2026-11-28", "shifts": […], "extra": true}             besides it

    A time that is not after the start is one of the next day; a shift that ends when it begins lasts a day. Raises PatternError.
    """
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise PatternError("zone", f"there is no time zone {zone[:60]}") from None
    if valid_to is not None and valid_to < valid_from:
        raise PatternError("valid_to", "it ends before it begins")
    shifts = tuple(_spec(one, days=True) for one in _listed(pattern, "shifts"))
    if len(shifts) > MOST_SHIFTS:
        raise PatternError("shifts", f"{MOST_SHIFTS} at most")
    _check_apart(shifts)
    exceptions = tuple(_exception(one) for one in _listed(pattern, "exceptions"))
    return ShiftCalendar(line, name, zone, shifts, exceptions, valid_from, valid_to)


def _listed(part: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    found = part.get(field, [])
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise PatternError(field, "a list is expected")
    return found


def _spec(part: Mapping[str, Any], *, days: bool) -> ShiftSpec:
    name = part.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 60 or "@" in name:
        raise PatternError("name", "a shift has a name of 1 to 60 characters without @")
    start = _minute(part.get("start"), "start")
    end = _minute(part.get("end"), "end")
    end += DAY_MIN if end <= start else 0
    pauses: list[Interval] = []
    for pair in part.get("breaks", []):
        if not isinstance(pair, list) or len(pair) != 2:
            raise PatternError("breaks", "pairs of times are expected")
        low, high = (_minute(each, "breaks") for each in pair)
        low += DAY_MIN if low < start else 0
        high += DAY_MIN if high <= low else 0
        if not start <= low < high <= end:
            raise PatternError("breaks", f"{pair[0]} to {pair[1]} is not within {name}")
        pauses.append((low, high))
    pauses.sort()
    if any(high > low for (_, high), (low, _) in itertools.pairwise(pauses)):
        raise PatternError("breaks", f"two breaks of {name} overlap")
    wanted = part.get("days", []) if days else []
    if not isinstance(wanted, list) or any(day not in range(1, 8) for day in wanted) or (days and not wanted):
        raise PatternError("days", "weekdays are 1 (Monday) to 7")
    return ShiftSpec(name.strip(), start, end, frozenset(wanted), tuple(pauses))


def _exception(part: Mapping[str, Any]) -> ShiftException:
    try:
        day = date.fromisoformat(str(part.get("date")))
    except ValueError:
        raise PatternError("date", "a date like 2026-12-25 is expected") from None
    specs = tuple(_spec(one, days=False) for one in _listed(part, "shifts"))
    return ShiftException(day, str(part.get("name", "")), specs, bool(part.get("extra", False)))


def _minute(value: object, field: str) -> int:
    found = CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        hour, minute = int(found[1]), int(found[2])
        if (hour < 24 and minute < 60) or (hour, minute) == (24, 0):
            return hour * 60 + minute
    raise PatternError(field, "a time like 06:00 is expected")


def _check_apart(shifts: Sequence[ShiftSpec]) -> None:
    """Raises PatternError where two shifts of a usual week overlap."""
    week = 7 * DAY_MIN
    taken = sorted(((day - 1) * DAY_MIN + one.start_min, (day - 1) * DAY_MIN + one.end_min, one.name) for one in shifts for day in one.days)
    around = [*taken, *((low + week, high + week, name) for low, high, name in taken)]
    for (_, high, first), (low, _, second) in itertools.pairwise(around):
        if low < high:
            raise PatternError("shifts", f"{first} and {second} overlap")
