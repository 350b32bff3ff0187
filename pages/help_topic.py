"""One page of the help, `/help/<topic>`."""

from typing import Any

import dash
from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.ui import help_pages
from dashapp.ui.components import empty_state
from dashapp.ui.shell import SUFFIX


def title(topic: str = "", **_query: Any) -> str:
    """`Glossary · Andon`."""
    return help_pages.title(topic) + SUFFIX


dash.register_page(
    __name__, path_template="/help/<topic>", name="Help", title=title, order=96, nav=False, role=Role.VIEWER, within="/help",
    help="getting-around",
)  # fmt: skip


def layout(topic: str = "", **_query: Any) -> Component:
    every = html.A("All help", href="/help", className="crumb", **{"data-inside": "true"})
    text = help_pages.prose(topic)
    if text is None:
        text = empty_state("There is no help of this name", "What you look for may be under another one.")
    return html.Div([html.Div(every, className="page-head"), html.Section(text, className="card")], className="stack")
