"""Charts of alarm performance: announcements over time with the targets of ISA-18.2, and priorities beside 80 / 15 / 5."""

from dashapp.domain.alarm_performance import HOUR_US, TEN_MINUTES_US, WANTED_SPLIT, Performance, split
from dashapp.ui.device.view import when
from dashapp.ui.figures.theme import Figure, layout, token

DAY_US = 24 * HOUR_US
BY_TEN_MINUTES_US = 26 * HOUR_US  # longer ranges are drawn by the hour, and from eight days on by the day
BY_HOURS_US = 8 * DAY_US
TARGETS = {
    TEN_MINUTES_US: ((1, "target 1"), (2, "manageable 2"), (10, "flood 10")),
    HOUR_US: ((6, "target 6"), (12, "manageable 12")),
    DAY_US: ((144, "target 144"), (288, "manageable 288")),
}
"""Announcements of one operator in an interval: ISA-18.2 table 7, EEMUA 191."""
WORDS = {TEN_MINUTES_US: "10 minutes", HOUR_US: "hour", DAY_US: "24 hours"}


def width_of(found: Performance) -> int:
    """The interval that is drawn."""
    length_us = found.end_us - found.start_us
    return TEN_MINUTES_US if length_us <= BY_TEN_MINUTES_US else HOUR_US if length_us <= BY_HOURS_US else DAY_US


def rate_chart(found: Performance, zone: str) -> Figure:
    """Announcements of an operator in each interval as bars, targets as lines, floods as bands; x in milliseconds since 1970 UTC."""
    width_us = width_of(found)
    counts = _per_day(found.per_hour) if width_us == DAY_US else found.per_hour if width_us == HOUR_US else found.per_ten_minutes
    values = [count / found.operators for count in counts]
    starts = [found.start_us + n * width_us for n in range(len(values))]
    target = TARGETS[width_us]
    top = max([*values, target[1][0]]) * 1.15
    shown = [line for line in target if line[0] <= top]
    lines = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at, "line": {"color": token(color), "width": 1, "dash": "dash"}}
        for (at, _), color in zip(shown, ("muted", "medium", "critical"), strict=False)
    ]
    bands = [
        {"type": "rect", "x0": low / 1000, "x1": high / 1000, "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0},
         "fillcolor": token("critical", 0.14)}
        for low, high in found.floods
    ]  # fmt: skip
    words = [
        {"x": 1, "xref": "paper", "xanchor": "right", "y": at, "yanchor": "bottom", "text": text, "showarrow": False,
         "font": {"size": 11, "color": token("muted")}}
        for at, text in shown
    ]  # fmt: skip
    return {
        "data": [
            {
                "type": "bar",
                "x": [(start + width_us / 2) / 1000 for start in starts],
                "y": values,
                "width": width_us / 1000 * 0.86,
                "marker": {"color": token("trace", 0.8), "line": {"width": 0}},
                "text": [f"{when(at, zone)}, {WORDS[width_us]}<br><b>{value:g}</b>" for at, value in zip(starts, values, strict=True)],
                "textposition": "none",
                "hovertemplate": "%{text}<extra></extra>",
            }
        ],
        "layout": layout(
            xaxis={"type": "linear", "range": [found.start_us / 1000, found.end_us / 1000], "tickmode": "array", "tickvals": [],
                   "fixedrange": True},
            yaxis={"range": [0, top], "rangemode": "tozero"},
            dragmode=False, bargap=0, shapes=[*bands, *lines], annotations=words, meta={"zone": str(zone)},
        ),
    }  # fmt: skip


def split_chart(found: Performance) -> Figure:
    """Percent of announcements by priority as bars, what is wanted as a mark on each."""
    shares = split(found.priorities)
    names = [severity.value for severity in WANTED_SPLIT]
    values = [shares.get(severity, 0.0) for severity in WANTED_SPLIT]
    wanted = list(WANTED_SPLIT.values())
    return {
        "data": [
            {"type": "bar", "orientation": "h", "y": names, "x": values, "width": 0.55, "textposition": "none", "hoverinfo": "skip",
             "marker": {"color": [token(name, 0.85) for name in names], "line": {"width": 0}}},
            {"type": "scatter", "mode": "markers", "y": names, "x": wanted, "hoverinfo": "skip", "cliponaxis": False,
             "marker": {"symbol": "line-ns-open", "size": 30, "color": token("text"), "line": {"width": 2, "color": token("text")}}},
        ],
        "layout": layout(
            margin={"l": 64, "r": 20, "t": 10, "b": 26, "pad": 6},
            xaxis={"range": [0, 100], "ticksuffix": " %", "fixedrange": True, "showgrid": True, "gridcolor": token("line-soft")},
            yaxis={"autorange": "reversed", "showgrid": False, "type": "category"},
            dragmode=False, annotations=[], meta={"zone": ""},
        ),
    }  # fmt: skip


def _per_day(per_hour: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sum(per_hour[at : at + 24]) for at in range(0, len(per_hour), 24))
