"""What is set for a device `/devices/<key>/settings`: its name and place, its sensors, its keys, and its end."""

from contextlib import suppress
from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import keys as key_actions
from dashapp.actions.actor import ActionError
from dashapp.actions.devices import add_sensors, change_device
from dashapp.actions.removals import remove_device, remove_sensor, what_would_go
from dashapp.actions.sensors import arrange_sensors, change_sensor
from dashapp.domain.fleet import Role, SensorKind, SensorSpec, Severity
from dashapp.domain.units import canonical
from dashapp.ingest.catalogue import DeviceEntry
from dashapp.ui import shell
from dashapp.ui.components import card
from dashapp.ui.connecting import secret_box
from dashapp.ui.context import actor, services, tenant_id, visible_devices
from dashapp.ui.device import data, head
from dashapp.ui.device import settings as parts
from dashapp.ui.forms import busy, dialog, errors_of, number, sent
from dashapp.ui.zones import viewer_zone
from db.queries.devices import device_keys


def title(key: str = "", **_query: Any) -> str:
    """`Press 4, settings · Andon`."""
    device = data.find_device(key)
    return f"{device.name if device else data.device_key(key)}, settings{shell.SUFFIX}"


dash.register_page(
    __name__, path_template="/devices/<key>/settings", name="Device settings", title=title, order=40, nav=False, role=Role.MANAGER,
    within="/devices", found=data.is_there,
)  # fmt: skip


def layout(key: str = "", **_query: Any) -> Component:
    device = data.find_device(key)
    if device is None:
        return head.unknown_device(data.device_key(key), data.plants_with(data.device_key(key)))
    path = head.device_path(device.key)
    slash = html.Span("/", className="faint", **{"aria-hidden": "true"})
    crumbs = [
        html.A("Devices", href="/devices", className="crumb", **{"data-inside": "true"}),
        slash,
        html.A(device.name, href=path, className="crumb", **{"data-inside": "true"}),
    ]
    add = html.Button("Add a sensor", id="settings-add", type="button", className="btn", n_clicks=0)
    new_key = html.Button("Make a key", id="settings-new-key", type="button", className="btn", n_clicks=0)
    remove = html.Button("Remove this device …", id="settings-remove-device", type="button", className="btn danger", n_clicks=0)
    return html.Div(
        [
            html.Div(crumbs, className="page-head device-page-head"),
            html.P(id="settings-said", role="status", className="form-message"),
            parts.device_form(device),
            card("Sensors", html.Div(parts.sensor_list(device), id="settings-sensors"), html.Div(add, className="actions")),
            card(
                "Keys of this device", html.Div(id="settings-secret"), html.Div(_keys(device), id="settings-keys"),
                html.Div(new_key, className="actions"),
            ),
            card("Remove", html.P("The device, its sensors and its readings.", className="muted"), html.Div(remove, className="actions")),
            dialog("settings-sensor-dialog", "Sensor", html.Div(id="settings-sensor-body"), wide=True),
            dialog("settings-removal-dialog", "Remove", html.Div(id="settings-removal-body")),
            dcc.Store(id="settings-key", data=device.key),
            dcc.Store(id="settings-editing"),
            html.Div(id="settings-elsewhere", hidden=True),
        ],
        className="stack form-page",
    )  # fmt: skip


def _device(key: str) -> DeviceEntry:
    """The device as it is now. Raises PreventUpdate where somebody else removed it meanwhile."""
    device = next((one for one in visible_devices() if one.key == key), None)
    if device is None:
        raise PreventUpdate
    return device


def _afresh(key: str) -> DeviceEntry:
    """The device after a change of our own, without waiting for the word of it to come round."""
    services().catalogue.forget(tenant_id())
    return _device(key)


def _keys(device: DeviceEntry) -> Component:
    with data.plant_reading() as connection:
        return parts.key_list(device_keys(connection, device.id), viewer_zone())


def _pressed() -> bool:
    """Whether somebody pressed the button that set a callback off: new buttons do so too when they appear."""
    return bool(ctx.triggered and ctx.triggered[0]["value"])


@callback(
    Output("settings-device", "errors"),
    Output("settings-device", "message"),
    Input("settings-device", "submitted"),
    State("settings-key", "data"),
    prevent_initial_call=True,
    running=busy("settings-device"),
)
def save_device(submitted: dict[str, Any] | None, key: str) -> Any:
    """Name, place, line, status."""
    values = sent(submitted)
    wish = {name: str(values.get(name) or "").strip() for name in ("name", "place", "line", "status")}
    try:
        change_device(services().database, actor(), key, **wish, accepts_new=values.get("accepts_new") is True)
    except ActionError as error:
        return errors_of(error), ""
    services().catalogue.forget(tenant_id())
    return {}, "Saved."


# ---- Sensors


@callback(
    Output("settings-sensor-dialog", "is_open"),
    Output("settings-sensor-body", "children"),
    Output("settings-editing", "data"),
    Input({"type": "settings-edit", "sensor": ALL}, "n_clicks"),
    Input("settings-add", "n_clicks"),
    State("settings-key", "data"),
    prevent_initial_call=True,
)
def open_sensor(_edits: list[int], _add: int, key: str) -> Any:
    """The dialog with the sensor as it is, or with an empty one."""
    if not _pressed():
        raise PreventUpdate
    asked = ctx.triggered_id
    sensor = _device(key).sensors.get(asked["sensor"]) if isinstance(asked, dict) else None
    return True, parts.sensor_form(sensor), sensor.key if sensor else None


@callback(Output("settings-sensor-dialog", "is_open", allow_duplicate=True), Input("settings-sensor-cancel", "n_clicks"),
          prevent_initial_call=True)  # fmt: skip
def close_sensor(clicks: int) -> bool:
    """Without saving."""
    if not clicks:
        raise PreventUpdate
    return False


@callback(
    Output("settings-unit-change", "children"),
    Output({"type": "settings-end", "end": ALL}, "unit"),
    Input("settings-unit", "value"),
    State("settings-editing", "data"),
    State("settings-key", "data"),
    prevent_initial_call=True,
)
def show_unit_change(unit: str | None, editing: str | None, key: str) -> Any:
    """What a new unit means for what is stored; while that is open, range and limits stand without one."""
    sensor = _device(key).sensors.get(editing or "")
    change = None if sensor is None else parts.unit_change(sensor.unit, unit or "")
    shown = canonical(unit or "") if change is None else ""
    return change, [shown] * len(ctx.outputs_list[1])


@callback(
    Output("settings-sensor", "errors"),
    Output("settings-sensors", "children"),
    Output("settings-sensor-dialog", "is_open", allow_duplicate=True),
    Output("settings-said", "children"),
    Input("settings-sensor", "submitted"),
    State("settings-editing", "data"),
    State("settings-key", "data"),
    prevent_initial_call=True,
    running=busy("settings-sensor"),
)
def save_sensor(submitted: dict[str, Any] | None, editing: str | None, key: str) -> Any:
    """A sensor changed, or added."""
    values = sent(submitted)
    try:
        sensor = _sensor_of(values)
        if editing:
            how = values.get("unit_change")
            converted = change_sensor(services().database, actor(), key, sensor, unit_change=how if how in ("convert", "relabel") else None)
            said = f"{sensor.name} is saved{f', {converted:,} readings were converted' if converted else ''}."
        elif add_sensors(services().database, actor(), key, [sensor]):
            said = f"{sensor.name} is added."
        else:
            raise ActionError("key", f"there is a sensor {sensor.key} already")
    except ActionError as error:
        return errors_of(error), no_update, no_update, no_update
    return no_update, parts.sensor_list(_afresh(key)), False, said


def _sensor_of(values: dict[str, Any]) -> SensorSpec:
    """The sensor that a form describes. Raises ActionError for a number that is none."""
    texts = {name: str(values.get(name) or "").strip() for name in ("key", "name", "unit")}
    period_s = number(values, "period_s")
    if period_s is None:
        raise ActionError("period_s", "say how often it reports, in seconds")
    ends = {name: number(values, name) for name in ("normal_low", "normal_high", "limit_low", "limit_high")}
    try:
        kind, severity = SensorKind(values.get("kind")), Severity(values.get("severity"))
    except ValueError:
        raise ActionError("kind", "choose what its values are") from None
    return SensorSpec(texts["key"], texts["name"], canonical(texts["unit"]), kind, severity=severity, period_s=period_s, **ends)


@callback(
    Output("settings-sensors", "children", allow_duplicate=True),
    Output("settings-said", "children", allow_duplicate=True),
    Input({"type": "settings-move", "sensor": ALL, "by": ALL}, "n_clicks"),
    State("settings-key", "data"),
    prevent_initial_call=True,
)
def move_sensor(_clicks: list[int], key: str) -> Any:
    """One place up or down."""
    if not _pressed() or not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    device = _device(key)
    order, moved = list(device.sensors), ctx.triggered_id["sensor"]
    if moved not in order:
        raise PreventUpdate
    at = order.index(moved)
    to = min(max(at + ctx.triggered_id["by"], 0), len(order) - 1)
    order.insert(to, order.pop(at))
    try:
        arrange_sensors(services().database, actor(), key, order)
    except ActionError as error:
        return parts.sensor_list(_afresh(key)), error.reason
    device = _afresh(key)
    return parts.sensor_list(device), f"{device.sensors[moved].name} is now number {to + 1} of {len(order)}."


# ---- Keys


@callback(
    Output("settings-keys", "children"),
    Output("settings-secret", "children"),
    Input("settings-new-key", "n_clicks"),
    Input({"type": "settings-revoke", "key": ALL}, "n_clicks"),
    State("settings-key", "data"),
    prevent_initial_call=True,
)
def change_keys(_new: int, _revoked: list[int], key: str) -> Any:
    """Another key, shown this once; or the end of one."""
    if not _pressed():
        raise PreventUpdate
    device, database = _device(key), services().database
    if isinstance(ctx.triggered_id, dict):
        with suppress(ActionError):  # somebody else was first: the list says so
            key_actions.revoke_key(database, actor(), ctx.triggered_id["key"])
        return _keys(device), None
    _, secret = key_actions.create_key(database, actor(), f"{device.key}, made in its settings", ["ingest"], device.id)
    return _keys(device), secret_box(secret)


# ---- The end


@callback(
    Output("settings-removal-dialog", "is_open"),
    Output("settings-removal-body", "children"),
    Input({"type": "settings-remove", "sensor": ALL}, "n_clicks"),
    Input("settings-remove-device", "n_clicks"),
    State("settings-key", "data"),
    prevent_initial_call=True,
)
def open_removal(_sensors: list[int], _device_clicks: int, key: str) -> Any:
    """What would go, counted now."""
    if not _pressed():
        raise PreventUpdate
    device, asked = _device(key), ctx.triggered_id
    sensor = device.sensors.get(asked["sensor"]) if isinstance(asked, dict) else None
    went = what_would_go(services().database, actor(), key, sensor.key if sensor else None)
    return True, parts.removal_form(device, sensor, went, viewer_zone())


@callback(Output("settings-removal-dialog", "is_open", allow_duplicate=True), Input("settings-removal-cancel", "n_clicks"),
          prevent_initial_call=True)  # fmt: skip
def close_removal(clicks: int) -> bool:
    """Nothing is removed."""
    if not clicks:
        raise PreventUpdate
    return False


@callback(
    Output("settings-removal", "errors"),
    Output("settings-removal-dialog", "is_open", allow_duplicate=True),
    Output("settings-sensors", "children", allow_duplicate=True),
    Output("settings-said", "children", allow_duplicate=True),
    Output("settings-elsewhere", "children"),
    Input("settings-removal", "submitted"),
    State("settings-key", "data"),
    prevent_initial_call=True,
    running=busy("settings-removal"),
)
def remove(submitted: dict[str, Any] | None, key: str) -> Any:
    """The device, which leads back to the others, or one sensor of it."""
    values, database = sent(submitted), services().database
    sensor, typed = str(values.get("sensor") or ""), str(values.get("typed") or "")
    try:
        if sensor:
            remove_sensor(database, actor(), key, sensor, typed)
        else:
            remove_device(database, actor(), key, typed)
    except ActionError as error:
        return errors_of(error), no_update, no_update, no_update, no_update
    if sensor:
        services().live.forget(tenant_id())
        return no_update, False, parts.sensor_list(_afresh(key)), f"{sensor} is removed.", no_update
    services().catalogue.forget(tenant_id())
    services().live.forget(tenant_id())
    return no_update, no_update, no_update, no_update, dcc.Location(id="settings-gone", href="/devices", refresh=True)
