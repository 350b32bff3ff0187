"""What an empty plant shows: how the first reading gets in."""

import flask
from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.settings import Settings
from dashapp.ui.components import card

BODY = '{"device_id": "press-1", "sensor_type": "temperature", "value": 71.4, "unit": "°C"}'


def first_device(settings: Settings, role: Role) -> Component:
    """Three ways in, each as it would be typed here. The page fills itself when the first device is there."""
    address = flask.request.url_root.rstrip("/")
    steps = [
        _step("A program or a controller posts readings", "One or many at a time, each with its time stamp.", _curl(address, settings)),
        _step(
            "A file from a historian",
            "Any separator and time format; --dry-run shows what would happen.",
            "python app.py import press-1.csv --device press-1 --dry-run",
        ),
    ]
    return card("Connect the first device", html.P(_before(settings, role), className="muted"), html.Ol(steps, className="first-steps"))


def _before(settings: Settings, role: Role) -> str:
    if settings.auto_register:
        return "This plant has no devices yet. Unknown devices register themselves here with their first reading."
    if not role.includes(Role.MANAGER):
        return "This plant has no devices yet. Somebody with the role manager or administrator can connect one."
    return (
        "This plant has no devices yet. Importing a file creates its device. For devices that post, start Andon once with "
        "ANDON_AUTO_REGISTER=1 and unknown ones register themselves with their first reading."
    )


def _curl(address: str, settings: Settings) -> str:
    key = "" if settings.open_ingest else " \\\n  -H 'X-API-Key: YOUR-KEY'"
    return f"curl {address}/api/v1/readings{key} \\\n  -H 'Content-Type: application/json' \\\n  -d '{BODY}'"


def _step(title: str, text: str, command: str) -> Component:
    return html.Li([html.H3(title), html.P(text, className="small muted"), html.Pre(html.Code(command), tabIndex="0")])
