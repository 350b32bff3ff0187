"""What a report is about: the days and shifts of a plant that have ended. Times are microseconds since 1970 UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dashapp.domain.shifts import ShiftCalendar, day_us, shifts_between

DAY_US = 86_400_000_000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST = 6  # periods that are made up for after a time without a server; older ones nobody waits for
KINDS = {"daily": "Daily report", "shift": "Shift report"}


@dataclass(frozen=True, slots=True)
class Period:
    """start ≤ time < end, and what people call it."""

    start_us: int
    end_us: int
    words: str


def ended_periods(kind: str, calendars: Sequence[ShiftCalendar], zone: str, since_us: int, until_us: int) -> list[Period]:
    """The last few days (of the zone) or shifts (of the calendars) that ended after `since_us` and by `until_us`, the oldest first."""
    if kind == "shift":
        found = [
            Period(one.start_us, one.end_us, f"{one.name} shift, {day_words(one.day)}")
            for one in shifts_between(calendars, max(since_us, until_us - 35 * DAY_US), until_us)
        ]
    else:
        first = _local_day(max(since_us, until_us - (MOST + 2) * DAY_US), zone) - timedelta(days=1)
        days = [first + timedelta(days=n) for n in range(MOST + 4)]
        found = [Period(*day_us(zone, day), day_words(day)) for day in days]
    return [one for one in found if since_us < one.end_us <= until_us][-MOST:]


def last_period(kind: str, calendars: Sequence[ShiftCalendar], zone: str, now_us: int) -> Period | None:
    """The day or shift that ended last; None where there was no shift for weeks."""
    found = ended_periods(kind, calendars, zone, now_us - 35 * DAY_US, now_us)
    return found[-1] if found else None


def day_words(day: date) -> str:
    """`Friday 20 Nov 2026`."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def _local_day(time_us: int, zone: str) -> date:
    return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(ZoneInfo(zone)).date()
