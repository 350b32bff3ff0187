"""What stands around every page: navigation from the page registry, header, live status, theme, account, demo notice.

A page is a file in `pages/`:

    dash.register_page(__name__, path="/alerts", name="Alerts", title="Alerts · Andon", section="", order=20, nav=True,
                       icon="alerts", role=Role.VIEWER, charts=False)

`section` is the heading in the navigation ("" is the first group), `icon` (a name of `components.Icon`) gives it a place
in the bar of a phone while there is room, `charts=True` fetches plotly.js early, `within="/devices"` names the entry that
is marked for a page which is none itself. What stands in the header is the page's title without " · Andon".

A page that shows live data returns `live(…)` and takes `PULSE` as an input: it ticks while the tab is visible, nothing is paused
and the answer before has come; the page says what changed since the version that it holds.
"""

import time
from collections.abc import Iterator
from typing import Any

import dash
import flask
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from dashapp.ui import account
from dashapp.ui.components import Icon, LiveStatus, ThemeButton
from dashapp.ui.context import actor, services
from dashapp.ui.first_page import SUFFIX, first_page

PULSE = Input("shell-pulse", "data")
THEME = Input("shell-theme", "theme")
CONTENT = "_pages_content"  # the ids that Dash's router fills
DEMO_COOKIE = "andon_demo_notice"
PLACES_ON_PHONE = 3

Page = dict[str, Any]


def live(*children: Any, id: str | None = None) -> Component:
    """The root of a page that shows live data: the shell ticks, and says how fresh it is, while one is on the screen."""
    named = {} if id is None else {"id": id}
    return html.Div(list(children), className="stack", **{"data-live": "true"}, **named)


def pages_for(who: Actor) -> list[Page]:
    """Entries of the navigation that the person's role may open, by section and order."""
    return [page for page in dash.page_registry.values() if page.get("nav") and may_open(page, who)]


def may_open(page: Page, who: Actor) -> bool:
    """Whether the page's declared role is within the person's."""
    return who.role.includes(Role(page.get("role", Role.VIEWER)))


def shell_layout() -> Component:
    """The whole application for the person who is signed in, with the page that the browser asks for already in it."""
    who, running = actor(), services()
    first = first_page()
    return html.Div(
        [
            html.A("Skip to content", href=f"#{CONTENT}", className="skip-link"),
            _navigation(who, first.path),
            html.Div([_header(who, first.title), _demo_notice(who, running), _main(first.content)], className="app-body"),
            _bottom_bar(who, first.path),
            dcc.Location(id="_pages_location", refresh="callback-nav", **first.location),
            *_stores(running, first.title),
        ],
        id="shell",
        className="app",
    )


def _main(content: Any) -> Component:
    return html.Main(content, id=CONTENT, className="page", tabIndex="-1")


def _stores(running: Services, title: str) -> Iterator[Component]:
    """What holds the shell's state in the browser. The router writes a page's title into `_pages_store`."""
    yield dcc.Store(id="_pages_store", data={"title": title + SUFFIX})
    yield html.Div(id="_pages_dummy", hidden=True)
    yield dcc.Interval(id="shell-interval", interval=running.settings.live_poll_ms)
    yield dcc.Store(id="shell-pulse")
    yield dcc.Store(id="shell-paused", data=False)
    yield html.Div(id="shell-here", hidden=True)
    yield account.reload_target()


def _navigation(who: Actor, path: str) -> Component:
    entries: list[Component] = []
    section = ""
    for page in _by_section(pages_for(who)):
        if page.get("section", "") != section:
            section = page["section"]
            entries.append(html.Div(section, className="nav-section"))
        entries.append(_nav_link(page, path, [page["name"]], "nav-link"))
    brand = html.A([Icon("logo", size=20), "Andon"], href="/", className="brand", **{"data-inside": "true"})
    return html.Nav([brand, *entries, account.nav_foot(who, services())], id="shell-nav", className="app-nav", **{"aria-label": "Pages"})


def _by_section(pages: list[Page]) -> list[Page]:
    """Sections in the order in which they first appear, pages by order within them."""
    sections = list(dict.fromkeys(page.get("section", "") for page in pages))
    return sorted(pages, key=lambda page: sections.index(page.get("section", "")))


def _nav_link(page: Page, path: str, children: list[Any], class_name: str = "") -> Component:
    here = {"aria-current": "page"} if is_within(path, page["path"]) else {}
    return html.A(children, href=page["path"], className=class_name, **{"data-inside": "true"}, **here)


def is_within(path: str, entry: str) -> bool:
    """Whether the page at `path` belongs to the entry of the navigation: `/devices/MX-02` to `/devices`, all else not to `/`."""
    return path == entry or (entry != "/" and path.startswith(entry + "/"))


def _bottom_bar(who: Actor, path: str) -> Component:
    """The phone's places: the first pages that have a drawing, and the rest behind More."""
    pages = [page for page in pages_for(who) if page.get("icon")][:PLACES_ON_PHONE]
    places: list[Component] = [_nav_link(page, path, [Icon(page["icon"], size=20), page["name"]]) for page in pages]
    more = html.Button(
        [Icon("more", size=20), "More"], id="shell-more", type="button",
        **{"aria-expanded": "false", "aria-controls": "shell-nav", "data-opens": "shell-nav"},
    )  # fmt: skip
    return html.Nav([*places, more], className="bottom-bar", **{"aria-label": "Places"})


def _header(who: Actor, title: str) -> Component:
    return html.Header(
        [
            html.H1(title, id="shell-title"),
            html.Span(className="spacer"),
            html.Div(
                [
                    LiveStatus(id="shell-live", server_ms=int(time.time() * 1000)),
                    html.Button(
                        [Icon("pause", size=16), Icon("play", size=16), html.Span("Pause", id="shell-pause-word")],
                        id="shell-pause", type="button", className="control", **{"aria-pressed": "false"},
                    ),
                ],
                className="live-controls",
            ),
            ThemeButton(id="shell-theme", className="control square not-on-phone"),
            account.menu(who, services()),
        ],
        className="app-header",
    )  # fmt: skip


def _demo_notice(who: Actor, running: Services) -> Component | None:
    """Says once that this plant is made up, and where one's own is."""
    plant = running.catalogue.of(who.tenant_id)
    if not plant.is_demo or flask.request.cookies.get(DEMO_COOKIE) == f"{who.home}.{who.id}":
        return None
    return html.Aside(
        [
            html.Span(["This is the demo plant: machines and readings are simulated. ", account.own_plant_hint(who, running)]),
            html.Button(
                Icon("close", size=14, label="Dismiss"), id="shell-demo-dismiss", type="button", className="btn-close",
                **{"data-cookie": f"{DEMO_COOKIE}={who.home}.{who.id}"},
            ),
        ],
        id="shell-demo",
        className="demo-notice",
        **{"aria-label": "About this plant"},
    )  # fmt: skip


def register(app: Dash) -> None:
    """The shell's callbacks. All but the change of plant run in the browser (`assets/90-shell.js`)."""

    def in_browser(name: str, *dependencies: Any, **options: Any) -> None:
        app.clientside_callback(ClientsideFunction("andon_shell", name), *dependencies, **options)

    in_browser(
        "pulse", Output("shell-pulse", "data"), Input("shell-interval", "n_intervals"), State("shell-paused", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    in_browser(
        "pause", Output("shell-paused", "data"), Input("shell-pause", "n_clicks"), State("shell-paused", "data"), prevent_initial_call=True
    )
    in_browser("show_paused", Output("shell-live", "paused"), Input("shell-paused", "data"))
    in_browser("show_title", Output("shell-title", "children"), Input("_pages_store", "data"))
    in_browser("show_here", Output("shell-here", "children"), Input("_pages_location", "pathname"))
    account.register(app)
