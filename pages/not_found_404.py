"""What is shown where no page is."""

from typing import Any

import dash
from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.components import empty_state

dash.register_page(__name__, path="/not-found", name="Not found", title="Not found" + shell.SUFFIX, role=Role.VIEWER, help="getting-around")


def layout(**_query: Any) -> Component:
    action = html.A("To the overview", href="/", className="btn", **{"data-inside": "true"})
    text = "The address may be mistyped, or what was there has been removed."
    return html.Div(empty_state("There is no page at this address", text, action), className="card")
