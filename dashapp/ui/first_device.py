"""What an empty plant shows: how the first device gets in."""

from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.settings import Settings
from dashapp.ui.components import card
from dashapp.ui.connecting import NO_KEY, address, curl_command
from dashapp.ui.forms import command

BODY: dict[str, str | float] = {"device_id": "press-1", "sensor_type": "temperature", "value": 71.4, "unit": "°C"}


def first_device(settings: Settings, role: Role) -> Component:
    """The ways in. The page fills itself when the first device is there."""
    intro = "This plant has no devices yet. As soon as the first one reports, it stands here."
    if not role.includes(Role.MANAGER):
        intro += " Somebody with the role manager or administrator can connect it."
        return card("Connect the first device", html.P(intro, className="muted"))
    add = html.A("Add a device", href="/devices/new", className="btn solid", **{"data-inside": "true"})
    steps = [
        _step("Add it here", "A name and a template are enough. You get a key, a command to copy, and see its first value arrive.", add),
        *_self_registration(settings),
        _step(
            "Or bring the past with you",
            "Any historian's export, any separator and time format. It is checked before it is stored, and can be taken back.",
            html.A("Import a file", href="/import", className="btn", **{"data-inside": "true"}),
        ),
    ]
    return card("Connect the first device", html.P(intro, className="muted"), html.Ul(steps, className="first-steps"))


def _self_registration(settings: Settings) -> list[Component]:
    """Where unknown devices register themselves, the command alone will do."""
    if not settings.auto_register:
        return []
    key = None if settings.open_ingest else NO_KEY
    text = "Unknown devices register themselves with their first reading (ANDON_AUTO_REGISTER). They need a key of the plant."
    return [_step("Or let it register itself", text, command(curl_command(address(), BODY, key), "first-curl"))]


def _step(title: str, text: str, inside: Component) -> Component:
    return html.Li([html.H3(title), html.P(text, className="small muted"), inside])
