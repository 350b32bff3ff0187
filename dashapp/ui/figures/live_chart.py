"""The last fifteen minutes of one sensor: its readings, the normal band, the limits, and the last point marked.

The browser carries the chart forward by itself (`andon_device.live`): it appends what came, moves the window, and widens the
y axis only when a value leaves it.
"""

import numpy as np

from dashapp.domain.downsample import break_at_gaps
from dashapp.domain.statistics import Floats, Ints
from dashapp.ingest.catalogue import SensorEntry
from dashapp.ui.figures import value_axis
from dashapp.ui.figures.theme import Figure, layout, token

WINDOW_US = 15 * 60 * 1_000_000
FEW = 120  # so many readings are shown as points on the line


def live_chart(sensor: SensorEntry, time_us: Ints, value: Floats, now_us: int, zone: str) -> Figure:
    """A figure of readings in order of time, shapes (n,), n ≥ 0; times in µs since 1970 UTC, shown in `zone`.

    x is in milliseconds since 1970 UTC on a linear axis: the browser writes the tick labels in the zone, so that the hour which a
    clock change repeats is drawn twice and not on top of itself.
    """
    low, high = _ends(sensor, value)
    parts = value_axis.decorations(low, high, sensor)
    return {
        "data": _bars(sensor, time_us, value) if sensor.kind == "increment" else _line(sensor, time_us, value),
        "layout": layout(
            margin=value_axis.margin(low, high, sensor),
            xaxis={
                "type": "linear",
                "range": [(now_us - WINDOW_US) / 1000, now_us / 1000],
                "tickmode": "array",
                "tickvals": [],
                "fixedrange": True,
            },
            yaxis=value_axis.axis(low, high, sensor),
            dragmode=False,
            bargap=0.1,
            **parts,
            meta={
                "chart": "live",
                "zone": zone,
                "window_ms": WINDOW_US // 1000,
                "period_ms": sensor.period_s * 1000,
                "kind": sensor.kind,
                "unit": sensor.unit,
                "decimals": value_axis.sensor_decimals(sensor),
                "severity": sensor.severity,
                "limit_low": sensor.limit_low,
                "limit_high": sensor.limit_high,
                "few": FEW,
            },
        ),
    }


def _ends(sensor: SensorEntry, value: Floats) -> tuple[float, float]:
    """The axis of these values; without any, of the sensor's normal range. Bars stand on nought."""
    if sensor.kind == "increment":
        return value_axis.bars_range(value)
    if len(value):
        return value_axis.value_range(float(value.min()), float(value.max()), sensor)
    low = sensor.normal_low if sensor.normal_low is not None else 0.0
    return value_axis.value_range(low, sensor.normal_high if sensor.normal_high is not None else low + 1, sensor)


def longest_step(time_us: Ints, period_s: float) -> int:
    """Microseconds between two readings that are still joined: three periods, or three of the usual steps where those are longer."""
    usual = float(np.median(np.diff(time_us))) if len(time_us) > 2 else 0.0
    return int(3 * max(period_s * 1e6, usual))


def _line(sensor: SensorEntry, time_us: Ints, value: Floats) -> list[Figure]:
    joined_us, (joined,) = break_at_gaps(time_us, longest_step(time_us, sensor.period_s), value)
    flag = sensor.kind == "flag"
    line: Figure = {
        "type": "scatter",
        "mode": "lines" if flag or len(value) > FEW else "lines+markers",
        "x": (joined_us / 1000).tolist(),
        "y": [
            None if absent else shown for absent, shown in zip(np.isnan(joined).tolist(), joined.tolist(), strict=True)
        ],
        "line": {"color": token("trace"), "width": 1.75, "shape": "hv" if flag else "linear"},
        "marker": {"color": token("trace"), "size": 4},
        "connectgaps": False,
        "hovertemplate": "%{text}<extra></extra>",
        "name": "readings",
    }
    if flag:
        line |= {"fill": "tozeroy", "fillcolor": token(sensor.severity, 0.25)}
    return [line, _last(sensor, time_us, value)]


def _last(sensor: SensorEntry, time_us: Ints, value: Floats) -> Figure:
    abnormal = len(value) > 0 and value_axis.beyond(float(value[-1]), sensor)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": (time_us[-1:] / 1000).tolist(),
        "y": value[-1:].tolist(),
        "marker": {
            "color": token(sensor.severity if abnormal else "trace"),
            "size": 9,
            "line": {"color": token("surface"), "width": 1.5},
        },
        "cliponaxis": False,
        "hoverinfo": "skip",
        "name": "last",
    }


def _bars(sensor: SensorEntry, time_us: Ints, value: Floats) -> list[Figure]:
    return [
        {
            "type": "bar",
            "x": (time_us / 1000).tolist(),
            "y": value.tolist(),
            "width": sensor.period_s * 1000 * 0.8,
            "marker": {"color": token("trace", 0.75), "line": {"width": 0}},
            "hovertemplate": "%{text}<extra></extra>",
            "name": "readings",
        }
    ]
