"""The list of imports `/import`: a file is dropped or chosen here, and here is what became of every one (IN-5)."""

from typing import Any

import dash
from dash import Output, State, callback, dcc
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.components import card
from dashapp.ui.context import services
from dashapp.ui.device.data import plant_reading, viewer_zone
from dashapp.ui.imports.components import FileDrop
from dashapp.ui.imports.parts import history
from dashapp.ui.imports.routes import UPLOAD
from db.queries.imports import imports_version, list_imports

dash.register_page(
    __name__,
    path="/import",
    name="Import",
    title="Import" + shell.SUFFIX,
    section="Connect",
    order=50,
    nav=True,
    icon="import",
    role=Role.MANAGER,
)


def layout(**_query: Any) -> Component:
    """The place to drop a file, and the history."""
    most = services().settings.upload_bytes
    hint = (
        f"or drop it here. A historian’s export as CSV, up to {most / 1e9:,.3g} GB: any separator, any way of writing the time. "
        "Nothing is stored before you have seen what would happen."
    )
    version, table = _history()
    return shell.live(
        card("Bring a file in", FileDrop(id="imports-drop", url=UPLOAD, most_bytes=most, hint=hint)),
        card("Imports so far", dash.html.Div(table, id="imports-history")),
        dcc.Store(id="imports-version", data=version),
    )


def _history() -> tuple[str, Component]:
    with plant_reading() as connection:
        return imports_version(connection), history(list_imports(connection), viewer_zone())


@callback(
    Output("imports-history", "children"), Output("imports-version", "data"), shell.PULSE, State("imports-version", "data"),
    prevent_initial_call=True,
)  # fmt: skip
def show_history(_pulse: int, held: str) -> Any:
    """The table, where something changed."""
    with plant_reading() as connection:
        if imports_version(connection) == held:
            raise PreventUpdate
    version, table = _history()
    return table, version
