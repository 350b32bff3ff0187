"""How a device's first message gets in: commands to copy with the right address, and the wait that ends with its values."""

import json
import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

import flask
from dash import dcc, html
from dash.development.base_component import Component

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.items import OTHER_FIELDS
from dashapp.ingest.live import SensorNow
from dashapp.ui.components import card
from dashapp.ui.figures.value_axis import sensor_decimals
from dashapp.ui.forms import CopyButton, command
from dashapp.ui.parts import format_value

PATH = "/api/v1/readings"
NO_KEY = "YOUR-KEY"
Payload = dict[str, str | float]


def address() -> str:
    """Where the viewer's browser reaches this server, as it says itself: a proxy may speak HTTPS before us."""
    for said in (flask.request.headers.get("Origin", ""), flask.request.headers.get("Referer", "")):
        parts = urlsplit(said)
        if parts.scheme in ("http", "https") and parts.netloc.lower() == flask.request.host.lower():
            return f"{parts.scheme}://{parts.netloc}"
    return flask.request.host_url.rstrip("/")


def first_message(device: DeviceEntry) -> Payload:
    """One message that brings every sensor to life, with values from the middle of what is normal."""
    sensors = list(device.sensors.values())
    if not sensors:
        return {"device_id": device.key, "sensor_type": "temperature", "value": 71.2, "unit": "°C"}
    if len(sensors) == 1 or any(sensor.key in OTHER_FIELDS for sensor in sensors):
        unit = {"unit": sensors[0].unit} if sensors[0].unit else {}
        return {"device_id": device.key, "sensor_type": sensors[0].key, "value": _usual(sensors[0]), **unit}
    return {"device_id": device.key, **{sensor.key: _usual(sensor) for sensor in sensors}}


def _usual(sensor: SensorEntry) -> float:
    if sensor.kind == "flag":
        return 0
    if sensor.kind == "increment":
        return 1
    if sensor.normal_low is not None and sensor.normal_high is not None:
        return float(f"{(sensor.normal_low + sensor.normal_high) / 2:.4g}")
    return next((end for end in (sensor.normal_high, sensor.normal_low) if end is not None), 71.2)


def curl_command(base: str, payload: Payload, secret: str | None) -> str:
    """A post by curl. `secret` None: no key is needed (ANDON_OPEN_INGEST)."""
    key = [] if secret is None else ["-H " + shlex.quote(f"X-API-Key: {secret}")]
    parts = [f"curl -X POST {base}{PATH}", *key, "-H 'Content-Type: application/json'", "-d " + shlex.quote(_json(payload))]
    return " \\\n  ".join(parts)


def python_script(base: str, payload: Payload, secret: str | None) -> str:
    """The same with nothing but Python's standard library."""
    key = "" if secret is None else f'"X-API-Key": {json.dumps(secret)}, '
    return f"""\
import json
import urllib.request

message = {payload!r}
request = urllib.request.Request(
    {json.dumps(base + PATH)},
    data=json.dumps(message).encode(),
    headers={{{key}"Content-Type": "application/json"}},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(answer.status, answer.read().decode())
"""


def mqtt_command(payload: Payload) -> str:
    """The same by way of a broker."""
    return f"mosquitto_pub -h YOUR-BROKER -q 1 -t iot/data -m {shlex.quote(_json(payload))}"


def _json(payload: Payload) -> str:
    return json.dumps(payload, ensure_ascii=False)


def commands(device: DeviceEntry, secret: str | None) -> Component:
    """Ways to send the first message, each to be copied."""
    base, payload = address(), first_message(device)
    need = "Andon has no connection to an MQTT broker yet, and needs one before this reaches it. Use curl or Python until then."
    ways = {
        "curl": ("curl", [command(curl_command(base, payload, secret), "device-curl")]),
        "python": (
            "Python",
            [html.P("Needs nothing installed but Python 3.", className="small muted"),
             command(python_script(base, payload, secret), "device-python")],
        ),
        "mqtt": ("MQTT", [html.P(need, className="notice high"), command(mqtt_command(payload), "device-mqtt")]),
    }  # fmt: skip
    tabs = [dcc.Tab(html.Div(inside, className="stack way"), label=label, value=value) for value, (label, inside) in ways.items()]
    return dcc.Tabs(tabs, id="device-ways", value="curl")


def secret_box(secret: str) -> Component:
    """A key that is shown this once, with a button that copies it."""
    return html.Div(
        [
            html.P([html.B("Its key, shown this once. "), "Keep it where the device can read it; the commands below hold it already."]),
            html.Div([html.Code(secret, id="device-secret", className="secret"),
                      CopyButton(target="device-secret", label="Copy", name="Copy the key")], className="row"),
        ],
        className="notice stack",
    )  # fmt: skip


def waiting(id: str | None = None) -> Component:
    """The wait for the first message. With an `id` a callback fills it in: its word at `<id>-word`, its values at `<id>`."""
    named = [{}, {}] if id is None else [{"id": f"{id}-word"}, {"id": id}]
    word = html.P("Waiting for the first message …", role="status", className="arrival-word", **named[0])
    return html.Div([word, html.Div(**named[1])], className="arrival")


def connect(device: DeviceEntry, title: str, secret: str | None, above: Component | None, wait: Component) -> Component:
    """The card of a device that never reported: what stands `above` the commands, the commands, the wait.

    `secret` None: no key is needed. `NO_KEY` stands where a person puts theirs.
    """
    return card(title, html.Div([part for part in (above, commands(device, secret), wait) if part is not None], className="stack"))


def arrival(device: DeviceEntry, live: Mapping[int, SensorNow], now_us: int) -> Component | None:
    """The device's values with unit and age; None while there are none."""
    held = [(sensor, live[sensor.id]) for sensor in device.sensors.values() if sensor.id in live]
    if not held:
        return None
    rows = [
        html.Li(
            [
                html.Span(sensor.name, className="arrival-name"),
                html.B([format_value(now.value, sensor_decimals(sensor)), html.Span(f" {sensor.unit}" if sensor.unit else "")]),
                html.Span(age_text(now_us - now.time_us), className="muted"),
            ]
        )
        for sensor, now in held
    ]
    return html.Ul(rows, className="arrival-values", **{"aria-label": "Values"})


def age_text(us: int) -> str:
    """`3 s ago`, as the browser writes it."""
    seconds = max(1, us // 1_000_000)
    for most, length, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds // length} {unit} ago"
    return f"{seconds // 86_400} d ago"
