"""The web application for people: Flask with Dash on it. One call makes one; tests make several in a process."""

import gzip
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dash
import flask
from dash import Dash, _callback, html
from dash._utils import interpolate_str
from flask import Flask, Response

from dashapp.ingest.services import Services
from dashapp.ui import auth, places, shell, visitor, zones
from dashapp.ui.alarms.desk import feed
from dashapp.ui.alarms.history import register_downloads
from dashapp.ui.analytics.exports import register_analytics
from dashapp.ui.bundle import ASSETS, asset, one_script, one_style_sheet, register_bundle
from dashapp.ui.context import EXTENSION
from dashapp.ui.exports import register_exports
from dashapp.ui.first_page import NOT_FOUND, find_page, shielded
from dashapp.ui.imports.routes import register_imports
from dashapp.ui.kiosk import door, screen
from dashapp.ui.offline import offline_links, register_offline
from dashapp.ui.production.files import register_production
from dashapp.ui.report_files import register_reports
from dashapp.ui.snapshot import Overviews

ROOT = Path(__file__).resolve().parents[2]
GRAPH = "/_dash-component-suites/dash/dcc/async-graph.js"
PLOTLY = "/_dash-component-suites/plotly/package_data/plotly.min.js"
NOT_NEEDED = ("deps/polyfill", "dash_table/bundle")  # for browsers of before 2018; for tables that no page uses
COMPRESSED = ("application/json", "text/html", "text/plain", "text/csv", "image/svg+xml")
SMALL = 1024

INDEX = (Path(__file__).parent / "index.html").read_text()
"""`index.html` beside this file: what Dash fills in, and what the first paint shows until Dash has drawn the page."""


class Web(Dash):
    """Dash with an index page of our own."""

    def index(self, *args: Any, **kwargs: Any) -> Any:
        """The page that loads the application; 404 where no page is registered at the path, or what it is about is not `found`."""
        page, variables = find_page(quote(flask.request.path))
        missing = not page or page["module"].endswith(NOT_FOUND) or not page.get("found", _always)(**variables)
        return Response(super().index(*args, **kwargs), 404 if missing else 200, mimetype="text/html")

    def _config(self) -> dict[str, Any]:
        config = {**super()._config(), "python_version": ""}  # nobody's business
        if visitor.on_the_wall():
            config["requests_pathname_prefix"] = f"{visitor.SCREEN_ROOT}/"  # the page asks with the cookie of the screen
        return config

    def interpolate_index(self, **parts: str) -> str:
        """The index page without the scripts that nobody needs, and with the theme before anything is painted."""
        scripts = [line for line in parts["scripts"].split("\n") if not any(name in line for name in NOT_NEEDED)]
        theme = [line for line in scripts if "/00-theme.js" in line]
        parts["scripts"] = one_script("\n".join(line for line in scripts if line not in theme))
        parts["css"] = one_style_sheet(parts["css"])
        page, _ = find_page(flask.request.path)
        on_the_wall = visitor.on_the_wall()
        head = {
            "theme": "\n".join(theme),
            "icon": asset("favicon.svg"),
            "manifest": "" if on_the_wall else offline_links(),
            "early": _early(charts=bool(page.get("charts")) and not on_the_wall, root=flask.request.script_root),
            **zones.for_scripts(),
            "kiosk": f' data-kiosk="{screen.theme()}"' if on_the_wall else "",
        }
        return interpolate_str(INDEX, **parts, **head)


def _always(**_variables: str) -> bool:
    """A page that is there whatever its address says."""
    return True


def _early(*, charts: bool, root: str) -> str:
    """What the page will ask for once its scripts run, asked for at once."""
    links = [
        *(
            f'<link rel="preload" href="/assets/fonts/inter-{part}.woff2" as="font" type="font/woff2" crossorigin>'
            for part in ("latin", "symbols")
        ),
        f'<link rel="preload" href="{root}/_dash-layout" as="fetch" crossorigin>',
        f'<link rel="preload" href="{root}/_dash-dependencies" as="fetch" crossorigin>',
    ]
    if charts:  # not preloaded: a plant without devices draws no chart
        links += [f'<link rel="prefetch" href="{url}" as="script">' for url in (GRAPH, PLOTLY)]
    return "\n".join(links)


def create_web(services: Services) -> Flask:
    """The Flask server with pages, sign-in and guard; mounted by `dashapp.server` under the API."""
    server = Flask("andon", static_folder=None)
    server.extensions[EXTENSION] = services
    server.extensions[f"{EXTENSION}.overviews"] = Overviews(services)
    server.config.update(MAX_CONTENT_LENGTH=services.settings.body_bytes)
    register_exports(server)
    register_reports(server)
    register_analytics(server)
    register_downloads(server)
    register_production(server)
    register_imports(server)
    register_bundle(server)
    register_offline(server)
    places.register(server)
    app = _dash(server)
    shell.register(app)
    screen.register(app)
    with server.test_request_context("/"):
        server.preprocess_request()  # Dash collects its callbacks at the first request: before the guard, and before the next app
    app.layout = _layout
    app.layout = _layout  # from now on: Dash drew it in that request, and nobody was signed in
    auth.enforce_page_roles(app)
    auth.guard(server)
    server.after_request(_tell_time)
    server.after_request(_compress)
    return server


def _layout() -> Any:
    return screen.screen_layout() if visitor.on_the_wall() else shell.shell_layout()


def _dash(server: Flask) -> Web:
    # What is registered by pages is global in Dash: an app made earlier in this process must not hand it on.
    dash.page_registry.clear()
    for registered in (_callback.GLOBAL_CALLBACK_LIST, _callback.GLOBAL_CALLBACK_MAP, _callback.GLOBAL_INLINE_SCRIPTS):
        registered.clear()
    app = Web(
        "app", server=server, use_pages=True, pages_folder=str(ROOT / "pages"), assets_folder=str(ASSETS),
        assets_ignore=r"^(plotly\.min|kiosk-open)\.js$", assets_path_ignore=["vendor"], title="Andon",
        update_title=None, suppress_callback_exceptions=True,
        include_pages_meta=False, serve_locally=True, add_log_handler=False,
    )  # fmt: skip
    app.layout = html.Div()
    for page in dash.page_registry.values():
        if callable(page["layout"]):
            page["layout"] = shielded(page["layout"])
    return app


def _tell_time(response: Response) -> Response:
    """Says when a callback was answered, and for which plant: another tab may have changed it for the whole session."""
    if flask.request.path == "/_dash-update-component":
        response.headers["Andon-Time"] = str(time.time_ns() // 1_000_000)
        who = auth.current_actor()
        if who is not None:
            response.headers["Andon-Plant"] = str(who.tenant_id)
            response.headers["Andon-Alerts"] = ".".join(map(str, feed().held(who)))
        if visitor.on_the_wall():
            door.tell_build(response)
    return response


def _compress(response: Response) -> Response:
    """Answers of more than a kilobyte go out by gzip at its cheapest level, unless they are streamed or compressed already."""
    if response.is_streamed or response.direct_passthrough or response.status_code != 200 or response.mimetype not in COMPRESSED:
        return response
    response.vary.add("Accept-Encoding")
    if "Content-Encoding" in response.headers or not flask.request.accept_encodings["gzip"]:
        return response
    body = response.get_data()
    if len(body) > SMALL:
        response.set_data(gzip.compress(body, 1))
        response.headers["Content-Encoding"] = "gzip"
    return response
