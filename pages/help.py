"""The help `/help`: what there is, each page of it, and the terms."""

from typing import Any

import dash
from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.ui import help_pages, shell

dash.register_page(
    __name__, path="/help", name="Help", title="Help" + shell.SUFFIX, order=95, nav=False, role=Role.VIEWER, findable=True,
    help="getting-around",
)  # fmt: skip


def layout(**_query: Any) -> Component:
    links = [
        html.Li(html.A([html.B(title), html.Span(help_pages.summary(name), className="small muted")], href=f"/help/{name}",
                       className="card", **{"data-inside": "true"}))
        for title, name in help_pages.titles()
    ]  # fmt: skip
    intro = html.P(help_pages.summary(help_pages.INDEX), className="muted")
    return html.Div([intro, html.Ul(links, className="help-topics")], className="stack")
