"""The upright axis of a sensor's chart: ends that stand still, the normal band behind, the limits named at their lines."""

import math

import numpy as np

from dashapp.domain.statistics import Floats
from dashapp.ingest.catalogue import SensorEntry
from dashapp.ui.figures.theme import Figure, token
from dashapp.ui.parts import format_value

NEAR = 2.0  # a limit is in sight when it is no farther from the values than twice their spread
LEAST_SHARE = 0.3  # of normal range and limits together: noise is not blown up to fill the chart
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def value_range(low: float, high: float, sensor: SensorEntry) -> tuple[float, float]:
    """Ends of an axis that shows `low` to `high` and the limits near them, on round numbers, in the sensor's unit."""
    if sensor.kind == "flag":
        return (-0.1, 1.1)
    known = [x for x in (sensor.normal_low, sensor.normal_high, sensor.limit_low, sensor.limit_high) if x is not None]
    reach = max(known) - min(known) if known else 0.0
    least = max(LEAST_SHARE * reach, 0.02 * max(abs(low), abs(high)), 1e-9)
    bottom, top = low, high
    if top - bottom < least:
        middle = (low + high) / 2
        bottom, top = middle - least / 2, middle + least / 2
    spread = top - bottom
    near = [
        x
        for x in (sensor.limit_low, sensor.limit_high)
        if x is not None and low - NEAR * spread <= x <= high + NEAR * spread
    ]
    bottom, top = min([bottom, *near]), max([top, *near])
    air = 0.06 * (top - bottom)
    return rounded_out(0.0 if bottom >= 0 > bottom - air else bottom - air, top + air)


def bars_range(sums: Floats) -> tuple[float, float]:
    """Ends of an axis for bars, shape (n,), n ≥ 0: nought is one of them unless there are values on both sides of it."""
    most, least = (max(float(sums.max()), 0.0), min(float(sums.min()), 0.0)) if len(sums) else (0.0, 0.0)
    return rounded_out(least * 1.06, most * 1.06 if most or least else 1.0)


def rounded_out(low: float, high: float) -> tuple[float, float]:
    """The next round numbers outward, about a fifth of the span apart: the ends of the axis carry ticks."""
    step, wider = 0.0, nice_step((high - low) / 5)
    while wider > step:  # what was rounded outward may ask for the next larger step
        step = wider
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        wider = nice_step((high - low) / 5)
    return low, high


def nice_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 5 × a power of ten that is not less than `rough` (> 0)."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step for step in STEPS if step * power >= rough * (1 - 1e-9)) * power


def decimals_for(span: float) -> int:
    """How many decimals tell values apart that spread over `span`: 0 to 4."""
    if not math.isfinite(span) or span <= 0:
        return 1
    return min(4, max(0, math.ceil(-math.log10(span / 200) - 1e-9)))


def sensor_decimals(sensor: SensorEntry) -> int:
    """Decimals of a sensor's values wherever a single one is shown."""
    if sensor.kind in ("flag", "increment"):
        return 0
    known = [x for x in (sensor.normal_low, sensor.normal_high, sensor.limit_low, sensor.limit_high) if x is not None]
    return max(1, decimals_for(max(known) - min(known))) if len(known) > 1 else 1


def decimals_of(values: Floats, most: int = 4) -> int:
    """How many decimals these values have, up to `most`: what a table shows of them."""
    return next(
        (places for places in range(most) if np.allclose(values, np.round(values, places), rtol=0, atol=1e-9)), most
    )


def axis(low: float, high: float, sensor: SensorEntry) -> Figure:
    """Settings of the y axis between two ends."""
    if sensor.kind == "flag":
        return {"range": [low, high], "tickvals": [0, 1], "ticktext": ["off", "on"]}
    step = nice_step((high - low) / 5)
    return {"range": [low, high], "tick0": 0, "dtick": step, "tickformat": f",.{_tick_decimals(step)}f"}


def margin(low: float, high: float, sensor: SensorEntry) -> Figure:
    """Margins in px: at the left the longest tick label, at the right the names of the limits."""
    decimals = _tick_decimals(nice_step((high - low) / 5))
    longest = max(len(f"{end:,.{decimals}f}") for end in (low, high))
    named = sensor.limit_low is not None or sensor.limit_high is not None
    width = max((len(limit_text(x, sensor)) for x in (sensor.limit_low, sensor.limit_high) if x is not None), default=0)
    return {"l": max(32, 13 + 7 * longest), "r": max(42, 10 + 6.5 * width) if named else 14, "t": 10, "b": 26, "pad": 0}


def _tick_decimals(step: float) -> int:
    return next((places for places in range(9) if abs(step * 10**places - round(step * 10**places)) < 1e-6), 9)


def limit_text(limit: float, sensor: SensorEntry) -> str:
    """A limit with its unit, as short as it can be."""
    return f"{format_value(limit)} {sensor.unit}".strip()


def decorations(low: float, high: float, sensor: SensorEntry) -> Figure:
    """`shapes` and `annotations`: the normal band, and each limit as a thin line that is named at its right end."""
    shapes, annotations = [], []
    far = 100 * (high - low)  # an open end, also when the browser widens the axis
    bottom, top = _or(sensor.normal_low, low - far), _or(sensor.normal_high, high + far)
    banded = sensor.normal_low is not None or sensor.normal_high is not None
    if banded and sensor.kind != "flag" and top > bottom:
        across = {
            "type": "rect",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": "y",
            "y0": bottom,
            "y1": top,
            "layer": "below",
        }
        shapes.append({**across, "line": {"width": 0}, "fillcolor": token("normal-band", 0.45), "name": "normal"})
    for limit in (sensor.limit_low, sensor.limit_high):
        if limit is None:
            continue
        line = {"color": token(sensor.severity), "width": 1, "dash": "4px,3px"}
        shapes.append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "yref": "y",
                "y0": limit,
                "y1": limit,
                "line": line,
                "name": "limit",
            }
        )
        annotations.append(
            {
                "xref": "paper", "x": 1, "xanchor": "left", "xshift": 5, "yref": "y", "y": limit, "yanchor": "middle", "align": "left",
                "text": f"limit<br>{limit_text(limit, sensor)}", "showarrow": False,
                "font": {"size": 11, "color": token(sensor.severity)},
            }
        )  # fmt: skip
    return {"shapes": shapes, "annotations": annotations}


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def beyond(value: float, sensor: SensorEntry) -> bool:
    """Strictly beyond a limit, as the rules see it."""
    over = sensor.limit_high is not None and value > sensor.limit_high
    return over or (sensor.limit_low is not None and value < sensor.limit_low)
