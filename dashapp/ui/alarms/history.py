"""The journal as a page and a file ask for it: filters from an address, rows in words, the whole of it as CSV."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, request

from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Severity
from dashapp.ingest.services import Services
from dashapp.sheets import Row
from dashapp.ui.alarms.journal import length
from dashapp.ui.alarms.rows import limit_text, person, title, value_text
from dashapp.ui.context import actor, services, tenant_id
from dashapp.ui.device.view import when
from dashapp.ui.exports import FORMS, streamed
from dashapp.ui.tables import Cell
from dashapp.ui.time_range import TimeRange, iso, names_shift, parse_range
from dashapp.ui.zones import viewer_zone
from db.queries.alerts import AlertRow, JournalFilter, alert_journal
from db.queries.rules import RuleRow
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_reading

WORDS = ("triggered", "acknowledged", "resolved")
SEVERITIES = tuple(severity.value for severity in Severity)
COLUMNS = ("Alert", "Device", "Value and limit", "Raised", "Lasted", "State", "Acknowledged by")
DEFAULT_RANGE = "7d"
PAGE_ROWS, FILE_ROWS = 50, 500
HEAD = [
    "id", "severity", "alert", "message", "device", "device_name", "place", "line", "sensor", "value", "unit", "limit", "raised", "ended",
    "state", "occurrences", "escalation_step", "acknowledged", "acknowledged_by",
]  # fmt: skip

downloads = Blueprint("alert_downloads", __name__)


def register_downloads(server: Flask) -> None:
    """Adds the journal as a file."""
    server.register_blueprint(downloads)


def asked_range(query: Mapping[str, Any], now_us: int, zone: str) -> TimeRange:
    """Of when the alerts are that an address asks for, by their raising; shifts are those of the line that it names, or of the plant."""
    calendars = []
    if names_shift(query.get("range")):
        with tenant_reading(services().database.engine, tenant_id()) as connection:
            calendars = shift_calendars(connection, str(query.get("line") or ""))
    return parse_range(query, now_us, default=DEFAULT_RANGE, zone=zone, calendars=calendars)


def wanted(query: Mapping[str, Any], shown: TimeRange) -> JournalFilter:
    """What the journal is asked for; a word or severity that there is none of is as if it were not there."""
    word, severity = str(query.get("state") or ""), str(query.get("severity") or "")
    return JournalFilter(
        words=(word,) if word in WORDS else (),
        severities=(severity,) if severity in SEVERITIES else (),
        device_key=str(query.get("device") or "") or None,
        line=str(query.get("line") or "") or None,
        from_us=shown.start_us,
        to_us=shown.end_us,
    )


def table_row(alert: AlertRow, rules: Mapping[int, RuleRow], zone: str) -> list[Cell]:
    """One alert as a row of the table."""
    measured = [value_text(alert.value, alert), f"limit {limit}" if (limit := limit_text(alert, rules)) else ""]
    lasted = "" if alert.ended_at_us is None else length(alert.ended_at_us - alert.raised_at_us)
    return [
        {"text": title(alert), "href": f"/alerts/{alert.id}", "priority": alert.severity},
        alert.device_key,
        " · ".join(part for part in measured if part) or "–",
        when(alert.raised_at_us, zone, seconds=True),
        lasted or "still open",
        alert.word,
        person(alert.acknowledged_by) or "–",
    ]


@downloads.get(f"/alerts/history.<{FORMS}:form>")
def history_file(form: str) -> Response:
    """The journal of a range with its filters, all of it, the newest first."""
    who, query = actor(), request.args.to_dict()
    shown = asked_range(query, time.time_ns() // 1000, viewer_zone())
    if shown.problem:  # a file of another range than was asked for would deceive
        return Response(shown.problem + "\n", 400, mimetype="text/plain")
    asked = wanted(query, shown)
    return streamed("alerts", form, HEAD, lambda app, tenant: _lines(app, tenant, who, asked))


def _lines(app: Services, tenant: int, who: Actor, asked: JournalFilter) -> Iterator[Row]:
    rules = app.rulebook.of(tenant).rules
    cursor: str | None = None
    with tenant_reading(app.database.engine, tenant) as connection:
        while True:
            page = alert_journal(connection, asked, after=cursor, limit=FILE_ROWS, lines=who.lines)
            yield from (_line(alert, rules) for alert in page.alerts)
            cursor = page.next_cursor
            if cursor is None:
                return


def _line(alert: AlertRow, rules: Mapping[int, RuleRow]) -> list[Any]:
    def moment(at: int | None) -> str:
        return "" if at is None else iso(at)

    return [
        alert.id, alert.severity, title(alert), alert.message, alert.device_key, alert.device_name, alert.place, alert.line,
        alert.sensor_key or "", "" if alert.value is None else alert.value, alert.unit, limit_text(alert, rules),
        moment(alert.raised_at_us), moment(alert.ended_at_us), alert.word,
        alert.occurrences, alert.escalation_level, moment(alert.acknowledged_at_us),
        person(alert.acknowledged_by),
    ]  # fmt: skip
