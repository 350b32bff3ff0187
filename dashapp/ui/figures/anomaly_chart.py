"""How unlike before a device behaved: the score with its limit and alarms, and below it what each sensor added."""

import numpy as np

from dashapp.domain.downsample import break_at_gaps, min_max_points
from dashapp.domain.statistics import Floats, Ints
from dashapp.ui.analytics.anomaly_data import Shown
from dashapp.ui.figures.history_chart import Span
from dashapp.ui.figures.theme import Figure, layout, token

HIGHEST = 10.0  # of the scale: what is ten times beyond need not be told from what is a hundred times
PART, GAP, FOOT = 54, 22, 30  # px: a sensor's strip, the words above it, the times below all


def score_chart(found: Shown, span: Span) -> Figure:
    """The score, x in milliseconds since 1970 UTC, cut off at ten."""
    top = min(HIGHEST, max(1.6, float(found.scores.score.max()) * 1.1))
    bands = [
        {"type": "rect", "x0": (found.time_us[one.first] - found.step_us / 2) / 1000,
         "x1": (found.time_us[one.last] + found.step_us / 2) / 1000, "yref": "paper", "y0": 0, "y1": 1, "layer": "below",
         "line": {"width": 0}, "fillcolor": token("medium", 0.18)}
        for one in found.alarms
    ]  # fmt: skip
    limit = {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": 1, "y1": 1,
        "line": {"color": token("medium"), "width": 1, "dash": "4px,3px"},
    }  # fmt: skip
    word = {
        "xref": "paper", "x": 1, "xanchor": "left", "xshift": 5, "yref": "y", "y": 1, "yanchor": "middle", "text": "limit",
        "showarrow": False, "font": {"size": 11, "color": token("medium")},
    }  # fmt: skip
    return {
        "data": [_line(found.time_us, np.minimum(found.scores.score, top), found, "y", "score")],
        "layout": layout(
            margin={"l": 34, "r": 42, "t": 10, "b": 26, "pad": 0},
            xaxis=_time_axis(span), yaxis={"range": [0, top], "nticks": 5}, dragmode="zoom", shapes=[*bands, limit], annotations=[word],
            uirevision=f"{span.start_us} {span.end_us}", meta=_meta(found, span),
        ),
    }  # fmt: skip


def parts_height(found: Shown) -> int:
    """Of the chart of parts, px."""
    return len(found.wanted.sensors) * (PART + GAP) + FOOT


def parts_chart(found: Shown, span: Span) -> Figure:
    """A strip for each sensor with what it added to the score, all on one scale."""
    drawn = parts_height(found) - FOOT
    top = min(HIGHEST, max(1.0, float(found.scores.parts.max()) * 1.05))
    data: list[Figure] = []
    words: list[Figure] = []
    axes: dict[str, Figure] = {}
    for number, sensor in enumerate(found.wanted.sensors):
        axis = "y" if number == 0 else f"y{number + 1}"
        high = 1 - (number * (PART + GAP) + GAP) / drawn
        low = max(0.0, 1 - (number + 1) * (PART + GAP) / drawn)
        line = _line(found.time_us, np.minimum(found.scores.parts[:, number], top), found, axis, sensor.name)
        data.append({**line, "fill": "tozeroy", "fillcolor": token("trace", 0.18)})
        words.append({
            "text": f"<b>{sensor.name.replace('<', '&lt;')}</b>", "xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": high,
            "yanchor": "bottom", "showarrow": False, "yshift": 2, "font": {"size": 12, "color": token("text")},
        })  # fmt: skip
        axes[f"yaxis{number + 1 if number else ''}"] = {"range": [0, top], "nticks": 3, "domain": [low, high], "anchor": "x"}
    last = len(found.wanted.sensors)
    base = layout(
        margin={"l": 34, "r": 42, "t": 0, "b": FOOT, "pad": 0},
        xaxis={**_time_axis(span), "anchor": f"y{last}" if last > 1 else "y"}, yaxis=axes.pop("yaxis"), dragmode="zoom",
        annotations=words, uirevision=f"{span.start_us} {span.end_us}", meta=_meta(found, span),
    )  # fmt: skip
    base |= {key: {**base["yaxis"], **axis} for key, axis in axes.items()}
    return {"data": data, "layout": base}


def _time_axis(span: Span) -> Figure:
    return {"type": "linear", "range": [span.start_us / 1000, span.end_us / 1000], "tickmode": "array", "tickvals": []}


def _meta(found: Shown, span: Span) -> Figure:
    return {"chart": "anomalies", "zone": str(span.zone), "kind": "gauge", "unit": "", "decimals": 2, "step_ms": found.step_us / 1000}


def _line(time_us: Ints, value: Floats, found: Shown, axis: str, name: str) -> Figure:
    """At most 2,000 points, the extremes among them; broken where nothing came."""
    kept = min_max_points(time_us, value)
    pixel_us = int(time_us[-1] - time_us[0]) // 900 if len(kept) < len(time_us) else 0
    at, (shown,) = break_at_gaps(time_us[kept], max(3 * found.step_us, 3 * pixel_us), value[kept])
    return {
        "type": "scatter", "mode": "lines", "x": (at / 1000).tolist(),
        "y": [None if np.isnan(each) else round(each, 3) for each in shown.tolist()], "yaxis": axis, "name": name,
        "line": {"color": token("trace"), "width": 1.25}, "connectgaps": False, "hovertemplate": "%{text}<extra></extra>",
        "meta": {"name": name, "step_ms": 0},
    }  # fmt: skip
