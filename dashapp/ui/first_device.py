"""What an empty plant shows: how the first reading gets in."""

import flask
from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.settings import Settings
from dashapp.ui.components import card

BODY = '{"device_id": "press-1", "sensor_type": "temperature", "value": 71.4, "unit": "°C"}'


def first_device(settings: Settings, role: Role) -> Component:
    """The ways in, each as it would be typed here. The page fills itself when the first device is there."""
    intro = "This plant has no devices yet. As soon as the first one reports, it stands here."
    if not role.includes(Role.MANAGER):
        intro += " Somebody with the role manager or administrator can connect it."
    steps = [
        _first_step(settings),
        _step("Post its readings", "One or many at a time; each may carry its own timestamp.", _curl(settings)),
        _step(
            "Or bring the past with you",
            "Any historian's export, any separator and time format. With --dry-run it shows what would happen.",
            "python app.py import press-1.csv --device press-1 --dry-run",
        ),
    ]
    return card("Connect the first device", html.P(intro, className="muted"), html.Ol(steps, className="first-steps"))


def _first_step(settings: Settings) -> Component:
    if settings.auto_register:
        return _step("Make a key", "Unknown devices register themselves with their first reading.", "python app.py create-key gateway")
    text = "It prints a key, and the command below with it."
    return _step("Make a device, on the server", text, "python app.py add-device press-1 --sensor temperature:°C")


def _curl(settings: Settings) -> str:
    address = flask.request.url_root.rstrip("/")
    key = "" if settings.open_ingest else " \\\n  -H 'X-API-Key: YOUR-KEY'"
    return f"curl {address}/api/v1/readings{key} \\\n  -H 'Content-Type: application/json' \\\n  -d '{BODY}'"


def _step(title: str, text: str, command: str) -> Component:
    return html.Li([html.H3(title), html.P(text, className="small muted"), html.Pre(html.Code(command), tabIndex="0")])
