"""Makes a report and keeps it with what carries it, in one transaction: a period is reported once, and mailed where it is kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from dashapp.domain.report_periods import Period
from dashapp.notices.facts import Plant
from dashapp.reports.content import make_report
from dashapp.reports.mail import html_of, in_base64
from db.columns import from_us
from db.commands import reports as commands


def make_and_keep(
    connection: Connection, plant: Plant, definition: Any, period: Period, now: datetime, *, recipients: Sequence[str],
    oee_target_percent: int, test: bool = False,
) -> int | None:
    """The report's id; None where the period was reported already. `definition` is a row of `report_definitions`."""
    from dashapp.reports.pdf import pdf_of, picture_of  # fonts and drawing are loaded when the first report is due

    report = make_report(
        connection, plant, definition.kind, definition.line, period, now, oee_target_percent=oee_target_percent
    )
    values = {
        "definition_id": definition.id, "name": definition.name, "kind": "test" if test else definition.kind, "line": definition.line,
        "title": f"{'Test: ' if test else ''}{report.title}", "starts_at": from_us(period.start_us), "ends_at": from_us(period.end_us),
        "made_at": now, "recipients": list(recipients), "summary": report.text, "html": html_of(report),
        "pictures": {chart.key: in_base64(picture_of(chart)) for chart in report.charts}, "pdf": pdf_of(report),
    }  # fmt: skip
    made = commands.insert_report(connection, values)
    if made is not None and definition.channel_id is not None:
        commands.queue_mails(connection, made, str(values["title"]), definition.channel_id, recipients, now)
    return made
