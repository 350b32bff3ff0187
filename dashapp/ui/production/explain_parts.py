"""What is behind a figure of production: the formula with its numbers and its source, intervals, counts, shifts, stops, edits."""

from collections.abc import Iterable, Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.domain.oee import (
    LOSS_WORDS,
    NO_PLANNED_RUN_TIME,
    NOT_MEASURED,
    Loss,
    ProductionSums,
    figures,
    waterfall,
)
from dashapp.domain.production import State
from dashapp.ui.components import card, empty_state
from dashapp.ui.device.view import stamp, when
from dashapp.ui.parts import format_value
from dashapp.ui.production.definitions import LOSS_DEFINITIONS, definitions, exact_seconds
from dashapp.ui.production.parts import file_links, inside, table
from dashapp.ui.production.scope import EXPLAIN, OEE, PRODUCTION, Scope
from dashapp.ui.production.sheet import Row, by_oee
from dashapp.ui.production.words import figure_words, named, percent, span_words, units_words
from dashapp.ui.zones import viewer_zone
from db.queries.explain import Explained, ExplainedInterval
from db.queries.stops import EditRow

MOST_INTERVALS = 400
LATE_US = 120_000_000  # said without a network
STATE_WORDS = {
    State.OFF: "Not planned",
    State.RUN: "Running",
    State.MINOR: "Minor stop",
    State.STOP: "Stop",
    State.PLANNED_STOP: "Planned stop",
    State.UNKNOWN: "Unknown",
}
SAID = {
    "reason": "gave the reason",
    "split": "split the stop",
    "join": "took a split back",
    "stop": "said that it stood still",
    "run": "said that it ran",
    "measured": "took back what was said of the time",
    "comment": "remarked",
}


def losses_card(sums: ProductionSums) -> Component:
    """Every loss with its definition."""
    rows: list[Any] = []
    for step in waterfall(sums):
        if step.key not in [str(loss) for loss in LOSS_DEFINITIONS]:
            continue
        value = step.why if step.seconds is None else span_words(step.seconds)
        seconds = "–" if step.seconds is None else exact_seconds(step.seconds)
        rows.append([step.words, LOSS_DEFINITIONS[Loss(step.key)], value, seconds, percent(step.share)])
    body = table("Losses", ["Loss", "What it is", "Time", "In seconds", "Of planned"], rows, numbers=[2, 3, 4], id="explain-losses")
    return card("Losses, after Nakajima's six big losses", body if rows else _nothing())


def _nothing() -> Component:
    return empty_state("No planned time", "Nothing was planned in this range, or nothing is known of it. The shifts say what is planned.")


def figures_card(sums: ProductionSums, chosen: str) -> Component:
    """Definitions with the numbers in them; the one that was asked for is marked."""
    items = [
        html.Li(
            [
                html.Div([html.H3(one.name), html.Span(one.source, className="small muted")], className="explain-name"),
                html.Div([html.P(one.formula, className="explain-formula"), html.P(f"= {one.numbers}", className="explain-numbers muted")]),
                html.B(one.value, className="explain-value"),
            ],
            id=f"figure-{one.key}",
            className="explain-figure chosen" if one.key == chosen else "explain-figure",
            **{"data-figure": one.key, **({"aria-current": "true"} if one.key == chosen else {})},
        )
        for one in definitions(sums)
    ]
    words = (
        "PBT planned busy time (shifts without breaks and planned stops, as far as anything is known of it), APT actual production time "
        "(PBT without stops), PRI planned run time per item, PQ and GQ produced and good quantity."
    )
    return card("Figures", html.Ul(items, className="explain-figures"), html.P(words, className="small muted"))


def counts_card(sums: ProductionSums) -> Component:
    """Times and counts as they are added up."""
    rows: list[tuple[str, str]] = [
        ("All time", span_words(sums.calendar_s)),
        ("Planned busy time", span_words(sums.planned_s)),
        ("of it known", span_words(sums.known_s)),
        ("Actual production time", span_words(sums.production_s)),
        ("Downtime", f"{span_words(sums.down_s)}, {units_words(sums.stops)} stops"),
        ("Planned stops", f"{span_words(sums.planned_stop_s)}, {units_words(sums.planned_stops)}"),
        ("Minor stops", f"{span_words(sums.minor_s)}, {units_words(sums.minors)}"),
        ("Produced quantity", units_words(sums.produced)),
        ("Good quantity", NOT_MEASURED if sums.good is None else units_words(sums.good)),
        ("Rejected", NOT_MEASURED if sums.rejected is None else units_words(sums.rejected)),
        ("Σ PRI·PQ", exact_seconds(sums.ideal_s)),
        ("Σ PRI·rejects", exact_seconds(sums.rejected_ideal_s)),
    ]
    if sums.unrated:
        rows.append((f"Units with {NO_PLANNED_RUN_TIME}", units_words(sums.unrated)))
    if sums.unplanned:
        rows.append(("Units outside of planned time, in no figure", units_words(sums.unplanned)))
    pairs = [html.Div([html.Span(name), html.B(value)]) for name, value in rows]
    return card("Times and counts", html.Div(pairs, className="pairs", id="explain-counts"))


def machines_card(scope: Scope, rows: Iterable[Row]) -> Component:
    """Of several machines: which they are, each with its own explanation."""
    listed: list[Any] = [
        [
            {"text": row.name, "href": scope.address(EXPLAIN, place=[row.place])},
            figure_words(figures(row.sums).oee),
            exact_seconds(row.sums.known_s),
            exact_seconds(row.sums.production_s),
            exact_seconds(row.sums.ideal_s),
            exact_seconds(row.sums.ideal_s - row.sums.rejected_ideal_s),
        ]
        for row in by_oee(list(rows))
    ]
    columns = ["Machine", "OEE", "PBT", "APT", "Σ PRI·PQ", "Σ PRI·GQ"]
    body = table("What is added up", columns, listed, numbers=[1, 2, 3, 4, 5], id="explain-machines")
    return card("What is added up", body, aside="times and counts are added, percentages never")


# ---- Of one machine


def merged(intervals: Iterable[ExplainedInterval]) -> list[ExplainedInterval]:
    """What is stored hour by hour, as stretches with everything the same."""
    found: list[ExplainedInterval] = []
    for one in intervals:
        before = found[-1] if found else None
        if before is not None and before.end_us == one.start_us and not one.begins and _same(before, one):
            found[-1] = ExplainedInterval(
                before.start_us,
                one.end_us,
                before.state,
                before.loss,
                before.begins,
                before.startup,
                before.measured,
                before.product_id,
                before.product,
                before.pri_s,
                before.reason_id,
                before.produced + one.produced,
                before.rejected + one.rejected,
                before.stop_us,
            )
        else:
            found.append(one)
    return found


def _same(a: ExplainedInterval, b: ExplainedInterval) -> bool:
    return (a.state, a.loss, a.startup, a.measured, a.product_id, a.pri_s, a.reason_id, a.stop_us) == (
        b.state,
        b.loss,
        b.startup,
        b.measured,
        b.product_id,
        b.pri_s,
        b.reason_id,
        b.stop_us,
    )


def intervals_card(explained: Explained, reason_names: Mapping[int, str], csv: str) -> Component:
    """What the machine did, stretch by stretch."""
    zone, listed = viewer_zone(), merged(explained.intervals)
    shown = listed[-MOST_INTERVALS:]
    rows: list[Any] = []
    for one in reversed(shown):
        why = reason_names.get(one.reason_id, "") or (LOSS_WORDS[Loss(one.loss)] if one.loss else "")
        kind = STATE_WORDS[one.state] + (" after a start" if one.startup and one.state is State.RUN else "")
        planned = "–" if one.pri_s is None else f"{format_value(one.pri_s)} s"
        rejects = units_words(one.rejected) if one.measured else NOT_MEASURED
        rows.append(
            [
                stamp(one.start_us, zone),
                stamp(one.end_us, zone)[-5:],
                span_words((one.end_us - one.start_us) / 1e6),
                kind,
                why or "–",
                one.product or "–",
                planned,
                units_words(one.produced),
                rejects,
            ]
        )
    columns = ["From", "To", "Length", "State", "Why", "Product", "PRI", "Made", "Rejected"]
    title = "Intervals" if len(shown) == len(listed) else f"Intervals, the last {len(shown)} of {len(listed)}; the file has all"
    return card(
        title,
        table("Intervals, the newest first", columns, rows, numbers=[2, 6, 7, 8], id="explain-intervals", save=False),
        aside=file_links(csv, "Intervals"),
    )


def shifts_card(explained: Explained) -> Component:
    """The shifts that say what was planned."""
    zone = viewer_zone()
    rows: list[Any] = [
        [
            shift.name,
            when(shift.start_us, zone),
            when(shift.end_us, zone),
            ", ".join(f"{stamp(low, zone)[-5:]}–{stamp(high, zone)[-5:]}" for low, high in shift.breaks) or "–",
        ]
        for shift in reversed(explained.shifts[-MOST_INTERVALS:])
    ]
    body = table("Shifts", ["Shift", "From", "To", "Breaks"], rows) if rows else html.P("No shift lies in this range.", className="muted")
    return card("Shifts", body, aside=inside("Calendars", f"{PRODUCTION}/shifts"))


def stops_card(scope: Scope, explained: Explained, people: Mapping[str, str]) -> Component:
    """The stops that are longer than minor ones."""
    zone = viewer_zone()
    rows: list[Any] = [
        [
            {"text": when(stop.start_us, zone), "href": scope.address(PRODUCTION, ("stop", str(stop.id)))},
            "goes on" if stop.end_us is None else span_words(stop.planned_s),
            LOSS_WORDS[stop.loss],
            stop.reason or "–",
            stop.comment or "–",
            named(people, stop.said_by) or "–",
        ]
        for stop in explained.stops[:MOST_INTERVALS]
    ]
    columns = ["Began", "Planned time lost", "Loss", "Reason", "Remark", "Said by"]
    body = table("Stops", columns, rows, numbers=[1], id="explain-stops") if rows else html.P("No stop in this range.", className="muted")
    return card("Stops", body)


def edit_words(edit: EditRow, people: Mapping[str, str], zone: str) -> list[Any]:
    """When, who, what, of which time, why: a row of a table of edits."""
    what = SAID.get(edit.what, edit.what)
    if edit.what == "reason":
        what = f"{what} {edit.reason}" if edit.reason else "took the reason back"
    late = f", arrived {when(edit.recorded_us, zone)}" if edit.by != "system" and edit.recorded_us - edit.at_us > LATE_US else ""
    span = when(edit.start_us, zone) if edit.what == "split" else f"{when(edit.start_us, zone)} – {stamp(edit.end_us, zone)[-5:]}"
    return [f"{when(edit.at_us, zone, seconds=True)}{late}", named(people, edit.by) or "–", what, span, edit.comment or "–"]


def edits_card(edits: Iterable[EditRow], people: Mapping[str, str], *, title: str = "Edits") -> Component:
    """What people said of the range, the newest first."""
    zone = viewer_zone()
    rows = [edit_words(edit, people, zone) for edit in reversed(list(edits))]
    columns = ["Said", "By", "What", "Of which time", "Remark"]
    body = (
        table("Edits", columns, rows[:MOST_INTERVALS], id="explain-edits")
        if rows
        else html.P("Nobody changed anything in this range.", className="muted")
    )
    return card(title, body)


def head(scope: Scope) -> Component:
    """Where one is, and the way back to the page."""
    return html.Div(
        [
            inside("OEE", scope.address(OEE), "crumb"),
            html.Span("/", className="faint", **{"aria-hidden": "true"}),
            html.B(scope.name, id="explain-name"),
        ],
        className="page-head",
    )
