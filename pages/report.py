"""One report `/reports/<number>`: its pages as they were mailed, to read and to save (EX-2)."""

from datetime import UTC, datetime
from typing import Any

import dash
from dash import Input, Output, State, callback, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import reports as actions
from dashapp.actions.actor import ActionError, Forbidden
from dashapp.domain.fleet import Role
from dashapp.reports.pdf_pages import pages_in
from dashapp.ui import shell
from dashapp.ui.components import card, empty_state
from dashapp.ui.context import actor, services
from dashapp.ui.device.view import when
from dashapp.ui.forms import sentence
from dashapp.ui.report_files import found_report
from dashapp.ui.zones import viewer_zone
from db.columns import to_us


def _is_there(number: str = "", **_more: Any) -> bool:
    return number.isdigit() and len(number) < 18 and found_report(int(number)) is not None


dash.register_page(
    __name__, path_template="/reports/<number>", name="Report", title="Report" + shell.SUFFIX, order=46, nav=False, role=Role.VIEWER,
    within="/reports", found=_is_there,
)  # fmt: skip


def layout(number: str = "", **_query: Any) -> Component:
    """The pages as pictures, and the same as text for those who cannot see them."""
    report = found_report(int(number)) if number.isdigit() and len(number) < 18 else None
    if report is None:
        back = html.A("All reports", href="/reports", className="btn", **{"data-inside": "true"})
        return html.Section(empty_state("There is no such report", "It may be of another plant or line.", back), className="card")
    base = f"/reports/{report.id}"
    tools = [
        html.A("PDF", href=f"{base}/report.pdf", download="", className="btn solid"),
        html.A("HTML", href=f"{base}/report.html", download="", className="btn"),
    ]
    if actor().role.includes(Role.MANAGER) and report.definition_id is not None and report.kind != "test":
        tools.append(html.Button("Send again", id="report-again", type="button", className="btn", n_clicks=0))
    pages = [
        html.Img(src=f"{base}/page-{page}.png", alt=f"Page {page} of the report; its text is below.", className="report-page")
        for page in range(1, pages_in(bytes(report.pdf)) + 1)
    ]
    head = html.Div(
        [
            html.A("Reports", href="/reports", className="crumb", **{"data-inside": "true"}),
            html.Span(f"{report.name}, made {when(to_us(report.made_at), viewer_zone())}", className="muted"),
            html.Span(className="spacer"),
            *tools,
        ],
        className="page-head",
    )
    text = html.Details([html.Summary("The report as text"), html.Pre(report.summary, className="report-text", tabIndex="0")])
    return html.Div(
        [
            head,
            html.P(id="report-said", role="status", className="form-message"),
            card(report.title, html.Div(pages, className="report-pages"), text),
            dcc.Store(id="report-number", data=report.id),
        ],
        className="stack",
    )


@callback(
    Output("report-said", "children"), Input("report-again", "n_clicks"), State("report-number", "data"), prevent_initial_call=True,
)  # fmt: skip
def send_report(clicks: int | None, number: int) -> str:
    """Mails it once more to those that the definition names."""
    if not clicks:
        raise PreventUpdate
    try:
        count = actions.send_again(services().database, actor(), number, datetime.now(UTC))
    except (ActionError, Forbidden) as error:
        return f"{sentence(error.reason if isinstance(error, ActionError) else str(error))}."
    return f"On its way to {count} {'person' if count == 1 else 'people'}."
