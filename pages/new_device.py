"""A new device `/devices/new`: name, key, place and template; then its key, the commands, and the wait for its first message."""

from typing import Any

import dash
from dash import Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions.actor import ActionError
from dashapp.actions.devices import create_device
from dashapp.actions.keys import create_key
from dashapp.domain.device_templates import TEMPLATES, device_fault, from_template, suggested_key
from dashapp.domain.fleet import DeviceSpec, Role
from dashapp.ui import shell
from dashapp.ui.components import card
from dashapp.ui.connecting import arrival, connect, secret_box, waiting
from dashapp.ui.context import actor, catalogue, services, tenant_id
from dashapp.ui.device import data
from dashapp.ui.device.head import device_path
from dashapp.ui.device.settings import places, sensors_preview
from dashapp.ui.forms import Field, Form, busy, errors_of, sent, sentence, submit

STAYS = "What its messages name it by. It stays for good."

dash.register_page(
    __name__, path="/devices/new", name="New device", title="Add a device" + shell.SUFFIX, order=40, nav=False, role=Role.MANAGER,
    within="/devices",
)  # fmt: skip


def layout(**_query: Any) -> Component:
    return shell.live(html.Div(_form(), id="new-device-body"), dcc.Store(id="new-device-suggested", data=""), id="new-device-page")


def _form() -> Component:
    where, lines = places()
    templates = [{"value": one.key, "label": one.name, "note": one.note} for one in TEMPLATES.values()]
    fields = [
        Field("name", "Name", "new-device-name", required=True, max_length=200, hint="What people call it: Press 4."),
        Field("key", "Key", "new-device-key", required=True, max_length=100, code=True, hint=STAYS),
        html.Div(
            [Field("place", "Place", max_length=200, suggestions=where), Field("line", "Line", max_length=200, suggestions=lines)],
            className="fields",
        ),
        Field("template", "What it measures", "new-device-template", kind="radio", value="machine", options=templates),
        html.Div(sensors_preview("machine"), id="new-device-preview"),
        html.Div([submit("Create the device"), html.A("Cancel", href="/devices", className="btn plain", **{"data-inside": "true"})],
                 className="actions"),
    ]  # fmt: skip
    return card("Add a device", Form(fields, id="new-device", label="New device"), className="form-page")


@callback(
    Output("new-device-key", "value"),
    Output("new-device-suggested", "data"),
    Input("new-device-name", "value"),
    State("new-device-key", "value"),
    State("new-device-suggested", "data"),
    prevent_initial_call=True,
)
def suggest_key(name: str | None, key: str | None, suggested: str) -> Any:
    """A key by the name, as long as nobody wrote one of their own."""
    if key and key != suggested:
        raise PreventUpdate
    made = suggested_key(name or "", catalogue().devices)
    return made, made


@callback(
    Output("new-device-key", "error"),
    Output("new-device-key", "hint"),
    Input("new-device-key", "value"),
    prevent_initial_call=True,
)
def check_key(key: str | None) -> Any:
    """Whether the key may be and is free, while it is typed."""
    if not key:
        return None, STAYS
    fault = device_fault(DeviceSpec(key, "any", "", "", ()))
    if fault is not None:
        return f"{sentence(fault[1])}.", STAYS
    if key in catalogue().devices:
        return f"There is a device {key} already. Choose another key.", STAYS
    return None, "This key is free. It stays for good."


@callback(Output("new-device-preview", "children"), Input("new-device-template", "value"), prevent_initial_call=True)
def show_preview(template: str) -> Any:
    """What a device of the template begins with."""
    return sensors_preview(template)


@callback(
    Output("new-device-body", "children"),
    Output("new-device", "errors"),
    Input("new-device", "submitted"),
    prevent_initial_call=True,
    running=busy("new-device"),
)
def create(submitted: dict[str, Any] | None) -> Any:
    """Makes the device and a key for it alone, and shows how its first message is sent."""
    values, database = sent(submitted), services().database
    texts = {name: str(values.get(name) or "").strip() for name in ("key", "name", "place", "line", "template")}
    try:
        if texts["template"] not in TEMPLATES:
            raise ActionError("template", "choose what it measures")
        if not texts["name"]:
            raise ActionError("name", "give it a name, like Press 4")
        device_id = create_device(database, actor(), from_template(**texts))
        services().catalogue.forget(tenant_id())
        _, secret = create_key(database, actor(), f"{texts['key']}, made with it", ["ingest"], device_id)
    except ActionError as error:
        return no_update, errors_of(error)
    return _made(texts["key"], secret), no_update


def _made(key: str, secret: str) -> list[Component]:
    device = catalogue().devices[key]
    path = device_path(key)
    links = html.Div(
        [
            html.A("Open the device", href=path, className="btn solid", **{"data-inside": "true"}),
            html.A("Change sensors and limits", href=f"{path}/settings", className="btn", **{"data-inside": "true"}),
            html.A("Add another", href="/devices/new", className="btn plain"),
        ],
        className="actions",
    )
    title = f"{device.name} is there. Send its first message"
    inside = connect(device, title, secret, secret_box(secret), waiting("new-device-arrival"))
    return [html.Div([inside, links, dcc.Store(id="new-device-made", data=key)], className="stack form-page")]


@callback(
    Output("new-device-arrival-word", "children"),
    Output("new-device-arrival-word", "className"),
    Output("new-device-arrival", "children"),
    shell.PULSE,
    State("new-device-made", "data"),
    State("new-device-arrival-word", "className"),
    prevent_initial_call=True,
)
def show_arrival(_pulse: Any, key: str, word: str) -> Any:
    """The values with their age, from the first message on."""
    device = catalogue().devices.get(key)
    found = None if device is None else arrival(device, services().live.now(tenant_id()), data.now_us())
    if found is None:
        raise PreventUpdate
    if "arrived" in word:
        return no_update, no_update, found
    return "Live: its first message is here.", "arrival-word arrived", found
