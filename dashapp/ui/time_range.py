"""Time ranges as they stand in a URL, and the calendar of a zone.

`?range=8h` counts back from now; `?from=…&to=…` (ISO 8601) is fixed. Times are microseconds since 1970 UTC, a range is
start ≤ time < end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000
ALL = "all"
PRESETS: dict[str, tuple[str, int]] = {
    "1h": ("1 hour", HOUR_US),
    "8h": ("8 hours", 8 * HOUR_US),
    "24h": ("24 hours", DAY_US),
    "7d": ("7 days", 7 * DAY_US),
    "30d": ("30 days", 30 * DAY_US),
    "1y": ("1 year", 366 * DAY_US),
    ALL: ("All", 0),
}
"""What `?range=` may be: the words for it, and its length in microseconds (0: everything)."""

SHORTEST_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_000_000  # the years 1 to 9999


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`preset` is a key of PRESETS, or None where both ends are fixed; `problem` says what was wrong in the URL."""

    start_us: int
    end_us: int
    preset: str | None = None
    problem: str = ""

    @property
    def query(self) -> str:
        """The range as a URL's query, without the question mark."""
        if self.preset is not None:
            return urlencode({"range": self.preset})
        return urlencode({"from": iso(self.start_us), "to": iso(self.end_us)})

    @property
    def words(self) -> str:
        """`last 8 hours`, `all readings`, or nothing where the ends say it."""
        if self.preset is None:
            return ""
        return "all readings" if self.preset == ALL else f"last {PRESETS[self.preset][0]}"


def parse_range(
    query: Mapping[str, object], now_us: int, *, default: str = "8h", first_us: int | None = None, zone: str = "UTC"
) -> TimeRange:
    """The range that a URL's query names; the default, with `problem` set, where it names none that there is.

    `first_us` is where `all` begins (a year ago where it is None). A time without an offset is one of `zone`.
    """
    start, end = _one(query.get("from")), _one(query.get("to"))
    if start or end:
        return _fixed(start, end, now_us, default, zone)
    wanted = _one(query.get("range"))
    if not wanted or wanted in PRESETS:
        return preset_range(wanted or default, now_us, first_us=first_us)
    known = ", ".join(PRESETS)
    return _default(default, now_us, f"There is no range “{wanted[:40]}”: it can be one of {known}, or from and to.")


def preset_range(preset: str, now_us: int, *, first_us: int | None = None) -> TimeRange:
    """The range of a preset that ends now. Raises KeyError for one that there is not."""
    length_us = PRESETS[preset][1]
    if preset == ALL:
        length_us = max(now_us - first_us, HOUR_US) if first_us is not None else PRESETS["1y"][1]
    return TimeRange(now_us - length_us, now_us, preset)


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
