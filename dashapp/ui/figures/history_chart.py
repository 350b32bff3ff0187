"""One sensor over any range: the mean with its band from least to greatest, single readings where it is short."""

from dataclasses import dataclass

import numpy as np

from dashapp.domain.downsample import break_at_gaps
from dashapp.domain.statistics import Floats, Ints
from dashapp.ingest.catalogue import SensorEntry
from dashapp.ui.figures import value_axis
from dashapp.ui.figures.live_chart import FEW, longest_step
from dashapp.ui.figures.theme import Figure, layout, token
from db.queries.series import Series

WORDS = {"raw": "", "minute": "min", "hour": "h", "day": "d"}
STEPS_US = {"raw": 1, "minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}


@dataclass(frozen=True, slots=True)
class Span:
    """What the x axis shows, µs since 1970 UTC, with times written in `zone`."""

    start_us: int
    end_us: int
    zone: str


def history_chart(sensor: SensorEntry, points: Series, span: Span, earlier: Series | None = None, shift_us: int = 0) -> Figure:
    """A figure of a series, n ≥ 0 points; x in milliseconds since 1970 UTC on a linear axis, as in `live_chart`.

    `earlier` is drawn behind it as a dotted line, `shift_us` later than it was.
    """
    shown = _shown(sensor, points)
    before = None if earlier is None or not len(earlier) else _shown(sensor, earlier)
    low, high = _ends(sensor, shown if before is None else _both(shown, before))
    share = sensor.kind == "flag" and points.step_us > 0
    behind = [] if before is None else [_earlier_line(sensor, before, shift_us)]
    return {
        "data": [*behind, *(_bars(shown) if sensor.kind == "increment" else _lines(sensor, shown))],
        "layout": layout(
            margin=value_axis.margin(low, high, sensor),
            xaxis={
                "type": "linear",
                "range": [span.start_us / 1000, span.end_us / 1000],
                "tickmode": "array",
                "tickvals": [],
            },
            yaxis={"range": [low, high], "tickformat": ".0%", "nticks": 5}
            if share
            else value_axis.axis(low, high, sensor),
            dragmode="zoom",
            bargap=0.1,
            **(value_axis.decorations(low, high, sensor) if sensor.kind != "increment" else {}),
            # A new key per answer: what the browser zoomed to gives way to the axis of the finer data.
            uirevision=f"{sensor.id} {span.start_us} {span.end_us}",
            meta={
                "chart": "history",
                "zone": span.zone,
                "kind": sensor.kind,
                "unit": unit_of(sensor, points),
                "decimals": value_axis.sensor_decimals(sensor),
                "step_ms": points.step_us / 1000,
            },
        ),
    }


def unit_of(sensor: SensorEntry, points: Series) -> str:
    """What the chart's numbers are: an increment is summed over its buckets, a flag is a share of the readings."""
    if points.step_us and sensor.kind == "increment":
        return f"{sensor.unit or 'units'} per {step_text(points.step_us)}"
    return sensor.unit


def step_text(step_us: int) -> str:
    """`1 min`, `6 h`, `2 d`: the length of a bucket in its largest whole unit."""
    for name, width_us in (("d", STEPS_US["day"]), ("h", STEPS_US["hour"]), ("min", STEPS_US["minute"])):
        if step_us % width_us == 0:
            return f"{step_us // width_us} {name}"
    return f"{step_us / 1e6:,.3g} s"


def resolution_text(sensor: SensorEntry, points: Series) -> str:
    """How the line came about: `raw readings`, `1 h mean with min–max`, `sum of each 1 h`, `share of each 1 h`."""
    if not points.step_us:
        return "raw readings"
    step = step_text(points.step_us)
    if sensor.kind == "increment":
        return f"sum of each {step}"
    if sensor.kind == "flag":
        return f"share of readings that are on, each {step}"
    return f"{step} mean with min–max"


def _shown(sensor: SensorEntry, points: Series) -> Series:
    """Sums instead of means where readings are increments; points in the middle of their buckets."""
    middle = points.time_us + points.step_us // 2
    if sensor.kind == "increment":
        total = points.mean * points.count
        return Series(middle, total, total, total, points.count, points.resolution, points.step_us)
    return Series(middle, points.mean, points.low, points.high, points.count, points.resolution, points.step_us)


def _both(first: Series, second: Series) -> Series:
    """Both, for the ends of their axis."""
    columns = (np.concatenate((getattr(first, name), getattr(second, name))) for name in ("time_us", "mean", "low", "high", "count"))
    return Series(*columns, first.resolution, first.step_us)


def _earlier_line(sensor: SensorEntry, points: Series, shift_us: int) -> Figure:
    """An earlier time, moved under the one that is shown. `meta` says by how much, so that its own times can be named."""
    longest = longest_step(points.time_us, points.step_us / 1e6 if points.step_us else sensor.period_s)
    time_us, (mean,) = break_at_gaps(points.time_us, longest, points.mean)
    return {
        "type": "scatter", "mode": "lines", "x": _ms(time_us + shift_us), "y": _column(mean, points), "name": "earlier",
        "line": {"color": token("micro"), "width": 1.25, "dash": "1.5px,2.5px"}, "connectgaps": False,
        "hovertemplate": "%{text}<extra></extra>", "meta": {"shift_ms": shift_us / 1000, "step_ms": points.step_us / 1000},
    }  # fmt: skip


def _ends(sensor: SensorEntry, points: Series) -> tuple[float, float]:
    if sensor.kind == "increment":
        return value_axis.bars_range(points.mean)
    if sensor.kind == "flag" and points.step_us:
        return 0.0, min(1.05, max(0.05, float(points.mean.max()) * 1.15)) if len(points) else 1.05
    if not len(points):
        low, high = sensor.normal_low, sensor.normal_high
        return value_axis.value_range(
            low if low is not None else 0.0, high if high is not None else (low or 0.0) + 1, sensor
        )
    return value_axis.value_range(float(points.low.min()), float(points.high.max()), sensor)


def _lines(sensor: SensorEntry, points: Series) -> list[Figure]:
    longest = longest_step(points.time_us, points.step_us / 1e6 if points.step_us else sensor.period_s)
    time_us, (mean, low, high, count) = break_at_gaps(
        points.time_us, longest, points.mean, points.low, points.high, points.count.astype(float)
    )
    traces = [_mean_line(sensor, points, time_us, mean)]
    if points.step_us:
        traces[0]["customdata"] = np.column_stack(
            [_rounded(low, points), _rounded(high, points), np.nan_to_num(count)]
        ).tolist()
        traces[0]["customdata"] = [None if np.isnan(row[0]) else row for row in traces[0]["customdata"]]
        if sensor.kind != "flag":
            traces.insert(0, _band(time_us, low, high, points))
    lone = _alone(mean)
    if lone.any() and traces[-1]["mode"] == "lines":
        traces.append(_dots(time_us[lone], mean[lone], token("trace"), "alone", points))
    exceptions = _exceptions(sensor, points)
    return traces + ([exceptions] if exceptions else [])


def _mean_line(sensor: SensorEntry, points: Series, time_us: Ints, mean: Floats) -> Figure:
    flag = sensor.kind == "flag"
    line: Figure = {
        "type": "scatter",
        "mode": "lines" if flag or points.step_us or len(points) > FEW else "lines+markers",
        "x": _ms(time_us),
        "y": _column(mean, points),
        "line": {"color": token("trace"), "width": 1.5, "shape": "hv" if flag and not points.step_us else "linear"},
        "marker": {"color": token("trace"), "size": 4},
        "connectgaps": False,
        "hovertemplate": "%{text}<extra></extra>",
        "name": "mean" if points.step_us else "readings",
    }
    return line | {"fill": "tozeroy", "fillcolor": token(sensor.severity, 0.2)} if flag else line


def _band(time_us: Ints, low: Floats, high: Floats, points: Series) -> Figure:
    """A closed outline for each unbroken run: filling "to the next trace" would bridge the gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    edges = np.flatnonzero(np.isnan(low))
    for first, end in zip([0, *(edges + 1).tolist()], [*edges.tolist(), len(low)], strict=True):
        if end - first > 1:
            ms = _ms(time_us[first:end])
            x += [*ms, *ms[::-1], None]
            y += [*_column(high[first:end], points), *_column(low[first:end], points)[::-1], None]
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "fill": "toself", "fillcolor": token("trace", 0.18),
        "line": {"width": 0}, "hoverinfo": "skip", "name": "min–max",
    }  # fmt: skip


def _alone(mean: Floats) -> np.ndarray:
    """Values without a neighbour: a line cannot show them."""
    absent = np.concatenate(([True], np.isnan(mean), [True]))
    return ~absent[1:-1] & absent[:-2] & absent[2:]


def _exceptions(sensor: SensorEntry, points: Series) -> Figure | None:
    """What went beyond a limit, in the colour of its severity: the extremes, not the mean that hides them."""
    over = points.high > (sensor.limit_high if sensor.limit_high is not None else np.inf)
    under = points.low < (sensor.limit_low if sensor.limit_low is not None else -np.inf)
    if not (over.any() or under.any()):
        return None
    time_us = np.concatenate([points.time_us[over], points.time_us[under]])
    return _dots(
        time_us,
        np.concatenate([points.high[over], points.low[under]]),
        token(sensor.severity),
        "beyond the limit",
        points,
    )


def _dots(time_us: Ints, value: Floats, color: str, name: str, points: Series) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "x": _ms(time_us), "y": _column(value, points),
        "marker": {"color": color, "size": 4}, "hoverinfo": "skip", "name": name,
    }  # fmt: skip


def _bars(points: Series) -> list[Figure]:
    width_us = points.step_us or (float(np.median(np.diff(points.time_us))) * 0.8 if len(points) > 1 else 1e6)
    bars: Figure = {
        "type": "bar",
        "x": _ms(points.time_us),
        "y": _column(points.mean, points),
        "width": width_us / 1000 * (0.9 if points.step_us else 1),
        "marker": {"color": token("trace", 0.75), "line": {"width": 0}},
        "customdata": [[None, None, count] for count in points.count.tolist()],
        "hovertemplate": "%{text}<extra></extra>",
        "name": "sum",
    }
    return [bars]


def _ms(time_us: Ints) -> list[float]:
    return (time_us / 1000).tolist()


def _rounded(value: Floats, points: Series) -> Floats:
    """As many decimals as can be seen: a column in full precision is twice the bytes."""
    spread = float(points.high.max() - points.low.min()) if len(points) else 0.0
    return np.round(value, value_axis.decimals_for(spread) + 2)


def _column(value: Floats, points: Series) -> list[float | None]:
    absent = np.isnan(value).tolist()
    return [None if missing else shown for missing, shown in zip(absent, _rounded(value, points).tolist(), strict=True)]
