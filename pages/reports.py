"""Reports `/reports`: what is reported when and to whom, and everything that was made (EX-2)."""

import re
from datetime import UTC, datetime
from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, ctx, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import reports as actions
from dashapp.actions.actor import ActionError, Forbidden
from dashapp.actions.reports import Definition
from dashapp.domain.fleet import Role
from dashapp.domain.report_periods import KINDS
from dashapp.ui import shell
from dashapp.ui.components import card, empty_state
from dashapp.ui.context import actor, services, tenant_id, visible_devices
from dashapp.ui.device.view import when
from dashapp.ui.forms import Field, Form, busy, cancel, dialog, errors_of, sent, sentence, submit
from dashapp.ui.tables import DataTable
from dashapp.ui.zones import viewer_zone
from db.columns import to_us
from db.queries import notices as notice_queries
from db.queries.reports import report_definitions, report_list
from db.tenancy import tenant_reading

PATH = "/reports"
PAGE_ROWS = 40

dash.register_page(
    __name__, path=PATH, name="Reports", title="Reports" + shell.SUFFIX, section="Reports", order=44, nav=True, role=Role.VIEWER,
)  # fmt: skip


def layout(report: str = "", before: str = "", **_query: Any) -> Component:
    """The definitions and the archive; `report=new` or a number is its form, `before` leads on in the archive."""
    if report and actor().role.includes(Role.MANAGER):
        return _form_page(report)
    last = int(before) if before.isdigit() and len(before) < 18 else None
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        definitions = [one for one in report_definitions(connection) if _visible(one.line)]
        made = [one for one in report_list(connection, before=last, limit=PAGE_ROWS + 1) if _visible(one.line)]
    return html.Div(
        [
            html.P(id="reports-said", role="status", className="form-message"),
            _definitions(definitions),
            _archive(made, bool(definitions), last),
            dialog("reports-removal", "Remove a report", html.Div(id="reports-removal-body")),
            dcc.Store(id="reports-removing"),
        ],
        className="stack reports-page",
    )


def _visible(line: str) -> bool:
    lines = actor().lines
    return lines is None or line in lines


def _definitions(definitions: list[Any]) -> Component:
    manages = actor().role.includes(Role.MANAGER)
    add = html.A("Add a report", href=f"{PATH}?report=new", className="btn solid", **{"data-inside": "true"}) if manages else None
    if not definitions:
        text = "A report says every morning, or after every shift, how it went: OEE and its losses, stops, alerts, data."
        return card("What is reported", empty_state("No report is set up", text, add))
    return card("What is reported", html.Ul([_definition(one, manages) for one in definitions], className="report-list"), aside=add)


def _definition(one: Any, manages: bool) -> Component:
    said = [KINDS[one.kind].lower(), f"line {one.line}" if one.line else "whole plant", f"{one.after_min} min after the end"]
    if one.channel_id is None:
        to = "kept here, not mailed"
    else:
        count = len(one.recipients)
        to = f"by {one.channel} to {one.recipients[0] if count == 1 else f'{count} people'}"
        to += "" if one.channel_enabled else " (the channel is switched off)"
    state = "" if one.enabled else " · off"
    text = html.Div([html.B(one.name), html.Span(f"{', '.join(said)} · {to}{state}", className="small muted")], className="report-what")
    if not manages:
        return html.Li(text)
    buttons = [
        _do("make", one.id, "Make a test", f"Make a test of {one.name}"),
        _do("mail", one.id, "Mail me a test", f"Mail me a test of {one.name}") if one.channel_id is not None else None,
        html.A(
            "Change", href=f"{PATH}?report={one.id}", className="btn tiny", **{"data-inside": "true", "aria-label": f"Change {one.name}"}
        ),
        _do("remove", one.id, "Remove", f"Remove {one.name}"),
    ]
    return html.Li([text, html.Div(buttons, className="row")])


def _do(what: str, number: int, text: str, label: str) -> Component:
    identity = {"type": "report-do", "what": what, "id": number}
    return html.Button(text, id=identity, type="button", className="btn tiny", n_clicks=0, **{"aria-label": label})


def _archive(made: list[Any], defined: bool, before: int | None) -> Component:
    if not made:
        text = "The first one comes when the next day or shift has ended; make a test to see one now." if defined else "They are kept here."
        return card("Archive", empty_state("No report was made yet", text))
    zone, shown = viewer_zone(), made[:PAGE_ROWS]
    rows: Any = [
        [
            {"text": one.title, "href": f"{PATH}/{one.id}"}, one.name, one.line or "whole plant", when(to_us(one.made_at), zone),
            _delivery(one),
        ]
        for one in shown
    ]  # fmt: skip
    table = DataTable(id="reports-archive", rows=rows, columns=["Report", "Of", "About", "Made", "Mail"], caption="Reports that were made",
                      className="stacked")  # fmt: skip
    inside = {"data-inside": "true", "className": "btn"}
    links = [html.A("Newest", href=PATH, **inside)] if before else []
    if len(made) > PAGE_ROWS:
        links.append(html.A("Older", href=f"{PATH}?before={shown[-1].id}", **inside))
    paging = html.Nav(links, className="row", **{"aria-label": "Pages of the archive"}) if links else None
    return card("Archive", html.Div(table, className="table-scroll", tabIndex="0", role="region", **{"aria-label": "Reports"}), paging)


def _delivery(one: Any) -> str:
    parts = [f"{count} {word}" for count, word in ((one.sent, "sent"), (one.waiting, "waiting"), (one.failed, "not sent")) if count]
    return ", ".join(parts) + (f": {one.error}" if one.failed and one.error else "") if parts else "not mailed"


def _form_page(number: str) -> Component:
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        found = next((one for one in report_definitions(connection) if str(one.id) == number), None)
        channels = [one for one in notice_queries.channels(connection, datetime.now(UTC)) if one["kind"] == "email"]
    if number != "new" and found is None:
        back = html.A("To the reports", href=PATH, className="btn", **{"data-inside": "true"})
        return card("This report is gone", html.P("Somebody has removed it."), back)
    lines = sorted({device.line for device in visible_devices() if device.line})
    whole: Any = [] if actor().lines is not None else [{"value": "", "label": "Whole plant"}]
    kinds: Any = [
        {"value": "daily", "label": "Every day", "note": "From midnight to midnight of the plant's zone."},
        {"value": "shift", "label": "Every shift", "note": "By the shift calendar of the line."},
    ]
    carriers: Any = [{"value": "", "label": "Nobody: keep it here"}, *({"value": str(one["id"]), "label": one["name"]} for one in channels)]
    none = "" if channels else " There is none yet: add one under Alerts, Channels."
    form = Form(
        [
            Field("name", "Name", value=found.name if found else "", required=True, max_length=200, placeholder="Morning report"),
            Field("kind", "When", kind="radio", options=kinds, value=found.kind if found else "daily"),
            Field("line", "About", kind="select", options=[*whole, *({"value": one, "label": f"Line {one}"} for one in lines)],
                  value=found.line if found else ""),
            Field("after_min", "Made so long after the end", kind="number", unit="min", value=str(found.after_min if found else 10),
                  hint="Readings that arrive late are in it then."),
            Field("channel_id", "Mailed by", kind="select", options=carriers,
                  value=str(found.channel_id) if found and found.channel_id else "", hint=f"An e-mail channel.{none}"),
            Field("recipients", "To", kind="textarea", value="\n".join(found.recipients) if found else "",
                  hint="E-mail addresses, one a line."),
            Field("enabled", "Made by itself", kind="check", value=found.enabled if found else True),
            html.Div([submit("Save"), html.A("Cancel", href=PATH, className="btn plain", **{"data-inside": "true"})], className="row"),
        ],
        id="report-form", label="A report", className="stack",
    )  # fmt: skip
    title = f"Change “{found.name}”" if found else "A new report"
    return html.Div([card(title, form), dcc.Store(id="report-editing", data=found.id if found else None)], className="stack form-page")


@callback(
    Output("report-form", "errors"), Output("_pages_location", "href", allow_duplicate=True),
    Input("report-form", "submitted"), State("report-editing", "data"), prevent_initial_call=True, running=busy("report-form"),
)  # fmt: skip
def save_report(submitted: dict[str, Any] | None, number: int | None) -> Any:
    """Saves the form; back to the list."""
    values = sent(submitted)
    minutes = str(values.get("after_min") or "").strip()
    try:
        if not minutes.isdigit():
            raise ActionError("after_min", "a whole number of minutes is expected")
        wanted = Definition(
            str(values.get("name") or ""), str(values.get("kind") or ""), str(values.get("line") or ""),
            int(values["channel_id"]) if str(values.get("channel_id") or "").isdigit() else None,
            tuple(re.split(r"[\s,;]+", str(values.get("recipients") or ""))), int(minutes[:6]), bool(values.get("enabled")),
        )  # fmt: skip
        if number is None:
            actions.create_definition(services().database, actor(), wanted)
        else:
            actions.change_definition(services().database, actor(), number, wanted)
    except ActionError as error:
        return errors_of(error), dash.no_update
    return {}, PATH


@callback(
    Output("reports-said", "children"), Output("reports-removal", "is_open"), Output("reports-removal-body", "children"),
    Output("reports-removing", "data"), Output("_pages_location", "href", allow_duplicate=True),
    Input({"type": "report-do", "what": ALL, "id": ALL}, "n_clicks"), prevent_initial_call=True,
)  # fmt: skip
def do_with_report(_clicks: list[int]) -> Any:
    """Makes or mails a test, or asks whether a report is to be removed."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    number, what = int(ctx.triggered_id["id"]), ctx.triggered_id["what"]
    keep = dash.no_update
    if what == "remove":
        body = [html.P("No further reports are made. Those in the archive stay."), html.Div(
            [html.Button("Remove", id="reports-remove", type="button", className="btn danger", n_clicks=0), cancel("reports-keep")],
            className="row")]  # fmt: skip
        return "", True, body, number, keep
    try:
        made = actions.make_now(services().database, services().settings, actor(), number, datetime.now(UTC), mail=what == "mail")
    except (ActionError, Forbidden) as error:
        reason = error.reason if isinstance(error, ActionError) else str(error)
        return f"{sentence(reason)}.", False, keep, keep, keep
    if what == "mail":
        return "The test is on its way to you; the archive says when it was sent.", False, keep, keep, keep
    return "", False, keep, keep, f"{PATH}/{made}"


@callback(
    Output("reports-removal", "is_open", allow_duplicate=True), Output("_pages_location", "href", allow_duplicate=True),
    Output("reports-said", "children", allow_duplicate=True),
    Input("reports-remove", "n_clicks"), Input("reports-keep", "n_clicks"), State("reports-removing", "data"), prevent_initial_call=True,
)  # fmt: skip
def remove_report(remove: int | None, keep: int | None, number: int | None) -> Any:
    """Removes it, or leaves it."""
    if not (remove or keep) or number is None:
        raise PreventUpdate
    if ctx.triggered_id != "reports-remove":
        return False, dash.no_update, dash.no_update
    try:
        actions.remove_definition(services().database, actor(), number)
    except ActionError as error:
        return False, dash.no_update, f"{sentence(error.reason)}."
    return False, f"{PATH}?removed={number}", "Removed."
