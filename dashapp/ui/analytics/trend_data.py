"""What the page of trends asks the database: a strip for each sensor, an earlier time beside it, and what happened."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dashapp.ui.analytics.choice import Picked, Time
from dashapp.ui.device.data import plant_reading
from dashapp.ui.figures.history_chart import Span
from dashapp.ui.figures.theme import Figure
from dashapp.ui.figures.trend_chart import Strip, trend_chart
from dashapp.ui.time_range import DAY_US
from db.queries.devices import Happening, happenings
from db.queries.series import Series, series

COMPARISONS = {"": "Nothing", "before": "The time before", "1d": "A day before", "7d": "A week before", "28d": "Four weeks before"}
MOST_HAPPENINGS = 500
WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """The figure with what is said of it, and what happened in its time, newest first."""

    figure: Figure
    says: str
    happened: Sequence[Happening]


def shift_of(compare: str, time: Time) -> int:
    """By how much an earlier time lies back, microseconds; 0 where none is wanted."""
    if compare == "before":
        return time.end_us - time.start_us
    days = compare.removesuffix("d")
    return int(days) * DAY_US if compare in COMPARISONS and days.isdigit() else 0


def shown(picked: Sequence[Picked], time: Time, compare: str, width: int = WIDTH) -> Shown:
    """The strips of the sensors over the time. At most 2,000 points a line, the extremes among them."""
    start_us, end_us, back_us = time.start_us, time.end_us, shift_of(compare, time)
    with plant_reading() as connection:
        lines = [_line(connection, one, start_us, end_us, width) for one in picked]
        before = [_line(connection, one, start_us - back_us, end_us - back_us, width) if back_us else None for one in picked]
        devices = list(dict.fromkeys(one.device.id for one in picked))
        happened = happenings(connection, devices, start_us, end_us, MOST_HAPPENINGS)
    strips = [
        Strip(one, points, earlier, back_us, [each for each in happened if _concerns(each, one)])
        for one, points, earlier in zip(picked, lines, before, strict=True)
    ]
    figure = trend_chart(strips, Span(start_us, end_us, time.view.zone))
    points = sum(len(one) for one in lines)
    ways = ["single readings" if not one.step_us else f"{one.resolution} means with min–max" for one in lines if len(one)]
    steps = ", ".join(dict.fromkeys(ways))
    return Shown(figure, f"{steps}, {points:,} points" if points else "no readings", happened)


def _line(connection: Connection, picked: Picked, start_us: int, end_us: int, width: int) -> Series:
    """Of counts sums over equal times: single ones of another period could not be compared."""
    counts = picked.sensor.kind == "increment"
    return series(connection, picked.sensor.id, start_us, end_us, width=width, bucketed=counts)


def _concerns(each: Happening, picked: Picked) -> bool:
    return each.device_id == picked.device.id and each.sensor_id in (None, picked.sensor.id)
