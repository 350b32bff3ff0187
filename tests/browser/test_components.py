"""The components in a real Dash app and a real Chromium, under the policy that the pages have."""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from dash import Dash, Input, Output, Patch, dcc, html
from flask import Flask, Response
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.serving import make_server

from dashapp.ui.components import (
    DeviceCard,
    DeviceCards,
    Gauge,
    HourHeatmap,
    LiveStatus,
    Sparkline,
    StateTimeline,
    ThemeButton,
    card,
    chip,
    format_value,
    kpi,
    stat_table,
)
from tests.browser.conftest import leave

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
AXE = (Path(__file__).parent / "axe.min.js").read_text()
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NOW = time.time_ns() // 1_000_000
HOUR = 3_600_000


def device(key: str, **changes: Any) -> DeviceCard:
    spark = [(NOW - 800_000 + step * 2000, 70 + step % 7) for step in range(400)]
    main = {
        "sensor": "temperature", "label": "temperature", "value": 74.6, "unit": "°C", "low": 40, "high": 110,
        "normal_low": 60, "normal_high": 90, "limit_low": None, "limit_high": 90, "decimals": 1, "at_ms": NOW,
        "period_s": 2,
    }  # fmt: skip
    plain = {"key": key, "name": "Line", "place": "Hall", "href": f"/devices/{key}", "state": "normal", "state_text": "Running"}
    return {**plain, "main": main, "spark": spark, "others": [{"label": "units/h", "value": 286}], **changes}  # type: ignore[typeddict-item]


def shades() -> HourHeatmap:
    """A number on every grey that a heatmap of numbers draws."""
    shares = [step / 20 for step in range(-1, 21)]
    rows: Any = [{"key": "r", "values": [None, *shares[1:]]}]
    return HourHeatmap("shades", rows=rows, hours=[f"{share:.2f}" for share in shares], decimals=2, max=1, signed=True, numbers=True)


def layout() -> html.Div:
    figure = go.Figure(go.Scatter(x=np.arange(200), y=np.linspace(0, 5, 200))).to_plotly_json()
    silent = device("MX-02", main={**device("MX-02")["main"], "at_ms": NOW - 90_000})
    rows = [{"key": "MX-01", "spans": [(NOW - HOUR, NOW - HOUR // 2, "run", ""), (NOW - HOUR // 2, NOW, "down", "No material")]}]
    return html.Div(
        [
            dcc.Location(id="place"),
            html.Header([html.H1("Gallery"), LiveStatus("live", version=1, server_ms=NOW), ThemeButton("theme")]),
            html.Main(
                [
                    html.Div(kpi("OEE", 71.4, "%", "target 80 %", 71.4, 80), className="kpis"),
                    DeviceCards("cards", devices=[device("MX-01"), silent], now=NOW),
                    card("State", StateTimeline("states", rows=rows, start_ms=NOW - HOUR, end_ms=NOW)),
                    card(
                        "Hours",
                        HourHeatmap("hours", rows=[{"key": "MX-01", "values": [None, *range(23)]}], caption="Output", unit="%"),
                    ),
                    card(
                        "Gauge",
                        Gauge("gauge", value=74.6, unit="°C", label="temperature", limit_high=90),
                        aside=chip("high", "Stopped"),
                    ),
                    card("Line", Sparkline("line", points=[(0, 1), (2000, None), (4000, 2)], label="pressure")),
                    card("Figures", stat_table([["mean", 84.2]], ["", "1 h"]), dcc.Graph(id="graph", figure=figure)),
                    html.Button("Next", id="next", className="btn"),
                    html.P(id="shown-theme"),
                    html.P(id="shown-place"),
                    card(
                        "Numbers", html.Div(shades(), className="heatmap-scrolls", tabIndex="0", role="group", **{"aria-label": "Numbers"})
                    ),
                ],
                className="page",
            ),
        ]
    )


def callbacks(app: Dash) -> None:
    @app.callback(
        Output("cards", "delta"),
        Output("gauge", "value"),
        Output("hours", "rows"),
        Input("next", "n_clicks"),
        prevent_initial_call=True,
    )
    def show_next(clicks: int) -> tuple[dict[str, Any], float, Patch]:
        hours = Patch()
        hours[0]["values"][0] = 23
        at = NOW + 1000 * clicks
        change = {"value": 1093.8, "at_ms": at, "append": [(at, 93.8)], "state": "critical", "state_text": "Above 90 °C"}
        return {"now_ms": at, "version": clicks, "devices": {"MX-01": change, "gone": {}}}, 93.8, hours

    @app.callback(Output("shown-theme", "children"), Input("theme", "theme"))
    def show_theme(theme: str | None) -> str | None:
        return theme

    @app.callback(Output("shown-place", "children"), Input("place", "pathname"))
    def show_place(pathname: str) -> str:
        return pathname


def with_policy(response: Response) -> Response:
    """Scripts from here or known by their hash; nothing from elsewhere; no eval."""
    if response.mimetype == "text/html":
        scripts = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", response.get_data(as_text=True), re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
        sources = " ".join(f"'sha256-{digest}'" for digest in digests)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; connect-src 'self'; font-src 'self'; img-src 'self' data: blob:; "
            f"style-src 'self' 'unsafe-inline'; script-src 'self' {sources}"
        )
    return response


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """The address of an app that shows every component."""
    server = Flask("gallery")
    server.after_request(with_policy)
    apart = {"assets_ignore": r"^kiosk-open\.js$", "assets_path_ignore": ["vendor"]}  # of one page alone
    assets = {"assets_folder": str(ROOT / "assets"), **apart}
    app = Dash("gallery", server=server, title="Gallery", update_title="", **assets)
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    app.layout = layout()
    callbacks(app)
    http = make_server("127.0.0.1", 0, server, threaded=True)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(scope="module")
def open_page(gallery: str, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the gallery at a width and in a theme; whatever it says on the console fails the test."""
    said: list[str] = []
    contexts: list[BrowserContext] = []

    def opened(width: int = 1440, theme: str = "light") -> Page:
        assert said == []
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith((gallery, "data:", "blob:")) else said.append(request.url),
        )
        page.goto(gallery)
        page.wait_for_selector(".js-plotly-plot .main-svg")
        page.wait_for_selector("[data-device=MX-01] .s-line")
        return page

    yield opened
    assert said == []
    for context in contexts:
        leave(context)


def violations(page: Page) -> list[Any]:
    """What axe-core finds. Run over the debugger, which the page's policy does not bind."""
    script = f"{AXE};axe.run(document, {{runOnly: {json.dumps(WCAG)}}}).then((found) => JSON.stringify(found.violations))"
    session = page.context.new_cdp_session(page)
    answer = session.send("Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True})
    return [(found["id"], found["nodes"][0]["html"]) for found in json.loads(answer["result"]["value"])]


@pytest.mark.requirement("UI-12", "UI-15")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_the_components_pass_axe_at_every_width_in_both_themes(open_page: Callable[..., Page], width: int, theme: str) -> None:
    page = open_page(width, theme)

    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.requirement("UI-1")
def test_a_delta_changes_the_card_that_it_names_and_leaves_the_others(open_page: Callable[..., Page]) -> None:
    page = open_page()
    named, other = page.locator("[data-device=MX-01]"), page.locator("[data-device=MX-02]")
    line, before = named.locator(".s-line").get_attribute("d"), other.locator(".figure").inner_text()

    page.click("#next")

    expect(named.locator(".figure-number")).to_have_text("1,093.8")
    expect(named.locator(".chip")).to_have_text("◆ critical: Above 90 °C")
    expect(named).to_have_class(re.compile("critical"))
    named.scroll_into_view_if_needed()  # what is away from the screen is not drawn
    expect(named.locator(".s-line")).not_to_have_attribute("d", line or "")
    assert other.locator(".figure").inner_text() == before
    expect(page.locator("#cards")).to_have_attribute("data-version", "1")


@pytest.mark.requirement("UI-1")
def test_a_value_older_than_thirty_seconds_is_shown_as_old_and_its_silence_ticks(open_page: Callable[..., Page]) -> None:
    page = open_page()
    silent = page.locator("[data-device=MX-02]")

    expect(silent).to_have_class(re.compile("stale"))
    first = silent.locator(".chip").inner_text()
    assert re.fullmatch(r"No data \d\d:\d\d", first)
    expect(silent.locator(".chip")).not_to_have_text(first)


def test_outputs_and_patches_reach_the_components(open_page: Callable[..., Page]) -> None:
    page = open_page()
    cell = page.locator("#hours tbody td").first
    expect(cell).to_have_attribute("title", "MX-01, 00: no data")

    page.click("#next")

    expect(cell).to_have_attribute("title", "MX-01, 00: 23 %")
    expect(page.locator("#gauge")).to_have_attribute("aria-label", "temperature: 93.8 °C")


@pytest.mark.requirement("UI-12")
def test_a_card_is_a_link_for_the_keyboard_that_stays_inside_the_app(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate("window.sameDocument = true")

    page.focus("[data-device=MX-01]")
    page.keyboard.press("Enter")

    expect(page.locator("#shown-place")).to_have_text("/devices/MX-01")
    assert page.evaluate("window.sameDocument")


@pytest.mark.requirement("UI-12")
def test_the_theme_switches_is_told_to_callbacks_and_remembered(open_page: Callable[..., Page]) -> None:
    page = open_page(theme="light")
    expect(page.locator("#shown-theme")).to_have_text("light")

    page.click("#theme")

    expect(page.locator("#shown-theme")).to_have_text("dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_browser_writes_numbers_as_the_server_does(open_page: Callable[..., Page]) -> None:
    page = open_page()
    numbers = [
        (value, decimals) for value in (0, 74.6, -3.25, 1234567.891, 2.5, -0.04, 1.005, 100.0, -1000) for decimals in (None, 0, 1, 2)
    ]

    written = page.evaluate("(numbers) => numbers.map(([value, decimals]) => window.andon.format(value, decimals))", numbers)

    assert written == [format_value(value, decimals) for value, decimals in numbers]


@pytest.mark.requirement("EX-1")
def test_our_chart_library_draws_typed_arrays_and_makes_a_png(open_page: Callable[..., Page]) -> None:
    page = open_page()

    points = page.evaluate("document.querySelector('.js-plotly-plot').calcdata[0].length")
    image = page.evaluate("Plotly.toImage(document.querySelector('.js-plotly-plot'), {format: 'png'})")

    assert points == 200
    assert image.startswith("data:image/png;base64,")
