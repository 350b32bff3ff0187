"""What stands around every page: navigation from the page registry, header, live status, theme, account, demo notice.

A page is a file in `pages/`:

    dash.register_page(__name__, path="/alerts", name="Alerts", title="Alerts · Andon", section="", order=20, nav=True,
                       icon="alerts", role=Role.VIEWER, charts=False)

`section` is the heading in the navigation ("" is the first group), `icon` (a name of `components.Icon`) gives it a place
in the bar of a phone while there is room, `charts=True` fetches plotly.js early, `within="/devices"` names the entry that
is marked for a page which is none itself. `shortcut="o"` is
its letter after g, `help="overview"` its page in `docs/help` (without it, the module's name), `findable=True` puts a page into the palette
that is no entry of the navigation. What stands in the header is the page's title without " · Andon".

`found=function` of the variables in a page's path says whether there is what the page is about: where not, the server answers 404.

A page that shows live data returns `live(…)` and takes `PULSE` as an input: it ticks while the tab is visible, nothing is paused
and the answer before has come; the page says what changed since the version that it holds. Buttons in a list that a tick draws anew are
heard by `pressed(…)`.
"""

import time
from collections.abc import Iterator
from typing import Any, Literal

import dash
import flask
from dash import ClientsideFunction, Dash, Input, Output, State, clientside_callback, dcc, html
from dash.development.base_component import Component

from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from dashapp.ui import account, help_pages, saved
from dashapp.ui.alarms import desk
from dashapp.ui.components import Icon, LiveStatus, ThemeButton
from dashapp.ui.context import actor, services
from dashapp.ui.first_page import SUFFIX, first_page
from dashapp.ui.shortcuts import Palette, shortcuts
from dashapp.ui.states import Problem
from dashapp.ui.ticking import Clock
from dashapp.ui.visitor import preferences

PULSE = Input("shell-pulse", "data")
THEME = Input("shell-theme", "theme")
CONTENT = "_pages_content"  # the ids that Dash's router fills
DEMO_COOKIE = "andon_demo_notice"
PLACES_ON_PHONE = 4

Page = dict[str, Any]


def live(*children: Any, id: str | None = None, each: Literal["true", "minute"] = "true") -> Component:
    """The root of a page that shows live data: the shell ticks, and says how fresh it is, while one is on the screen.

    `each="minute"` is for a page that asks the server once a minute, not at each tick: its alerts are then asked for beside it.
    """
    named = {} if id is None else {"id": id}
    return html.Div(list(children), className="stack", **{"data-live": each}, **named)


def pressed(store: str, **buttons: Any) -> Input:
    """What was pressed last among the buttons of a pattern: their id and the moment, kept in `store`. To be taken in place of their clicks
    by a callback that takes its time in a list that is live: new buttons would take the place of the press that is being answered.
    """
    clientside_callback(
        ClientsideFunction("andon_shell", "pressed"), Output(store, "data"), Input(buttons, "n_clicks"), prevent_initial_call=True
    )
    return Input(store, "data")


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
            help_pages.panel(),
            Palette(id="shell-palette"),
            shortcuts(pages_for(who)),
            Problem(id="shell-problem"),
            *desk.desk(who),
            dcc.Location(id="_pages_location", refresh="callback-nav", **first.location),
            *_stores(running, first.title),
        ],
        id="shell",
        className="app",
        **{
            "data-person": f"{who.home}.{who.id}",
            "data-shortcuts": "on" if preferences().get("shortcuts", True) else "off",
        },
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
    yield dcc.Store(id="shell-help-shown")
    yield html.Div(id="shell-here", hidden=True)
    yield account.reload_target()


def _navigation(who: Actor, path: str) -> Component:
    entries: list[Component] = []
    section = ""
    for page in _by_section(pages_for(who)):
        if page.get("section", "") != section:
            section = page["section"]
            entries.append(html.Div(section, className="nav-section"))
        entries.append(_nav_link(page, path, [page["name"], *_counted(page)], "nav-link"))
    find = html.Button(
        [html.Span("Find a page, device or action"), Icon("search", size=16)], type="button", className="nav-link nav-find",
        **{"data-run": "palette"},
    )  # fmt: skip
    brand = html.A([Icon("logo", size=20), "Andon"], href="/", className="brand", **{"data-inside": "true"})
    inside = [brand, find, *entries, account.nav_foot(who, services())]
    return html.Nav(inside, id="shell-nav", className="app-nav", **{"aria-label": "Pages"})


def _counted(page: Page) -> list[Component]:
    """Behind the entry of the alerts stands how many wait."""
    return [desk.AlertCount(className="nav-count")] if page["path"] == "/alerts" else []


def _drawn(page: Page) -> Component:
    return html.Span([Icon(page["icon"], size=20), *_counted(page)], className="place-icon")


def _by_section(pages: list[Page]) -> list[Page]:
    """Sections in the order in which they first appear, pages by order within them."""
    sections = list(dict.fromkeys(page.get("section", "") for page in pages))
    return sorted(pages, key=lambda page: sections.index(page.get("section", "")))


def _nav_link(page: Page, path: str, children: list[Any], class_name: str = "") -> Component:
    here = {"aria-current": "page"} if is_within(path, page["path"]) else {}
    letter = {"data-shortcut": page["shortcut"]} if page.get("shortcut") else {}
    return html.A(children, href=page["path"], className=class_name, **{"data-inside": "true"}, **here, **letter)


def is_within(path: str, entry: str) -> bool:
    """Whether the page at `path` belongs to the entry of the navigation: `/devices/MX-02` to `/devices`, all else not to `/`."""
    return path == entry or (entry != "/" and path.startswith(entry + "/"))


def _bottom_bar(who: Actor, path: str) -> Component:
    """The phone's places: the first pages that have a drawing, and the rest behind More."""
    pages = [page for page in pages_for(who) if page.get("icon")][:PLACES_ON_PHONE]
    places: list[Component] = [_nav_link(page, path, [_drawn(page), page["name"]]) for page in pages]
    more = html.Button(
        [Icon("more", size=20), "More"], id="shell-more", type="button",
        **{"aria-expanded": "false", "aria-controls": "shell-nav", "data-opens": "shell-nav"},
    )  # fmt: skip
    return html.Nav([*places, more], className="bottom-bar", **{"aria-label": "Places"})


def _header(who: Actor, title: str) -> Component:
    return html.Header(
        [
            html.H1(title, id="shell-title", tabIndex="-1"),
            html.Span(className="spacer"),
            html.Span(Clock(id="shell-clock"), className="not-on-phone"),
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
            desk.bell(),
            _palette_button("control palette-button not-on-phone"),
            help_pages.button(),
            saved.menu(who, services()),
            ThemeButton(id="shell-theme", className="control square not-on-phone"),
            account.menu(who, services()),
        ],
        className="app-header",
    )  # fmt: skip


def _palette_button(class_name: str) -> Component:
    """Opens the palette. On a phone it stands behind More."""
    words = html.Span("Find", className="palette-word")
    return html.Button(
        [Icon("search", size=16), words, html.Kbd("Ctrl K", **{"aria-hidden": "true"})], type="button", className=class_name,
        title="Go to a page, device or action (Ctrl+K)",
        **{"data-run": "palette", "aria-haspopup": "dialog", "aria-keyshortcuts": "Control+K"},
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
    in_browser("show_help", Output("shell-help-shown", "data"), Input("shell-help-body", "children"), prevent_initial_call=True)
    desk.register(app)
    account.register(app)
    help_pages.register(app)
    saved.register(app)
