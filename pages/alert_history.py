"""The history of alerts `/alerts/history`: all that were raised in a range, open or ended, with filters in the address (AL-6, UI-3)."""

import time
from collections.abc import Mapping
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, clientside_callback, dcc, html
from dash.development.base_component import Component

from dashapp.domain.addresses import joined
from dashapp.domain.fleet import Role
from dashapp.domain.shifts import names
from dashapp.ui import shell
from dashapp.ui.alarm_tabs import alarm_tabs
from dashapp.ui.alarms import history
from dashapp.ui.alarms.desk import JournalFilters
from dashapp.ui.components import empty_state
from dashapp.ui.context import actor, services, tenant_id, visible_devices
from dashapp.ui.parts import downloads
from dashapp.ui.range_control import TimeRangeControl, shown_range
from dashapp.ui.tables import DataTable
from dashapp.ui.zones import viewer_zone
from db.queries.alerts import JournalPage, alert_journal
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_reading

PATH = "/alerts/history"
ASKED = ("severity", "state", "line", "device", "range", "from", "to")

dash.register_page(
    __name__, path=PATH, name="History of alerts", title="History of alerts" + shell.SUFFIX, order=22, nav=False, role=Role.VIEWER,
    within="/alerts", findable=True,
)  # fmt: skip


def layout(after: str | None = None, **query: Any) -> Component:
    """`severity`, `state`, `line`, `device` and a range say what of it is shown; `after` is where the page before ended."""
    zone = viewer_zone()
    shown = history.asked_range(query, time.time_ns() // 1000, zone)
    asked = {name: str(query[name]) for name in ASKED if query.get(name)}
    wanted = history.wanted(query, shown)
    problem = shown.problem or shown.note
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        try:
            page = alert_journal(connection, wanted, after=after or None, limit=history.PAGE_ROWS, lines=actor().lines)
        except (ValueError, OverflowError):
            after, problem = None, "That page is not there: this is the newest one."
            page = alert_journal(connection, wanted, limit=history.PAGE_ROWS, lines=actor().lines)
        shifts = names(shift_calendars(connection))
    body = [
        alarm_tabs(PATH),
        html.Div([_filters(asked), _files(asked)], className="alert-tools"),
        TimeRangeControl(
            id="alert-history-range", zone=zone, shifts=shifts, shown=shown_range(shown, shown.start_us, shown.end_us),
        ),
        html.P(problem, className="notice", role="status") if problem else None,
        *_table(page, asked, zone),
        _paging(page, asked, after),
        dcc.Store(id="alert-history-went"),
    ]  # fmt: skip
    return html.Section(body, className="card stack alert-history", **{"aria-label": "History of alerts"})


def _filters(asked: Mapping[str, str]) -> Component:
    devices = visible_devices()
    lines = sorted({device.line for device in devices if device.line})
    return JournalFilters(
        id="alert-history-filters", query=dict(asked), severities=list(history.SEVERITIES), words=list(history.WORDS), lines=lines,
        devices=[device.key for device in devices],
    )  # fmt: skip


def _files(asked: Mapping[str, str]) -> Component:
    return downloads("/alerts/history", _address("", asked).lstrip("?"), what="all of it")


def _address(path: str, asked: Mapping[str, str], **more: str) -> str:
    return joined(path, [*asked.items(), *more.items()])


def _table(page: JournalPage, asked: Mapping[str, str], zone: str) -> list[Component]:
    if not page.alerts:
        filtered = any(name in asked for name in ("severity", "state", "line", "device"))
        again = html.A("Show all of the range", href=_address(PATH, _range_of(asked)), className="btn", **{"data-inside": "true"})
        nothing = "Nothing was out of order. Choose another range for what was before."
        text = "No alert of this range fits what is chosen." if filtered else nothing
        return [empty_state("No alerts", text, again if filtered else None)]
    rules = services().rulebook.of(tenant_id()).rules
    rows = [history.table_row(alert, rules, zone) for alert in page.alerts]
    table = DataTable(id="alert-history", rows=rows, columns=list(history.COLUMNS), caption="Alerts, the newest first", save=False,
                      className="stacked")  # fmt: skip
    return [html.Div(table, className="table-scroll", tabIndex="0", role="region", **{"aria-label": "Alerts"})]


def _range_of(asked: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if name in ("range", "from", "to")}


def _paging(page: JournalPage, asked: Mapping[str, str], after: str | None) -> Component:
    inside = {"data-inside": "true", "className": "btn"}
    links: list[Component] = []
    if after:
        links.append(html.A("Newest", href=_address(PATH, asked), **inside))
    if page.next_cursor:
        links.append(html.A("Older", href=_address(PATH, asked, after=page.next_cursor), **inside))
    return html.Nav(links, className="row", **{"aria-label": "Pages of the history"}) if links else html.Div()


clientside_callback(
    ClientsideFunction("andon_alerts", "ask_range"), Output("alert-history-went", "data"), Input("alert-history-range", "asked"),
    prevent_initial_call=True,
)  # fmt: skip
