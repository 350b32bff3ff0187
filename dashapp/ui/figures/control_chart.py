"""A control chart: points with their centre line, limits and zones; what breaks a rule in colour and shape, with the rule's name."""

from typing import Any

import numpy as np

from dashapp.domain.spc import Limits
from dashapp.ui.analytics.control_data import Shown
from dashapp.ui.figures.history_chart import Span
from dashapp.ui.figures.theme import Figure, layout, token
from dashapp.ui.figures.value_axis import decimals_for, nice_step, rounded_out

SCATTER = {"individuals": "moving range", "xbar-r": "range", "xbar-s": "standard deviation"}


def value_chart(found: Shown, span: Span, unit: str) -> Figure:
    """The points, x in milliseconds since 1970 UTC."""
    chart = found.chart
    marks = [_mark(found.keys_at(n)) for n in range(len(chart.value))]
    figure = _figure(found, chart.value, chart.limits, span, unit, marks)
    sigma = chart.limits.sigma
    zones = [chart.limits.center + side * n * sigma for n in (1, 2) for side in (-1, 1)]
    lines = [_line(at, "line", "solid") for at in zones if sigma > 0]
    figure["layout"]["shapes"] = [*lines, *figure["layout"]["shapes"]]
    return figure


def scatter_chart(found: Shown, span: Span, unit: str) -> Figure:
    """How they scatter."""
    chart = found.chart
    marks = [("critical", "diamond", "beyond the limit") if beyond else None for beyond in found.scattered.tolist()]
    return _figure(found, chart.scatter, chart.scatter_limits, span, unit, marks)


def _mark(keys: list[str]) -> tuple[str, str, str] | None:
    if not keys:
        return None
    severe = any(key.endswith(" 1") for key in keys)
    return ("critical", "diamond", ", ".join(keys)) if severe else ("medium", "square", ", ".join(keys))


def _figure(found: Shown, value: Any, limits: Limits, span: Span, unit: str, marks: list[tuple[str, str, str] | None]) -> Figure:
    known = value[~np.isnan(value)]
    bottom, top = min(float(known.min()), limits.low), max(float(known.max()), limits.high, limits.low + 1e-9)
    air = 0.05 * (top - bottom)
    low, high = rounded_out(0.0 if bottom >= 0 > bottom - air else bottom - air, top + air)
    step = nice_step((high - low) / 5)
    decimals = decimals_for(high - low)
    x = (found.time_us / 1000).tolist()
    y = [None if np.isnan(each) else round(each, decimals + 2) for each in value.tolist()]
    strange = [n for n, mark in enumerate(marks) if mark]
    points: Figure = {
        "type": "scatter", "mode": "lines+markers" if len(x) <= 400 else "lines", "x": x, "y": y,
        "line": {"color": token("trace"), "width": 1.25},
        "marker": {"color": token("trace"), "size": 4}, "connectgaps": False, "hovertemplate": "%{text}<extra></extra>", "name": "points",
    }  # fmt: skip
    broken: Figure = {
        "type": "scatter", "mode": "markers", "x": [x[n] for n in strange], "y": [y[n] for n in strange], "name": "breaks a rule",
        "cliponaxis": False,
        "marker": {
            "size": 10, "symbol": [mark[1] for mark in marks if mark], "color": [token(mark[0]) for mark in marks if mark],
            "line": {"width": 1, "color": token("surface")},
        },
        "customdata": [f"{y[n]:,.{decimals}f} {unit}: {mark[2]}" for n, mark in enumerate(marks) if mark],
        "hovertemplate": "%{text}<extra></extra>", "meta": {"said": True},
    }  # fmt: skip
    names = ((limits.high, "UCL"), (limits.center, "CL"), (limits.low, "LCL"))
    longest = max(len(f"{at:,.{decimals}f}") for at, _ in names)
    return {
        "data": [points, *([broken] if strange else [])],
        "layout": layout(
            margin={"l": max(32, 13 + 7 * longest), "r": 46 + 7 * longest, "t": 12, "b": 26, "pad": 0},
            xaxis={"type": "linear", "range": [span.start_us / 1000, span.end_us / 1000], "tickmode": "array", "tickvals": []},
            yaxis={"range": [low, high], "tick0": 0, "dtick": step, "tickformat": f",.{decimals}f"},
            shapes=[_line(limits.high, "muted", "6px,3px"), _line(limits.low, "muted", "6px,3px"), _line(limits.center, "muted", "solid")],
            annotations=[_word(at, f"{name} {at:,.{decimals}f}") for at, name in names],
            dragmode="zoom", uirevision=f"{span.start_us} {span.end_us}",
            meta={
                "chart": "control", "zone": str(span.zone), "kind": "gauge", "unit": unit, "decimals": decimals,
                "step_ms": found.length_us / 1000,
            },
        ),
    }  # fmt: skip


def _line(at: float, color: str, dash: str) -> Figure:
    return {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": at, "y1": at, "layer": "below",
        "line": {"color": token(color), "width": 1, "dash": dash},
    }  # fmt: skip


def _word(at: float, text: str) -> Figure:
    return {
        "xref": "paper", "x": 1, "xanchor": "left", "xshift": 5, "yref": "y", "y": at, "yanchor": "middle", "text": text,
        "showarrow": False, "font": {"size": 11, "color": token("muted")},
    }  # fmt: skip
