"""One alert `/alerts/<number>`: what it is, what can be done, its whole journal, and the readings around it (UI-3, AL-6)."""

import time
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.ingest.catalogue import SensorEntry
from dashapp.ui import shell
from dashapp.ui.alarms import journal
from dashapp.ui.alarms.desk import AlertButtons, feed
from dashapp.ui.alarms.rows import limit_of, shown, title
from dashapp.ui.components import card, empty_state, priority_mark
from dashapp.ui.context import actor, catalogue, services, tenant_id
from dashapp.ui.device.charts import GRAPH
from dashapp.ui.figures.history_chart import Span
from dashapp.ui.figures.theme import blank
from dashapp.ui.states import attempt
from dashapp.ui.zones import viewer_zone
from db.queries.alerts import AlertRow, EventRow, events_of, one_alert
from db.queries.series import series
from db.tenancy import tenant_reading

POINTS = 900
LARGEST_ID = 2**63 - 1


def _number(number: str) -> int | None:
    return int(number) if number.isascii() and number.isdigit() and int(number) <= LARGEST_ID else None


def _find(number: str) -> AlertRow | None:
    """The alert that an address names, on lines that the person may see."""
    wanted = _number(number)
    if wanted is None:
        return None
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        return one_alert(connection, wanted, lines=actor().lines)


def _is_there(number: str = "") -> bool:
    return _find(number) is not None


def _title(number: str = "", **_query: Any) -> str:
    found = _find(number)
    return (f"{title(found)}, {found.device_key}" if found else "Alert") + shell.SUFFIX


dash.register_page(
    __name__, path_template="/alerts/<number>", name="Alert", title=_title, order=90, nav=False, role=Role.VIEWER, charts=True,
    within="/alerts", found=_is_there,
)  # fmt: skip


def layout(number: str = "", **_query: Any) -> Component:
    found = _find(number)
    if found is None:
        back = html.A("All alerts", href="/alerts", className="btn", **{"data-inside": "true"})
        return card("No such alert", empty_state("There is no such alert", "It may belong to a line that you do not see.", back))
    held = feed().held(actor())
    return shell.live(
        html.Div(_body(found), id="alert-body", className="stack"),
        dcc.Store(id="alert-held", data={"id": found.id, "held": held, "version": _mark(found)}),
        id="alert-page",
    )


def _mark(alert: AlertRow) -> list[Any]:
    """What moves when there is anything new to show of it."""
    return [alert.version, alert.last_event_us, alert.state, [[over.kind, over.since_us] for over in alert.over]]


def _body(alert: AlertRow) -> list[Component]:
    zone = viewer_zone()
    row = shown(alert, services().rulebook.of(tenant_id()).rules)
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        events: list[EventRow] = events_of(connection, alert.id)
    links = [html.A([alert.device_key, f" {row['device_name']}" if row["device_name"] else ""], href=row["device_href"], **_INSIDE)]
    links += [html.Span(part, className="muted") for part in dict.fromkeys((alert.place, alert.line)) if part]
    if alert.rule_id is not None:
        links.append(_rule_link(alert))
    head = html.Section(
        [
            html.Div([priority_mark(alert.severity), html.B(alert.severity), html.Span(alert.message)], className="alert-facts"),
            html.Div(links, className="alert-facts"),
            AlertButtons(id="alert-buttons", alert=dict(row), whole=True),
        ],
        className="card alert-head",
        **{"aria-label": "Alert"},
    )
    main = [attempt("Readings around it", _readings, alert, zone), card("Journal", journal.journal(events, alert, zone))]
    side = card("In short", journal.facts(alert, row, zone))
    return [head, html.Div([html.Div(main, className="stack"), side], className="two")]


_INSIDE = {"data-inside": "true"}


def _rule_link(alert: AlertRow) -> Component:
    """To the rule, where there is a page of rules that the person may open."""
    who = actor()
    pages = {page["path"]: page for page in dash.page_registry.values()}
    rules = pages.get("/alerts/rules")
    words = f"Rule: {alert.rule_name}"
    if rules is None or not shell.may_open(rules, who):
        return html.Span(words, className="muted")
    return html.A(words, href=f"/alerts/rules/{alert.rule_id}" if "/alerts/rules/<" in str(pages) else "/alerts/rules", **_INSIDE)


def _sensor(alert: AlertRow) -> SensorEntry | None:
    device = catalogue().devices.get(alert.device_key)
    return None if device is None or alert.sensor_key is None else device.sensors.get(alert.sensor_key)


def _readings(alert: AlertRow, zone: str) -> Component | None:
    """The chart, where the alert is about a sensor that is still there."""
    sensor = _sensor(alert)
    if sensor is None:
        return None
    start_us, end_us = journal.window(alert, time.time_ns() // 1000)
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        points = series(connection, sensor.id, start_us, end_us, width=POINTS)
    limit = limit_of(alert, services().rulebook.of(tenant_id()).rules)
    figure, how = journal.chart(sensor, points, alert, limit, Span(start_us, end_us, zone))
    graph = dcc.Graph(id="alert-chart", figure=blank(), config=GRAPH, responsive=True, style={"height": "18rem"})
    label = f"{sensor.name} around the alert, its limit and its span"
    return card(
        f"{sensor.name} around it",
        html.Div(graph, role="img", **{"aria-label": label}),
        dcc.Store(id="alert-chart-source", data=figure),
        aside=f"{how}; the alert is shaded",
    )


@callback(
    Output("alert-body", "children"), Output("alert-held", "data"), shell.PULSE, State("alert-held", "data"), prevent_initial_call=True
)
def show_changes(_pulse: int, held: dict[str, Any] | None) -> Any:
    """The page anew when something happened to this alert; one number is looked at each second."""
    now = feed().held(actor())
    if not held or held["held"] == now:
        return no_update, no_update
    found = _find(str(held["id"]))
    if found is None or held["version"] == _mark(found):
        return no_update, {**held, "held": now}
    return _body(found), {"id": found.id, "held": now, "version": _mark(found)}


clientside_callback(
    ClientsideFunction("andon_alerts", "draw"), Output("alert-chart", "figure"), Input("alert-chart-source", "data"), shell.THEME
)
