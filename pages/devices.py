"""The list of devices `/devices`: state, value, age and place of each, to be searched and sorted."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import dash
import flask
from dash import Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.components import CardsDelta, DeviceCard, card
from dashapp.ui.context import actor, overviews, services
from dashapp.ui.first_device import first_device
from dashapp.ui.parts import downloads
from dashapp.ui.snapshot import View
from dashapp.ui.tables import DeviceTable

SORTS = ("state", "device", "place", "value", "age")

dash.register_page(
    __name__,
    path="/devices",
    name="Devices",
    title="Devices" + shell.SUFFIX,
    section="Plant",
    order=40,
    nav=True,
    icon="devices",
    shortcut="d",
    role=Role.VIEWER,
)


def layout(q: str = "", sort: str = "", **_query: Any) -> Component:
    """`q` is what is searched for, `sort` a column, with a minus in front the other way round."""
    return shell.live(*_body(overviews().of(actor()).view(), q, sort), id="devices")


def _body(view: View, query: str, sort: str) -> list[Component]:
    held = dcc.Store(id="devices-held", data=view.held)
    if not view.devices:
        hidden = html.Div(DeviceTable(id="devices-table"), hidden=True)  # of the callback below
        return [first_device(services().settings, actor().role), hidden, held]
    manages = actor().role.includes(Role.MANAGER)
    order = sort if sort.removeprefix("-") in SORTS else ""
    table = DeviceTable(
        id="devices-table", devices=[_plain(one) for one in view.devices], now=view.now_ms, query=query, sort=order, settings=manages
    )
    export = downloads("/devices", what="every device with its values now")
    add = html.A("Add a device", href="/devices/new", className="btn tiny", **{"data-inside": "true"}) if manages else None
    return [card("All devices", table, aside=html.Div([add, export], className="row")), held]


def _plain(device: DeviceCard) -> DeviceCard:
    """A device without what only its card on the overview shows."""
    return {**device, "spark": [], "others": []}


@callback(
    Output("devices", "children"),
    Output("devices-table", "delta"),
    Output("devices-held", "data"),
    shell.PULSE,
    State("devices-held", "data"),
    prevent_initial_call=True,
)
def show_devices(_pulse: int, held: dict[str, Any] | None) -> Any:
    """What moved since the viewer's last answer."""
    shown = overviews().of(actor())
    changes = shown.changes(held)
    if changes is None:
        raise PreventUpdate
    if changes.anew:
        asked = parse_qs(urlsplit(flask.request.referrer or "").query)  # the address says what is searched for
        return _body(shown.view(), asked.get("q", [""])[0], asked.get("sort", [""])[0]), no_update, no_update
    return no_update, _values(changes.delta), changes.held


def _values(delta: CardsDelta | None) -> Any:
    """States and values of a delta; where there are none, nothing to draw."""
    if delta is None:
        return no_update
    names = ("state", "state_text", "value", "at_ms")
    kept = {key: {name: change[name] for name in names if name in change} for key, change in delta["devices"].items()}
    devices = {key: change for key, change in kept.items() if change}
    return {**delta, "devices": devices} if devices else no_update
