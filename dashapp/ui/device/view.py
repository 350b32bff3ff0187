"""Which sensor and which range a device page shows, and how it says so in words."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dashapp.domain.shifts import ShiftCalendar
from dashapp.domain.statistics import Direction, Summary
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.figures.value_axis import limit_text, sensor_decimals
from dashapp.ui.parts import format_value
from dashapp.ui.time_range import ALL, DAY_US, HOUR_US, PRESETS, TimeRange, parse_range, zone_of
from dashapp.ui.zones import Zone

USUAL = "24h"
SECOND_US = 1_000_000
LONGEST_WHOLE_US = 400 * DAY_US  # history that ended is shown from end to end up to so long, else its last seven days
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TREND = {Direction.INCREASING: "rising", Direction.DECREASING: "falling"}


@dataclass(frozen=True, slots=True)
class View:
    """One sensor over a range, with times written in `zone`; `note` says why it is not the range that was asked for."""

    sensor: SensorEntry
    range: TimeRange
    zone: str
    note: str = ""

    @property
    def start_us(self) -> int:
        """Where the range begins, µs since 1970 UTC."""
        return self.range.start_us

    @property
    def end_us(self) -> int:
        """Where the range ends."""
        return self.range.end_us


def chosen_sensor(device: DeviceEntry, key: object) -> SensorEntry | None:
    """The sensor of this key; else the device's first that is a level, else its first; None where it has none."""
    if isinstance(key, str) and key in device.sensors:
        return device.sensors[key]
    levels = [sensor for sensor in device.sensors.values() if sensor.kind == "gauge"]
    return next(iter([*levels, *device.sensors.values()]), None)


def view_of(
    sensor: SensorEntry,
    query: Mapping[str, object],
    span: tuple[int, int] | None,
    now_us: int,
    zone: str,
    calendars: Sequence[ShiftCalendar] = (),
) -> View:
    """What a URL's query asks to see of a sensor whose readings reach over `span`, its first and last time.

    Where the readings have ended, ranges count back from the last one and not from now: what was imported is found under
    every button. Nothing asked: the usual range; of readings that have ended, all or the last week. `calendars` are those of the line.
    """
    ended = span is not None and span[1] < now_us - DAY_US
    if span is None or not ended or query.get("from") or query.get("to"):
        first_us = span[0] if span else None
        asked = parse_range(query, now_us, default=_usual(span, now_us), first_us=first_us, zone=zone, calendars=calendars)
        everything = span is not None and asked.preset == ALL
        shown = replace(_everything(span, now_us), problem=asked.problem) if span and everything else asked
        return View(sensor, shown, zone, asked.problem or asked.note)
    since = f"Nothing has come since {when(span[1], zone)}"
    default = ALL if span[1] - span[0] <= LONGEST_WHOLE_US else "7d"
    asked = parse_range(query, span[1] + SECOND_US, default=default, first_us=span[0], zone=zone, calendars=calendars)
    if asked.problem:
        return View(sensor, asked, zone, asked.problem)
    if asked.preset == ALL:
        return View(sensor, _everything(span, now_us), zone, f"{since}: this is everything there is.")
    return View(sensor, asked, zone, f"{since}: the range counts back from there.")


def _usual(span: tuple[int, int] | None, now_us: int) -> str:
    """A day; of a sensor that began to report today, as much as it fills."""
    age_us = DAY_US if span is None else now_us - span[0]
    return next((preset for preset in ("1h", "8h") if age_us <= PRESETS[preset][1]), USUAL)


def _everything(span: tuple[int, int], now_us: int) -> TimeRange:
    end = now_us if span[1] >= now_us - DAY_US else span[1]
    air = max((end - span[0]) // 200, SECOND_US)  # the first and the last point do not stick to the frame
    return TimeRange(span[0] - air, end + air, ALL)


def local(time_us: int, zone: str) -> datetime:
    """The aware local time of an instant."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(zone_of(zone))


def when(time_us: int, zone: str, *, seconds: bool = False) -> str:
    """`14 Jan 2014 08:05`, in the zone; ` (plant 14:05)` behind it where the plant's clocks differ from a viewer's (`zones.Zone`)."""
    text = stamp(time_us, zone, seconds=seconds)
    if not isinstance(zone, Zone) or not zone.differs(time_us):
        return text
    there = local(time_us, zone.plant)
    clock = f"{there:%H:%M:%S}" if seconds else f"{there:%H:%M}"
    day = "" if there.date() == local(time_us, zone).date() else f"{there.day} {MONTHS[there.month - 1]} "
    return f"{text} (plant {day}{clock})"


def stamp(time_us: int, zone: str, *, seconds: bool = False) -> str:
    """`14 Jan 2014 08:05`, in the zone alone."""
    moment = local(time_us, zone)
    clock = f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year} {clock}"


def range_text(view: View) -> str:
    """`14 Jan 2014 08:05 – 15 Jan 2014 08:05`: both ends, seconds where the range is shorter than two hours."""
    short = view.end_us - view.start_us < 2 * HOUR_US
    return f"{when(view.start_us, view.zone, seconds=short)} – {when(view.end_us, view.zone, seconds=short)}"


def range_says(view: View) -> str:
    """`Early shift of 20 Nov 2026: 20 Nov 2026 06:00 – 20 Nov 2026 14:00 (UTC)`: the range in words, where it has any, and its ends."""
    words = view.range.words
    return f"{words[0].upper()}{words[1:]}: {range_text(view)} ({view.zone})" if words else f"{range_text(view)} ({view.zone})"


def file_stem(device_key: str, sensor_keys: str, start_us: int, end_us: int) -> str:
    """A name for a file that says what is in it, of characters that every file system takes."""
    span = "_".join(f"{datetime.fromtimestamp(end / 1e6, UTC):%Y-%m-%dT%H%M}Z" for end in (start_us, end_us))
    safe = [
        "".join(c if c.isalnum() or c in "-." else "-" for c in part).strip("-.") or "x"
        for part in (device_key, sensor_keys)
    ]
    return "_".join([*safe, span])


def trend_text(summary: Summary | None, sensor: SensorEntry) -> str:
    """`rising, +4.1 °C/h`, `stable`; a dash without readings."""
    if summary is None:
        return "–"
    word = TREND.get(summary.trend.direction)
    if word is None:
        return "stable"
    if sensor.kind in ("increment", "flag"):
        return word  # units a reading and hour are a figure for nobody
    slope = summary.trend.slope_per_hour
    size = f"{slope:+.2g}" if abs(slope) < 100 else f"{slope:+,.0f}"
    unit = f"\u00a0{sensor.unit}" if sensor.unit else ""
    return f"{word}, {size}{unit}/h".replace("-", "−")


def statistics_rows(summaries: list[Summary | None], sensor: SensorEntry) -> list[list[str]]:
    """Rows of the statistics table: a name and one text for each summary, values in the sensor's unit."""
    decimals = sensor_decimals(sensor)
    more = max(decimals, 1)

    def row(name: str, read: str, places: int) -> list[str]:
        return [name, *[format_value(getattr(one, read) if one else None, places) for one in summaries]]

    counted = sensor.kind == "increment"
    total = [["total", *[format_value(one.mean * one.count if one else None, decimals) for one in summaries]]]
    return [
        *(total if counted else []),
        row("mean", "mean", more),
        row("median", "median", more),
        row("std. deviation", "sd", more),
        row("min", "min", decimals),
        row("max", "max", decimals),
        row("readings", "count", 0),
        ["trend", *[trend_text(one, sensor) for one in summaries]],
    ]


def sensor_facts(sensor: SensorEntry, zone: str) -> str:
    """`°C, every 2 s, normal 65–90, UTC`: what stands beside the live chart, with the zone of its times."""
    period = f"every {sensor.period_s:g} s"
    other = zone.plant if isinstance(zone, Zone) and zone.differs(time.time_ns() // 1000) else ""
    zones = f"{zone}; below it the plant's, {other}" if other else zone
    return ", ".join(part for part in (sensor.unit, period, normal_text(sensor), zones) if part)


def normal_text(sensor: SensorEntry, before: str = "normal ") -> str:
    """`normal 65–90`, `normal from 80`, `normal up to 40`; empty without a normal range."""
    low, high = sensor.normal_low, sensor.normal_high
    if low is not None and high is not None:
        joint = " to " if low < 0 else "–"
        return f"{before}{format_value(low)}{joint}{format_value(high)}"
    if low is not None:
        return f"{before}from {format_value(low)}"
    return "" if high is None else f"{before}up to {format_value(high)}"


def limits_text(sensor: SensorEntry) -> str:
    """`below 15 °C, above 85 °C`; "none" without limits."""
    parts = [
        f"{word} {limit_text(limit, sensor)}"
        for word, limit in (("below", sensor.limit_low), ("above", sensor.limit_high))
        if limit is not None
    ]
    return ", ".join(parts) or "none"
