"""Several sensors on one time: a strip each, one under the other, with alerts, stops and an earlier time drawn in.

A strip is a `history_chart` of its own on an axis of its own: units differ, and lines on top of one another cannot be told apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashapp.ui.analytics.choice import Picked
from dashapp.ui.figures.history_chart import Span, history_chart
from dashapp.ui.figures.theme import Figure, layout, token
from db.queries.devices import Happening
from db.queries.series import Series

STRIP, TITLE, FOOT = 128, 26, 30  # px: a strip, the words above it, the times below all
LEAST_ONE = 260  # px, of a single strip
SYMBOLS = {"critical": "diamond", "high": "triangle-up", "medium": "square", "low": "circle"}
MOST_MARKS = 200
FOOT_SHARE = 0.12  # of a strip's height: what marks a stop


@dataclass(frozen=True, slots=True)
class Strip:
    """One sensor: its line, the earlier one moved by `shift_us` (None: none is wanted), and what happened on it."""

    picked: Picked
    points: Series
    earlier: Series | None
    shift_us: int
    happened: Sequence[Happening]


def trend_chart(strips: Sequence[Strip], span: Span) -> Figure:
    """The figure of n ≥ 1 strips; x in milliseconds since 1970 UTC. Its height is in `meta`."""
    each = max(STRIP, LEAST_ONE if len(strips) == 1 else 0)
    total = len(strips) * (each + TITLE) + FOOT
    drawn = total - FOOT
    data: list[Figure] = []
    shapes: list[Figure] = []
    words: list[Figure] = []
    axes: dict[str, Figure] = {}
    left, right = 32.0, 14.0
    for number, strip in enumerate(strips):
        one = history_chart(strip.picked.sensor, strip.points, span, strip.earlier, strip.shift_us)
        axis = "y" if number == 0 else f"y{number + 1}"
        top = 1 - (number * (each + TITLE) + TITLE) / drawn
        bottom = max(0.0, 1 - (number + 1) * (each + TITLE) / drawn)
        own = {name: one["layout"]["meta"][name] for name in ("kind", "unit", "decimals", "step_ms")}
        name = strip.picked.name
        data += [{**trace, "yaxis": axis, "meta": {**own, "name": name, **trace.get("meta", {})}} for trace in one["data"]]
        data += _marks(strip, one["layout"]["yaxis"]["range"], axis, span)
        shapes += [_on(shape, axis) for shape in one["layout"].get("shapes", [])] + _bands(strip, axis, span)
        words += [_on(word, axis) for word in one["layout"].get("annotations", [])] + [_title(strip, own, top)]
        axes[f"yaxis{number + 1 if number else ''}"] = {**one["layout"]["yaxis"], "domain": [bottom, top], "anchor": "x"}
        left, right = max(left, one["layout"]["margin"]["l"]), max(right, one["layout"]["margin"]["r"])
    first = axes.pop("yaxis")
    base = layout(
        margin={"l": left, "r": right, "t": 0, "b": FOOT, "pad": 0},
        xaxis={
            "type": "linear", "range": [span.start_us / 1000, span.end_us / 1000], "tickmode": "array", "tickvals": [],
            "anchor": f"y{len(strips)}" if len(strips) > 1 else "y", "showspikes": True, "spikemode": "across", "spikesnap": "cursor",
            "spikethickness": 1, "spikedash": "solid", "spikecolor": token("edge"),
        },
        yaxis=first, dragmode="zoom", bargap=0.1, shapes=shapes, annotations=words,
        uirevision=f"{[strip.picked.sensor.id for strip in strips]} {span.start_us} {span.end_us}",
        meta={"chart": "trends", "zone": str(span.zone), "height": total},
    )  # fmt: skip
    base |= {key: {**base["yaxis"], **axis} for key, axis in axes.items()}
    return {"data": data, "layout": base}


def _on(part: Figure, axis: str) -> Figure:
    """A shape or an annotation of a single chart, on the axis of its strip."""
    return {**part, "yref": axis} if part.get("yref") == "y" else part


def _title(strip: Strip, own: dict[str, Any], top: float) -> Figure:
    unit = f", {own['unit']}" if own["unit"] else ""
    return {
        "text": f"<b>{_plain(strip.picked.name)}</b>{_plain(unit)}", "xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": top,
        "yanchor": "bottom", "showarrow": False, "yshift": 2, "font": {"size": 12, "color": token("text")},
    }  # fmt: skip


def _plain(text: str) -> str:
    """What plotly would read as markup, as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _bands(strip: Strip, axis: str, span: Span) -> list[Figure]:
    """How long alerts and stops lasted: alerts from above, stops from below, so that one does not hide the other."""
    found = []
    for one in strip.happened[:MOST_MARKS]:
        low, high = max(one.start_us, span.start_us), min(one.end_us or span.end_us, span.end_us)
        stop = one.kind == "stop"
        color = token("micro", 0.35) if stop else token(one.priority, 0.16)
        found.append({
            "type": "rect", "x0": low / 1000, "x1": high / 1000, "yref": f"{axis} domain", "y0": 0, "y1": FOOT_SHARE if stop else 1,
            "layer": "below", "line": {"width": 0}, "fillcolor": color,
        })  # fmt: skip
    return found


def _marks(strip: Strip, ends: Sequence[float], axis: str, span: Span) -> list[Figure]:
    """Where an alert (above, in the shape of its priority) or a stop (below) began, with its words."""
    shown = [one for one in strip.happened[:MOST_MARKS] if one.start_us >= span.start_us]
    if not shown:
        return []
    foot = ends[0] + FOOT_SHARE / 2 * (ends[1] - ends[0])
    colors = [token("muted") if one.kind == "stop" else token(one.priority) for one in shown]
    return [{
        "type": "scatter", "mode": "markers", "x": [one.start_us / 1000 for one in shown], "yaxis": axis, "cliponaxis": False,
        "y": [foot if one.kind == "stop" else ends[1] for one in shown], "name": "alerts and stops",
        "marker": {
            "size": 9, "symbol": ["x-thin" if one.kind == "stop" else SYMBOLS.get(one.priority, "circle") for one in shown],
            "color": colors, "line": {"width": 1.5, "color": colors},
        },
        "hovertemplate": "%{text}<extra></extra>",
        "customdata": [_plain(f"{'stop: ' if one.kind == 'stop' else ''}{one.words}") for one in shown], "meta": {"said": True},
    }]  # fmt: skip
