"""The top of a device page, its exports, and what stands there instead of a page."""

from urllib.parse import quote, urlencode

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.components import chip, empty_state
from dashapp.ui.connecting import NO_KEY, connect, waiting
from dashapp.ui.context import actor, services
from dashapp.ui.device.view import View
from dashapp.ui.time_range import iso


def head(device: DeviceEntry, state: tuple[str, str], chosen: SensorEntry) -> Component:
    """State and place of the device, the choice of the sensor, and the exports."""
    return html.Div(
        [
            html.A("Devices", href="/devices", className="crumb", **{"data-inside": "true"}),
            html.Span(chip(*state), id="device-state"),
            html.Span(place_text(device), className="muted"),
            html.Span(className="spacer"),
            sensor_choice(device, chosen),
            export_menu(device),
            settings_link(device),
        ],
        className="page-head device-page-head",
    )


def device_path(key: str) -> str:
    """The path of a device's page; a key may hold any character."""
    return f"/devices/{quote(key, safe='')}"


def settings_link(device: DeviceEntry) -> Component | None:
    """To the device's settings, for those who may change them."""
    if not actor().role.includes(Role.MANAGER):
        return None
    return html.A("Settings", href=f"{device_path(device.key)}/settings", className="control", **{"data-inside": "true"})


def place_text(device: DeviceEntry) -> str:
    """Where a device stands; the line too, where the place does not say it."""
    return (
        device.place
        if device.line in device.place
        else " · ".join(part for part in (device.place, device.line) if part)
    )


def sensor_choice(device: DeviceEntry, chosen: SensorEntry) -> Component:
    """One button a sensor; the one that the charts and tables show is pressed."""
    buttons = [
        html.Button(
            sensor.name, id={"type": "device-sensor", "sensor": sensor.key}, type="button",
            **{"aria-pressed": "true" if sensor.key == chosen.key else "false"},
        )
        for sensor in device.sensors.values()
    ]  # fmt: skip
    return html.Div(
        buttons, className="segments" if len(buttons) > 1 else "hidden", role="group", **{"aria-label": "Sensor"}
    )


def export_menu(device: DeviceEntry) -> Component:
    """What can be taken along: data as CSV, charts as PNG. The links follow the chosen sensor and range."""
    return dbc.DropdownMenu(
        [
            dbc.DropdownMenuItem("CSV", header=True),
            _download("device-csv-sensor", "Readings of this sensor"),
            _download("device-csv-all", "Readings of all sensors"),
            _download("device-csv-statistics", "Statistics of the range"),
            dbc.DropdownMenuItem("XLSX and Parquet", header=True),
            _download("device-xlsx-statistics", "Statistics of the range (XLSX)"),
            dbc.DropdownMenuItem("Choose what and how …", id="device-exports", href="/exports"),
            dbc.DropdownMenuItem("PNG", header=True),
            dbc.DropdownMenuItem("Live chart", id={"type": "device-png", "chart": "live", "place": "menu"}, n_clicks=0),
            dbc.DropdownMenuItem(
                "History chart", id={"type": "device-png", "chart": "history", "place": "menu"}, n_clicks=0
            ),
        ],
        label="Export",
        id="device-export",
        className="control",
        align_end=True,
    )


def _download(identity: str, text: str) -> Component:
    return dbc.DropdownMenuItem(text, id=identity, href="#", external_link=True)


READINGS = "/api/v1/readings/export"  # not a route of the pages: a long download holds none of their threads


def export_links(key: str, view: View) -> dict[str, str]:
    """Where the range can be had as CSV: of the sensor, of all sensors, and its statistics."""
    ends = {"from": iso(view.start_us), "to": iso(view.end_us)}
    base = device_path(key)
    return {
        "sensor": f"{READINGS}?{urlencode({'device': key, 'sensor': view.sensor.key, **ends})}",
        "all": f"{READINGS}?{urlencode({'device': key, **ends})}",
        "statistics": f"{base}/statistics.csv?{urlencode(ends)}",
        "statistics_xlsx": f"{base}/statistics.xlsx?{urlencode(ends)}",
        "more": f"/exports?{urlencode({'device': key, 'sensor': view.sensor.key, **ends})}",
    }


def first_reading(device: DeviceEntry) -> Component:
    """A device that never reported: how its first reading is sent. The page comes by itself once it is stored."""
    running, who = services(), actor()
    open_door = running.settings.open_ingest and running.open_tenant_id == who.tenant_id
    settings = html.A("its settings", href=f"{device_path(device.key)}/settings", **{"data-inside": "true"})
    if open_door:
        how: list[object] = ["Send the first one with a command below; this plant takes readings without a key."]
    elif who.role.includes(Role.MANAGER):
        how = ["Send the first one with a command below. Put a key in it: ", settings, " make one for this device."]
    else:
        how = ["Send the first one with a command below and a key; somebody with the role manager can make one."]
    inside = html.P(how, className="muted")
    return connect(device, f"{device.key} has no readings yet", None if open_door else NO_KEY, inside, waiting())


def unknown_device(key: str, others: list[tuple[str, str]]) -> Component:
    """There is no such device here; `others` are plants (key, name) that have one of this key and may be entered."""
    links: list[Component] = [
        html.A(f"Open it in {name}", href=f"{device_path(key)}?{urlencode({'tenant': plant})}", className="btn solid")
        for plant, name in others
    ]
    known = (
        "Another plant that you may look into has one."
        if others
        else "It may have been renamed or removed, or the address is mistyped."
    )
    every = html.A("All devices", href="/devices", className="btn", **{"data-inside": "true"})
    return html.Section(
        empty_state(f"There is no device {key} here", known, html.Div([*links, every], className="row")),
        className="card",
    )
