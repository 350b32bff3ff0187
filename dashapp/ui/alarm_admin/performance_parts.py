"""What the performance page is made of."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashapp.domain.alarm_performance import Performance
from dashapp.ui.alarm_admin.performance_data import LONGEST_DAYS, MOST_OPERATORS, PATH, Line, Shown, lines_of, too_long, wait
from dashapp.ui.components import card, empty_state, kpi
from dashapp.ui.device.charts import GRAPH
from dashapp.ui.device.view import when
from dashapp.ui.figures.alarm_charts import WORDS, rate_chart, split_chart, width_of
from dashapp.ui.figures.theme import blank
from dashapp.ui.forms import Field
from dashapp.ui.parts import downloads, points_button
from dashapp.ui.range_control import TimeRangeControl, shown_range
from dashapp.ui.tables import DataTable

CHARTS = ("rate", "split")


def range_card(shown: Shown, zone: str, now_us: int) -> Component:
    """Which time, and how many operators."""
    found = shown.figures
    options: Any = [{"value": str(n), "label": str(n)} for n in range(1, MOST_OPERATORS + 1)]
    note = shown.range.problem or shown.range.note
    if not note and too_long(shown.range, now_us):
        note = f"The last {LONGEST_DAYS} days of it are counted."
    return card(
        "Time and people",
        TimeRangeControl(
            id="performance-range", zone=zone, shifts=shown.shifts, shown=shown_range(shown.range, found.start_us, found.end_us)
        ),
        html.P(note, className="notice", hidden=not note, role="status"),
        Field("operators", "Operators who share the alerts", id="performance-operators", kind="select", options=options,
              value=str(shown.operators), required=True, className="operators"),
        html.P(f"{when(found.start_us, zone)} – {when(found.end_us, zone)}", className="small muted", id="performance-says"),
        aside=downloads(PATH, f"{shown.range.query}&operators={shown.operators}", what="the figures", id="performance"),
    )  # fmt: skip


def tiles(found: Performance) -> Component:
    """The figures that matter first."""
    quick = len(found.chattering) + found.fleeting
    return html.Div(
        [
            kpi("Mean in 10 min", found.mean_per_ten_minutes, note="per operator; target 1", decimals=2),
            kpi("Most in 10 min", found.peak_ten_minutes, note="per operator; target 10 at most"),
            kpi("Time in flood", found.flood_share, "%", note=_floods(found), decimals=2),
            kpi("Ten most frequent", found.top_share, "%", note="of all; target 5 % at most", decimals=0),
            kpi("Chattering, fleeting", quick, note=f"{len(found.chattering)} sources, {found.fleeting} times; target 0"),
            kpi("Acknowledged after", wait(found.mtta_median_s), note=f"median; mean {wait(found.mtta_mean_s)}"),
        ],
        className="kpis",
    )


def _floods(found: Performance) -> str:
    number = len(found.floods)
    return f"{number} flood{'' if number == 1 else 's'}; target 1 % at most"


def charts(found: Performance, zone: str) -> list[Component]:
    """Announcements over time, and by priority."""
    title = f"Announcements per {WORDS[width_of(found)]} and operator"
    by_time = f"{found.count:,} in all. Dashed: the targets of ISA-18.2. Shaded: floods."
    priorities = ", ".join(f"{name.value} {count:,}" for name, count in found.priorities.items())
    by_priority = f"{priorities}. The marks are the wanted 80, 15 and 5 %; critical counts with high."
    return [
        _chart("rate", title, by_time, rate_chart(found, zone)),
        _chart("split", "Announcements by priority", by_priority, split_chart(found)),
    ]


def _chart(name: str, title: str, says: str, figure: dict[str, Any]) -> Component:
    graph = dcc.Graph(id=f"alarm-chart-{name}", figure=blank(), config=GRAPH, className="chart")
    png = html.Button(
        "PNG", id=f"alarm-png-{name}", type="button", className="btn plain tiny", n_clicks=0,
        title=f"Save “{title}” as PNG", **{"aria-label": f"Save “{title}” as PNG", "data-saved": ""},
    )  # fmt: skip
    drawn = html.Div(graph, role="img", **{"aria-label": f"{title}. {says}"})
    return card(
        title,
        html.P(says, className="chart-says"),
        html.Div(drawn, className="chart-frame alarm-frame" if name == "rate" else "chart-frame alarm-frame low"),
        dcc.Store(id=f"alarm-source-{name}", data={"figure": figure, "title": title, "says": says, "name": name}),
        aside=html.Span([points_button(f"alarm-chart-{name}", title), png], className="downloads"),
    )


def top_card(shown: Shown) -> Component:
    """The ten most frequent sources."""
    found = shown.figures
    if not found.top:
        nothing = empty_state("No alerts in this time", "Nobody was asked to do anything. Choose a longer time to see more.")
        return card("Most frequent", nothing)
    rows = []
    for each in found.top:
        whose = shown.sources[each.source]
        marks = ["chatters"] if each.chattering else []
        marks += [f"{each.fleeting} fleeting"] if each.fleeting else []
        name: Any = {"text": whose.device_key, "href": f"/devices/{whose.device_key}"}
        rows.append([name, whose.rule, f"{each.count:,}", f"{each.share:.1f}\u202f%", ", ".join(marks) or "–"])
    table = DataTable(
        columns=["Device", "Rule", "Announced", "Share", "Note"], numbers=[2, 3], rows=rows, caption="The ten most frequent",
        className="stacked",
    )  # fmt: skip
    return card("Most frequent", _scrolls(table, "The ten most frequent"), aside=f"{found.top_share or 0:.0f} % of all; target 5 % at most")


def figures_card(lines: Sequence[Line]) -> Component:
    """Every figure beside its target."""
    words = {True: "yes", False: "no", None: ""}
    rows: Any = [[line.name, line.value, line.target or "–", words[line.met] or "–"] for line in lines]
    table = DataTable(
        columns=["Figure", "Value", "Target", "Met"], numbers=[1], rows=rows, caption="Every figure beside its target", className="stacked"
    )
    return card("Every figure", _scrolls(table, "Every figure"), aside="ISA-18.2, EEMUA 191")


def _scrolls(table: Component, name: str) -> Component:
    return html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": name})


def body(shown: Shown, zone: str, now_us: int) -> list[Component]:
    """All of the page below its tabs."""
    return [
        range_card(shown, zone, now_us),
        tiles(shown.figures),
        *charts(shown.figures, zone),
        top_card(shown),
        figures_card(lines_of(shown.figures)),
    ]
