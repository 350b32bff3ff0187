"""Time ranges as they stand in a URL, and the calendar of a zone.

`?range=8h` counts back from now, `?range=today` and `?range=yesterday` are days of a zone, `?range=this-shift` and
`?range=Early@2026-11-20` are shifts of a calendar, `?from=…&to=…` (ISO 8601)
is fixed. Times are microseconds since 1970 UTC, a range is start ≤ time < end.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dashapp.domain import shifts
from dashapp.domain.addresses import joined
from dashapp.domain.shifts import Shift, ShiftCalendar

SECOND_US, MINUTE_US, HOUR_US, DAY_US = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
ALL = "all"
PRESETS: dict[str, tuple[str, int]] = {
    "15m": ("15 minutes", 15 * MINUTE_US),
    "1h": ("1 hour", HOUR_US),
    "8h": ("8 hours", 8 * HOUR_US),
    "24h": ("24 hours", DAY_US),
    "7d": ("7 days", 7 * DAY_US),
    "30d": ("30 days", 30 * DAY_US),
    "1y": ("1 year", 366 * DAY_US),
    ALL: ("All", 0),
}
"""The ranges that have a button: the words for it, and its length in microseconds (0: everything)."""

SHIFTS = {"this-shift": "this shift", "previous-shift": "previous shift", "last-night-shift": "last night shift"}
"""Shifts that are counted from now; a shift of a date is `NAME@DATE`."""

DAYS = {"today": 0, "yesterday": 1}
"""Days of the calendar, as many before today."""

SHORTEST_US = SECOND_US
LONGEST_US = 200 * 366 * DAY_US
NO_CALENDAR = "There is no shift calendar for this line, so it has no shifts to show."
_UNITS = {"s": ("second", SECOND_US), "m": ("minute", MINUTE_US), "h": ("hour", HOUR_US), "d": ("day", DAY_US), "y": ("year", 366 * DAY_US)}
_SPELLED = {
    "s": (1, "s"), "sec": (1, "s"), "second": (1, "s"), "m": (1, "m"), "min": (1, "m"), "minute": (1, "m"), "h": (1, "h"), "hr": (1, "h"),
    "hour": (1, "h"), "d": (1, "d"), "day": (1, "d"), "w": (7, "d"), "week": (7, "d"), "mo": (30, "d"), "month": (30, "d"), "y": (1, "y"),
    "year": (1, "y"),
}  # fmt: skip
_RELATIVE = re.compile(r"(?:(?:the )?(?:last|past) )?([0-9]{1,6})? ?([a-z]+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_000_000  # the years 1 to 9999


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`preset` is what stands in the URL as `range`, or None where both ends are fixed; `problem` says what was wrong in the URL.

    Of a shift, `name` says which, `note` why it is not quite the one that was asked for, `earlier` and `later` are the shifts around it
    as they stand in a URL.
    """

    start_us: int
    end_us: int
    preset: str | None = None
    problem: str = ""
    note: str = ""
    name: str = ""
    earlier: str | None = None
    later: str | None = None

    @property
    def query(self) -> str:
        """The range as a URL's query, without the question mark."""
        if self.preset is not None:
            return joined("", [("range", self.preset)])[1:]
        return joined("", [("from", address_time(self.start_us)), ("to", address_time(self.end_us))])[1:]

    @property
    def words(self) -> str:
        """`last 8 hours`, `all readings`, `Early shift of 20 Nov 2026`, or nothing where the ends say it."""
        if self.name:
            return self.name
        if self.preset is None:
            return ""
        return "all readings" if self.preset == ALL else f"last {length_words(self.preset)}"


def parse_range(
    query: Mapping[str, object],
    now_us: int,
    *,
    default: str = "8h",
    first_us: int | None = None,
    zone: str = "UTC",
    calendars: Sequence[ShiftCalendar] = (),
) -> TimeRange:
    """The range that a URL's query names; the default, with `problem` set, where it names none that there is.

    `first_us` is where `all` begins (a year ago where it is None). A time without an offset is one of `zone`. `calendars` are those of the
    line that is shown: without one there are no shifts.
    """
    start, end = _one(query.get("from")), _one(query.get("to"))
    if start or end:
        return _fixed(start, end, now_us, default, zone)
    wanted = _one(query.get("range"))
    if wanted in DAYS:
        return day_range(wanted, now_us, zone)
    preset = relative(wanted or default)
    if preset is not None:
        return preset_range(preset, now_us, first_us=first_us)
    if names_shift(wanted):
        return _shift_range(wanted, now_us, calendars, default)
    example = "write it like last 36 hours, 90 minutes or 2 weeks"
    return _default(default, now_us, f"“{wanted[:40]}” is not a range: {example}.")


def relative(text: str) -> str | None:
    """How a range that counts back from now stands in a URL: `last 36 hours` → `36h`, `2 weeks` → `14d`; None where it is none."""
    plain = " ".join(text.lower().replace("-", " ").replace("+", " ").split())
    if plain == ALL:
        return ALL
    found = _RELATIVE.fullmatch(plain)
    times, unit = (_SPELLED.get(found[2]) or _SPELLED.get(found[2].removesuffix("s")) or (0, "")) if found else (0, "")
    if found is None or not times:
        return None
    number = times * int(found[1] or 1)
    length_us = number * _UNITS[unit][1]
    if not SHORTEST_US <= length_us <= LONGEST_US:
        return None
    return next((preset for preset, (_, preset_us) in PRESETS.items() if preset_us == length_us), f"{number}{unit}")


def length_us_of(preset: str) -> int:
    """The length of a range that counts back from now, as it stands in a URL. Raises KeyError or ValueError for none."""
    return PRESETS[preset][1] if preset in PRESETS else int(preset[:-1]) * _UNITS[preset[-1]][1]


def length_words(preset: str) -> str:
    """`36 hours`."""
    if preset in PRESETS:
        return PRESETS[preset][0]
    number = int(preset[:-1])
    return f"{number} {_UNITS[preset[-1]][0]}{'' if number == 1 else 's'}"


def preset_range(preset: str, now_us: int, *, first_us: int | None = None) -> TimeRange:
    """The range that ends now, of a text that `relative` gave. Raises KeyError or ValueError for another."""
    length_us = length_us_of(preset)
    if preset == ALL:
        length_us = max(now_us - first_us, HOUR_US) if first_us is not None else PRESETS["1y"][1]
    return TimeRange(now_us - length_us, now_us, preset)


def day_range(wanted: str, now_us: int, zone: str) -> TimeRange:
    """A day of `DAYS` by the calendar of a zone; today up to now. Raises KeyError for another."""
    back = DAYS[wanted]
    start_us = midnight_us(now_us, zone, days_back=back)
    end_us = midnight_us(now_us, zone, days_back=back - 1) if back else max(now_us, start_us + SHORTEST_US)
    return TimeRange(start_us, end_us, wanted, name=wanted)


def names_shift(wanted: object) -> bool:
    """Whether the `range` of a URL is a shift of a calendar: only then need one be looked for."""
    text = _one(wanted)
    return text in SHIFTS or "@" in text


# ---- Shifts


def _shift_range(wanted: str, now_us: int, calendars: Sequence[ShiftCalendar], default: str) -> TimeRange:
    if not calendars:
        return _default(default, now_us, NO_CALENDAR)
    try:
        shift = _wanted_shift(wanted, now_us, calendars)
    except ValueError as error:
        return _default(default, now_us, str(error))
    note = ""
    if shift is None and wanted == "this-shift":
        shift = shifts.last_shift(calendars, now_us)
        note = "No shift is on now: this is the last one."
    if shift is None:
        return _default(default, now_us, f"There is no {SHIFTS.get(wanted, wanted[:60])} in the calendar.")
    if shift.start_us >= now_us:
        return _default(default, now_us, f"The {shift_words(shift)} has not begun yet.")
    return replace(_of_shift(shift, now_us, calendars), preset=wanted if wanted in SHIFTS else shift_address(shift), note=note)


def _wanted_shift(wanted: str, now_us: int, calendars: Sequence[ShiftCalendar]) -> Shift | None:
    if wanted == "this-shift":
        return shifts.shift_at(calendars, now_us)
    if wanted in SHIFTS:
        return shifts.last_shift(calendars, now_us, night=wanted == "last-night-shift")
    name, _, day = wanted.rpartition("@")
    try:
        return shifts.shift_of(calendars, name, date.fromisoformat(day))
    except ValueError:
        raise ValueError(f"“{day[:40]}” is not a date: write it like 2026-03-31.") from None


def _of_shift(shift: Shift, now_us: int, calendars: Sequence[ShiftCalendar]) -> TimeRange:
    """The range of a shift, of one that is on up to now."""
    end_us = shift.end_us if shift.end_us <= now_us else max(now_us, shift.start_us + SHORTEST_US)
    before = shifts.last_shift(calendars, shift.start_us)
    after = shifts.next_shift(calendars, shift.end_us)
    return TimeRange(
        shift.start_us,
        end_us,
        name=shift_words(shift),
        earlier=before and shift_address(before),
        later=shift_address(after) if after and after.start_us < now_us else None,
    )


def shift_address(shift: Shift) -> str:
    """A shift as it stands in a URL: `Early@2026-11-20`."""
    return f"{shift.name}@{shift.day.isoformat()}"


def shift_words(shift: Shift) -> str:
    """`Early shift of 20 Nov 2026`; a name that says that it is a shift stays as it is."""
    kind = "" if "shift" in shift.name.lower() else " shift"
    return f"{shift.name}{kind} of {shift.day.day} {shift.day:%b %Y}"


# ---- Fixed ends


def _fixed(start: str, end: str, now_us: int, default: str, zone: str) -> TimeRange:
    try:
        start_us = parse_instant(start, zone) if start else None
        end_us = parse_instant(end, zone) if end else now_us
    except ValueError as error:
        return _default(default, now_us, str(error))
    if start_us is None:
        start_us = end_us - PRESETS["8h" if default == ALL else default][1]
    if end_us - start_us < SHORTEST_US:
        return _default(default, now_us, "The range ends before it begins.")
    return TimeRange(start_us, end_us)


def _default(default: str, now_us: int, problem: str) -> TimeRange:
    kept = preset_range(default, now_us)
    return TimeRange(kept.start_us, kept.end_us, default, problem)


def _one(value: object) -> str:
    """A query that repeats a name gives a list: the last one counts."""
    if isinstance(value, list | tuple):
        value = value[-1] if value else None
    return value.strip() if isinstance(value, str) else ""


def parse_instant(text: str, zone: str = "UTC") -> int:
    """Microseconds since 1970 of an ISO 8601 date or time; without an offset it is one of `zone`. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone_of(zone))
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(f"“{text[:40]}” is not a time: write it like 2026-03-31T06:00Z.") from None


def iso(time_us: int) -> str:
    """`2026-03-31T06:00:00Z`, with a fraction only where there is one; beyond the calendar its first or last year."""
    moment = _EPOCH + timedelta(microseconds=min(max(time_us, _FIRST_US), _LAST_US))
    return moment.isoformat().replace("+00:00", "Z")


def address_time(time_us: int) -> str:
    """As `iso`, without seconds where they are none: `2026-03-31T06:00Z`."""
    return iso(time_us).replace(":00Z", "Z") if time_us % MINUTE_US == 0 else iso(time_us)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; UTC where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def midnight_us(now_us: int, zone: str, *, days_back: int = 0) -> int:
    """Where the calendar day of `zone` began that holds `now_us`, or one so many days before."""
    local = (_EPOCH + timedelta(microseconds=now_us)).astimezone(zone_of(zone))
    day = local.date() - timedelta(days=days_back)
    begin = datetime(day.year, day.month, day.day, tzinfo=zone_of(zone))
    return (begin - _EPOCH) // timedelta(microseconds=1)


def same_time_days_ago_us(now_us: int, zone: str, days: int = 1) -> int:
    """The instant at which the clocks of `zone` showed the same time of day, so many days ago."""
    local = (_EPOCH + timedelta(microseconds=now_us)).astimezone(zone_of(zone))
    then = (local.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=zone_of(zone))
    return (then - _EPOCH) // timedelta(microseconds=1)
