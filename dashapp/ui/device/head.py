"""The top of a device page, its exports, and what stands there instead of a page."""

import json
import shlex
from urllib.parse import quote, urlencode

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.components import chip, empty_state
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
        ],
        className="page-head device-page-head",
    )


def device_path(key: str) -> str:
    """The path of a device's page; a key may hold any character."""
    return f"/devices/{quote(key, safe='')}"


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


def export_links(key: str, view: View) -> dict[str, str]:
    """Where the range can be had as CSV: of the sensor, of all sensors, and its statistics."""
    ends = {"from": iso(view.start_us), "to": iso(view.end_us)}
    base = device_path(key)
    return {
        "sensor": f"{base}/readings.csv?{urlencode({'sensor': view.sensor.key, **ends})}",
        "all": f"{base}/readings.csv?{urlencode(ends)}",
        "statistics": f"{base}/statistics.csv?{urlencode(ends)}",
    }


def first_reading(device: DeviceEntry, address: str) -> Component:
    """A device that never reported: how its first reading is sent."""
    sensors = list(device.sensors) or ["temperature"]
    payload = json.dumps({"device_id": device.key, "sensor_type": sensors[0], "value": 71.2}, ensure_ascii=False)
    command = (
        f"curl -X POST {address}/api/v1/readings -H 'X-API-Key: YOUR-KEY' \\\n  -H 'Content-Type: application/json' -d "
        + shlex.quote(payload)
    )
    text = [
        "Send the first one with this command and a key of your plant (",
        html.Code("python app.py create-key NAME"),
        " makes one). It is here as soon as it is stored.",
    ]
    copy = html.Div(
        [
            html.Pre(html.Code(command), id="device-curl", tabIndex="0"),
            dcc.Clipboard(target_id="device-curl", title="Copy the command", className="btn copy"),
        ],
        className="command",
    )
    return html.Section(empty_state(f"{device.key} has no readings yet", text, copy), className="card")


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
