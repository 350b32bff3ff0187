"""One alert in words and figures: what it is, every event of its journal, the readings around it with its limit and its span."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.domain.alerts import What
from dashapp.ingest.catalogue import SensorEntry
from dashapp.ui.alarms.rows import STATES, Shown, person, value_text
from dashapp.ui.components import chip, priority_mark
from dashapp.ui.device.view import when
from dashapp.ui.figures.history_chart import Span, history_chart, resolution_text
from dashapp.ui.figures.theme import Figure, token
from dashapp.ui.time_range import HOUR_US, MINUTE_US
from db.queries.alerts import AlertRow, EventRow
from db.queries.series import Series

WORDS = {
    What.RAISED: "Raised", What.RE_RAISED: "Raised again", What.SEVERITY_RAISED: "Became more severe", What.RETURNED: "Returned to normal",
    What.ACKNOWLEDGED: "Acknowledged", What.RESET: "Reset", What.ESCALATED: "Escalated", What.SHELVED: "Shelved",
    What.SHELVING_ENDED: "Shelving ended", What.SUPPRESSED: "Suppressed", What.SUPPRESSION_ENDED: "Suppression ended",
    What.OUT_OF_SERVICE: "Taken out of service", What.BACK_IN_SERVICE: "Back in service",
}  # fmt: skip
NOBODY = "system"


def event_words(event: EventRow) -> str:
    """`Acknowledged`, `Escalated to step 2`."""
    words = WORDS[What(event.what)]
    return f"{words} to step {event.level}" if event.what == What.ESCALATED else words


def journal(events: Sequence[EventRow], alert: AlertRow, zone: str) -> Component:
    """Every event, the newest first."""
    return html.Ol([html.Li(_event(one, alert, zone)) for one in reversed(events)], className="journal alert-events", reversed="reversed")


def _event(event: EventRow, alert: AlertRow, zone: str) -> list[Component]:
    marks: list[Any] = []
    if event.severity and event.what in (What.RAISED, What.RE_RAISED, What.SEVERITY_RAISED):
        marks.append(priority_mark(event.severity))
    marks.append(html.B(event_words(event)))
    if value := value_text(event.value, alert):
        marks.append(f" at {value}")
    if event.silent:
        marks.append(chip("silent", "Silent: nobody was told"))
    if event.delayed:
        marks.append(chip("delayed", "Came late"))
    by = "" if event.by == NOBODY else f"by {person(event.by)}"
    said = f"“{event.comment}”" if event.comment else ""
    late = f"noted {when(event.recorded_us, zone, seconds=True)}" if event.recorded_us - event.at_us > MINUTE_US else ""
    notes = ", ".join(part for part in (by, said, late, f"now {STATES[event.state].lower()}") if part)
    return [
        html.Span(when(event.at_us, zone, seconds=True), className="muted"),
        html.Div([html.Span(marks), html.Span(notes, className="alert-note")]),
    ]


def facts(alert: AlertRow, row: Shown, zone: str) -> Component:
    """What it is in one block: severity, state, value and limit, how long, who."""
    ended = alert.ended_at_us
    lasted = (ended or 0) - alert.raised_at_us
    pairs: list[tuple[str, Any]] = [
        ("State", row["state"]),
        ("Value when raised", row["value"]),
        ("Limit", row["limit"]),
        ("Raised", when(alert.raised_at_us, zone, seconds=True)),
        ("Ended", f"{when(ended, zone, seconds=True)}, after {length(lasted)}" if ended else ""),
        ("Acknowledged", _acknowledged(alert, zone)),
        ("Raised how often", str(alert.occurrences) if alert.occurrences > 1 else ""),
        ("Escalated", f"to step {alert.escalation_level}" if alert.escalation_level else ""),
        *((one["words"], _silence(one, zone)) for one in row["silences"]),
    ]
    return html.Div([html.Div([html.Span(name), html.B(value)]) for name, value in pairs if value], className="pairs")


def _acknowledged(alert: AlertRow, zone: str) -> str:
    if alert.acknowledged_at_us is None or alert.acknowledged_by is None:
        return ""
    return f"by {person(alert.acknowledged_by)}, {when(alert.acknowledged_at_us, zone, seconds=True)}"


def _silence(one: Any, zone: str) -> str:
    until = "until it clears" if one["until_clear"] else f"until {when(one['until_ms'] * 1000, zone)}" if one["until_ms"] else "no end set"
    by = "" if one["by"] == NOBODY else f" by {one['by']}"
    return f"{until}{by}{': ' + one['reason'] if one['reason'] else ''}"


def length(span_us: int) -> str:
    """`47 s`, `4 min`, `1 h 5 min`."""
    seconds = max(0, round(span_us / 1e6))
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def window(alert: AlertRow, now_us: int) -> tuple[int, int]:
    """What the chart shows: the alert with as much before and after it as it lasted, at least ten minutes and at most a day, µs."""
    end = alert.ended_at_us or now_us
    room = min(max(end - alert.raised_at_us, 10 * MINUTE_US), 24 * HOUR_US)
    return alert.raised_at_us - room, min(end + room, max(now_us, end))


def chart(sensor: SensorEntry, points: Series, alert: AlertRow, limit: float | None, span: Span) -> tuple[Figure, str]:
    """The readings around an alert: its limit drawn, its span shaded; and how the line came about, in words."""
    figure = history_chart(sensor, points, span)
    drawn = figure["layout"]
    colour = alert.severity
    begin_ms, end_ms = alert.raised_at_us / 1000, (alert.ended_at_us or span.end_us) / 1000
    mine = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "x0": begin_ms}
    shade = {**mine, "type": "rect", "x1": end_ms, "fillcolor": token(colour, 0.12), "line": {"width": 0}}
    raised = {**mine, "type": "line", "x1": begin_ms}
    shapes = [one for one in drawn.get("shapes", []) if one.get("name") != "limit" or limit is None]
    notes = list(drawn.get("annotations", [])) if limit is None else []
    shapes += [{**shade, "name": "alert"}, {**raised, "line": {"color": token(colour), "width": 1.5}, "name": "raised"}]
    if limit is not None:
        shapes.append(_limit_line(limit, colour))
        notes.append(_limit_note(limit, colour, sensor))
        low, high = drawn["yaxis"]["range"]
        room = 0.08 * (high - low)
        drawn["margin"] = {**drawn["margin"], "r": 56}
        drawn["yaxis"] = {**drawn["yaxis"], "range": [min(low, limit - room), max(high, limit + room)]}
    drawn["shapes"], drawn["annotations"], drawn["dragmode"] = shapes, notes, False
    return figure, resolution_text(sensor, points)


def _limit_line(limit: float, colour: str) -> dict[str, Any]:
    line = {"color": token(colour), "width": 1, "dash": "4px,3px"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": limit, "y1": limit, "line": line, "name": "limit"}


def _limit_note(limit: float, colour: str, sensor: SensorEntry) -> dict[str, Any]:
    return {
        "xref": "paper", "x": 1, "xanchor": "left", "xshift": 5, "yref": "y", "y": limit, "yanchor": "middle", "align": "left",
        "text": f"limit<br>{limit:.6g} {sensor.unit}".strip(), "showarrow": False, "font": {"size": 11, "color": token(colour)},
    }  # fmt: skip
