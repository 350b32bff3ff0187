"""A wall screen: a bar with the plant, the page, the clock and dots for the rotation, and below it one page that fills the rest.

No navigation, no account, nothing to press. The shell's tick and its watch over the connection are the same as of every page
(`assets/90-shell.js`); what is a wall screen's own is in `assets/95-kiosk.js`.
"""

import time
from urllib.parse import urlsplit

from dash import Dash, dcc, html
from dash.development.base_component import Component

from dashapp.ui import visitor
from dashapp.ui.components import ThemeButton
from dashapp.ui.context import actor, services
from dashapp.ui.first_page import SUFFIX, find_page, page_at, page_title
from dashapp.ui.kiosk import device, plant
from dashapp.ui.kiosk.door import screen_build
from dashapp.ui.kiosk.parts import Place, WallClock, WallRotation, WallStatus


def theme() -> str:
    """The theme that the screen's link says: `system`, `light` or `dark`."""
    screen = visitor.screen_of_cookie()
    return "system" if screen is None else screen.theme


def screen_layout() -> Component:
    """The whole screen, its first page in it."""
    who, running = actor(), services()
    screen = visitor.screen_of_cookie()
    assert screen is not None  # the guard has let it in
    shown = running.catalogue.of(who.tenant_id)
    places = [_place(page) for page in screen.pages]
    first = page_at(places[0]["pathname"], places[0]["search"])
    return html.Div(
        [
            html.Header(
                [
                    html.Span(shown.name, className="wall-plant"),
                    html.H1(first.title, id="shell-title"),
                    WallRotation(
                        id="_pages_location", pages=places, page_s=screen.page_s, build=screen_build(), zone=shown.zone,
                        pathname=places[0]["pathname"], search=places[0]["search"],
                    ),
                    WallStatus(id="shell-live", server_ms=int(time.time() * 1000), zone=shown.zone),
                    WallClock(zone=shown.zone),
                ],
                className="wall-bar",
            ),
            html.Main(first.content, id="_pages_content", className="page wall-page", tabIndex="-1"),
            dcc.Store(id="_pages_store", data={"title": first.title + SUFFIX}),
            html.Div(id="_pages_dummy", hidden=True),
            dcc.Interval(id="shell-interval", interval=running.settings.live_poll_ms),
            dcc.Store(id="shell-pulse"),
            dcc.Store(id="shell-paused", data=False),
            html.Div(  # what the shell's callbacks write to, and the theme that figures follow
                [ThemeButton(id="shell-theme"), html.Button([html.Span(id="shell-pause-word")], id="shell-pause"), html.I(id="shell-here"),
                 dcc.Store(id="shell-problem")],
                hidden=True,
            ),
        ],
        id="shell",
        className="app wall",
    )  # fmt: skip


def _place(page: str) -> Place:
    url = urlsplit(page)
    found, variables = find_page(url.path)
    name = page_title(found, variables) if found else url.path
    return {"pathname": url.path, "search": f"?{url.query}" if url.query else "", "name": name}


def register(app: Dash) -> None:
    """The callbacks of the pages as a wall screen shows them."""
    plant.register(app)
    device.register(app)
