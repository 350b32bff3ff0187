"""Charts of production: where the time went, OEE over time against the target, reasons by time or count.

The bundle of plotly has no waterfall: its steps are bars with a `base`. Points carry the address that a press leads to as `customdata`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashapp.domain.oee import Loss, Step, WaterfallStep
from dashapp.ui.figures.theme import Figure, layout, token
from dashapp.ui.production.words import LONG_S, percent, short_span

COLOURS = {
    Loss.FAILURE: "critical",
    Loss.SETUP: "changeover",
    Loss.WAITING: "micro",
    Loss.UNEXPLAINED: "high",
    Loss.MINOR: "micro",
    Loss.SPEED: "micro",
    Loss.DEFECTS: "high",
    Loss.STARTUP: "high",
    Loss.PLANNED: "normal",
}
SHORT = {
    "planned": "Planned",
    "production": "Production",
    "net": "Net",
    "good": "Good",
    "failure": "Failures",
    "setup": "Setup",
    "waiting": "Waiting",
    "unexplained": "No reason yet",
    "minor": "Minor stops",
    "speed": "Slow",
    "defects": "Rejects",
    "startup": "Start-up",
}
LEVELS = {"planned": "run", "production": "run", "net": "run", "good": "trace"}
LEAST_S = 0.5  # a loss of less is none


@dataclass(frozen=True, slots=True)
class _Bar:
    """A step as it is drawn: from `base` on, `length` long."""

    words: str
    base: float
    length: float
    text: str
    colour: str
    href: str


def _steps(steps: Sequence[WaterfallStep], hrefs: dict[str, str]) -> list[_Bar]:
    bars, level = [], 0.0
    for step in steps:
        if step.seconds is None:
            continue
        words, href = SHORT[step.key], hrefs.get(step.key, "")
        if step.kind is Step.TIME:
            level = step.seconds
            bars.append(_Bar(words, 0.0, level, short_span(level), LEVELS[step.key], href))
            continue
        if abs(step.seconds) < LEAST_S:
            continue
        lost = step.seconds > 0
        base = level - step.seconds if lost else level
        text = short_span(-step.seconds) if lost else f"+{short_span(-step.seconds)}"
        bars.append(_Bar(words, base, abs(step.seconds), text, COLOURS[Loss(step.key)], href))
        level -= step.seconds
    return bars


def waterfall_chart(steps: Sequence[WaterfallStep], hrefs: dict[str, str], *, lying: bool = False) -> Figure:
    """From planned time down to good production, each loss hanging where the one before it ended; `lying`: for a narrow screen."""
    bars = _steps(steps, hrefs)
    unit = 3600.0 if any(bar.length >= LONG_S for bar in bars) else 60.0
    names = [bar.words for bar in bars]
    lengths, bases, ends = [
        [value / unit for value in values]
        for values in (
            [bar.length for bar in bars],
            [bar.base for bar in bars],
            [bar.base + bar.length for bar in bars],
        )
    ]
    along, across = ("x", "y") if lying else ("y", "x")
    top = max(ends, default=1.0)
    trace = {
        "type": "bar",
        "orientation": "h" if lying else "v",
        across: names,
        along: lengths,
        "base": bases,
        "width": 0.78,
        "marker": {"color": [token(bar.colour) for bar in bars], "line": {"width": 0}, "cornerradius": 3},
        "customdata": [bar.href for bar in bars],
        "text": [bar.text for bar in bars],
        "textposition": "none",
        "hovertext": [f"{bar.words}<br><b>{bar.text}</b>" for bar in bars],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    notes = [
        {
            across: bar.words,
            along: end,
            "text": bar.text,
            "showarrow": False,
            "font": {"size": 12, "color": token("text")},
            **({"xanchor": "left", "xshift": 4} if lying else {"yanchor": "bottom", "yshift": 1}),
        }
        for bar, end in zip(bars, ends, strict=True)
    ]
    names_axis = {"type": "category", "fixedrange": True, "showgrid": False, "tickfont": {"size": 11, "color": token("muted")}}
    hidden = {"visible": False, "fixedrange": True, "range": [0, top * (1.32 if lying else 1.1)]}
    axes: dict[str, Any] = (
        {"xaxis": hidden, "yaxis": {**names_axis, "autorange": "reversed"}}
        if lying
        else {"xaxis": {**names_axis, "tickangle": 0}, "yaxis": hidden}
    )
    margin = {"l": 104, "r": 8, "t": 4, "b": 4, "pad": 4} if lying else {"l": 4, "r": 4, "t": 10, "b": 26, "pad": 0}
    return {"data": [trace], "layout": layout(**axes, margin=margin, dragmode=False, annotations=notes, meta={"zone": ""})}


@dataclass(frozen=True, slots=True)
class Point:
    """OEE of a period: share of 1, None where there is none; `words` say when and what, `href` leads to it."""

    start_us: int
    end_us: int
    value: float | None
    words: str
    href: str


def trend_chart(points: Sequence[Point], start_us: int, end_us: int, zone: str, target: float) -> Figure:
    """OEE in percent over time, x in milliseconds since 1970 UTC; a gap where there is none; the target as a dashed line."""
    values = [None if point.value is None else 100 * point.value for point in points]
    there = [value for value in values if value is not None]
    low = max(0.0, min([*there, 100 * target]) - 8)
    high = max([*there, 100 * target]) + 6
    line = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": 100 * target,
        "y1": 100 * target,
        "line": {"color": token("text"), "width": 1, "dash": "dash"},
    }
    word = {
        "x": 1,
        "xref": "paper",
        "xanchor": "right",
        "y": 100 * target,
        "yanchor": "bottom",
        "text": f"target {percent(target)}",
        "showarrow": False,
        "font": {"size": 11, "color": token("muted")},
    }
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [(point.start_us + point.end_us) / 2000 for point in points],
                "y": values,
                "line": {"color": token("trace"), "width": 2},
                "marker": {"size": 6 if len(points) < 60 else 3, "color": token("trace")},
                "connectgaps": False,
                "customdata": [point.href for point in points],
                "text": [point.words for point in points],
                "hovertemplate": "%{text}<extra></extra>",
            }
        ],
        "layout": layout(
            margin={"l": 40, "r": 12, "t": 10, "b": 26, "pad": 0},
            xaxis={"type": "linear", "range": [start_us / 1000, end_us / 1000], "tickmode": "array", "tickvals": [], "fixedrange": True},
            yaxis={"range": [low, high], "ticksuffix": " %"},
            dragmode=False,
            shapes=[line],
            annotations=[word],
            meta={"zone": str(zone)},
        ),
    }


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A bar of the Pareto chart: `value` minutes or stops, `cumulated` share of 1."""

    name: str
    loss: Loss
    value: float
    cumulated: float
    text: str
    href: str


def pareto_chart(bars: Sequence[Reasoned]) -> Figure:
    """Reasons as lying bars, the greatest on top, each with its value and the share of all so far."""
    top = max((bar.value for bar in bars), default=1.0) or 1.0
    notes = [
        {
            "x": bar.value,
            "y": bar.name,
            "xanchor": "left",
            "xshift": 4,
            "showarrow": False,
            "font": {"size": 12, "color": token("text")},
            "text": f"{bar.text} · {percent(bar.cumulated)}",
        }
        for bar in bars
    ]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "y": [bar.name for bar in bars],
                "x": [bar.value for bar in bars],
                "width": 0.72,
                "marker": {"color": [token(COLOURS[bar.loss]) for bar in bars], "line": {"width": 0}, "cornerradius": 3},
                "customdata": [bar.href for bar in bars],
                "textposition": "none",
                "text": [f"{bar.name}<br><b>{bar.text}</b><br>{percent(bar.cumulated)} with those above" for bar in bars],
                "hovertemplate": "%{text}<extra></extra>",
            }
        ],
        "layout": layout(
            margin={"l": 150, "r": 8, "t": 4, "b": 4, "pad": 4},
            xaxis={"visible": False, "fixedrange": True, "range": [0, top * 1.5]},
            yaxis={"type": "category", "autorange": "reversed", "showgrid": False, "tickfont": {"size": 11, "color": token("muted")}},
            dragmode=False,
            annotations=notes,
            meta={"zone": ""},
        ),
    }
