"""What a control chart is made of: means of equal times as points, limits of this time or of another that was frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.domain import spc
from dashapp.domain.spc import Capability, Chart, Kind
from dashapp.ui.analytics.choice import Picked, Time, text_of
from dashapp.ui.device.data import plant_reading
from dashapp.ui.figures.history_chart import step_text
from dashapp.ui.time_range import LONGEST_US, MINUTE_US, parse_instant
from db.queries.grids import grid, step_for

Floats = NDArray[np.float64]
KINDS = {Kind.INDIVIDUALS: "Individuals, moving ranges", Kind.XBAR_R: "Means, ranges", Kind.XBAR_S: "Means, standard deviations"}
RULES = {"nelson": "Nelson, 8 rules", "western-electric": "Western Electric, 4 rules"}
STEPS = {"": "as the time asks for", "1m": "1 minute", "5m": "5 minutes", "15m": "15 minutes", "1h": "1 hour", "1d": "1 day"}
STEPS_US = {"1m": MINUTE_US, "5m": 5 * MINUTE_US, "15m": 15 * MINUTE_US, "1h": 60 * MINUTE_US, "1d": 1440 * MINUTE_US}
GROUPS = (2, 3, 4, 5, 6, 8, 10)
USUAL_POINTS, MOST_POINTS = 200, 2000
CORRELATED = 0.5


class Unusable(Exception):
    """No chart can be made: said to the person."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for. `base` is the time that limits are frozen to, µs since 1970 UTC; `step_us` a value's length."""

    kind: Kind
    rules: str
    step: str
    step_us: int
    group: int
    base: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A chart with the times of its points (µs, the middle of each), which break what, and what the process can do."""

    wanted: Wanted
    chart: Chart
    time_us: NDArray[np.int64]
    length_us: int
    broken: Mapping[str, NDArray[np.bool_]]
    scattered: NDArray[np.bool_]
    capability: Capability
    mean: float
    correlation: float
    learned: int

    @property
    def rules(self) -> tuple[spc.Rule, ...]:
        """The rules that were asked for."""
        return spc.SETS[self.wanted.rules]

    def keys_at(self, point: int) -> list[str]:
        """The rules that a point breaks."""
        return [key for key, found in self.broken.items() if found[point]]

    @property
    def strange(self) -> list[int]:
        """Points that break any rule, in order of time."""
        return [] if not self.broken else np.flatnonzero(np.any(list(self.broken.values()), axis=0)).tolist()


def wanted_of(query: Mapping[str, object], time: Time) -> Wanted:
    """The address, with what is usual where it says nothing sensible."""
    kind = next((one for one in Kind if one.value == text_of(query.get("chart"))), Kind.INDIVIDUALS)
    rules = text_of(query.get("rules"))
    step = text_of(query.get("step"))
    group = text_of(query.get("group"))
    size = int(group) if group.isascii() and group.isdigit() and int(group) in GROUPS else 5
    per_point = 1 if kind is Kind.INDIVIDUALS else size
    usual_us = step_for(time.end_us - time.start_us, USUAL_POINTS * per_point)
    return Wanted(
        kind, rules if rules in spc.SETS else "nelson", step if step in STEPS_US else "", STEPS_US.get(step, usual_us), size,
        base_of(text_of(query.get("base"))),
    )  # fmt: skip


def base_of(text: str) -> tuple[int, int] | None:
    """`2026-11-20T06:00Z,2026-11-20T14:00Z` as two instants; None where it is none."""
    first, comma, last = text.partition(",")
    try:
        ends = parse_instant(first), parse_instant(last)
    except ValueError:
        return None
    return ends if comma and 0 < ends[1] - ends[0] <= LONGEST_US else None


def shown(picked: Picked, time: Time, wanted: Wanted) -> Shown:
    """The chart. Raises Unusable where there is too little for one."""
    per_point = 1 if wanted.kind is Kind.INDIVIDUALS else wanted.group
    if (time.end_us - time.start_us) // (wanted.step_us * per_point) > MOST_POINTS:
        raise Unusable(f"That would be more than {MOST_POINTS:,} points: choose a longer step, or a shorter time.")
    times, values = _values(picked, time.start_us, time.end_us, wanted.step_us)
    learned = None if wanted.base is None else _values(picked, *wanted.base, wanted.step_us)[1]
    try:
        chart = _chart(wanted, values, learned)
    except ValueError as error:
        where = "" if wanted.base is None else " of the frozen time, or of this one"
        raise Unusable(f"There are too few values{where}: {error}.") from error
    base = values if learned is None else learned
    length_us = wanted.step_us * chart.group
    at = times[: len(chart.value) * chart.group : chart.group] + length_us // 2
    sensor = picked.sensor
    overall = float(base.std(ddof=1)) if len(base) > 1 else 0.0
    return Shown(
        wanted, chart, at, length_us, spc.broken(chart.value, chart.limits, spc.SETS[wanted.rules]),
        np.nan_to_num(chart.scatter, nan=chart.scatter_limits.center) > chart.scatter_limits.high,
        spc.capability(float(base.mean()), chart.sigma, overall, sensor.limit_low, sensor.limit_high), float(base.mean()),
        spc.neighbours(chart.value), len(base),
    )  # fmt: skip


def _chart(wanted: Wanted, values: Floats, learned: Floats | None) -> Chart:
    if wanted.kind is Kind.INDIVIDUALS:
        return spc.individuals(values, learned)
    base = None if learned is None else spc.subgroups(learned, wanted.group)
    return spc.xbar(spc.subgroups(values, wanted.group), wanted.kind, base)


def _values(picked: Picked, start_us: int, end_us: int, step_us: int) -> tuple[NDArray[np.int64], Floats]:
    """(starts, means) of the steps that hold something."""
    begin_us = start_us // step_us * step_us
    with plant_reading() as connection:
        column = grid(connection, [picked.sensor.id], begin_us, end_us, step_us)[:, 0]
    place = np.flatnonzero(~np.isnan(column))
    return begin_us + place * step_us, column[place]


def point_words(found: Shown) -> str:
    """`Each point is the mean of 5 min`, `… of 5 means of 1 min`."""
    step = step_text(found.wanted.step_us)
    return f"each point is the mean of {step}" if found.chart.group == 1 else f"each point is {found.chart.group} means of {step}"


def csv_rows(found: Shown, iso: Sequence[str]) -> list[list[object]]:
    """A row a point; `iso` are its times."""
    head: list[object] = ["time", "value", "scatter", "lower_limit", "centre", "upper_limit", "rules_broken"]
    limits = found.chart.limits
    scatter = [None if np.isnan(value) else value for value in found.chart.scatter.tolist()]
    return [head] + [
        [at, value, spread, limits.low, limits.center, limits.high, "; ".join(found.keys_at(n))]
        for n, (at, value, spread) in enumerate(zip(iso, found.chart.value.tolist(), scatter, strict=True))
    ]
