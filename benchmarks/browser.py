"""Debian's Chromium, looked at from inside: when the first value was plotted, how many bytes went over the wire."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from benchmarks.load import needed
from benchmarks.plant import EMAIL, PASSWORD, Plant

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
LAPTOP = {"width": 1440, "height": 900}
# What plotly draws of a value: a heatmap's picture, a line or bar, the number of an indicator. `plotted` is when it was painted.
FIRST_TRACE = """(() => {
  const drawn = '.js-plotly-plot .heatmaplayer image, .js-plotly-plot .trace path, .js-plotly-plot .indicatorlayer .numbers text';
  const look = () => {
    if (window.plotted !== undefined || !document.querySelector(drawn)) return;
    watch.disconnect();
    window.plotted = null;
    requestAnimationFrame(() => setTimeout(() => { window.plotted = performance.now(); }));
  };
  const watch = new MutationObserver(look);
  watch.observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['d', 'href', 'xlink:href']});
})()"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of a page: milliseconds from the navigation to the first plotted value, bytes on the wire until a second after it."""

    plotted_ms: float
    wire_bytes: int
    requests: int


@contextmanager
def window(*, state: Any = None) -> Iterator[BrowserContext]:
    """A browser of its own with a fresh profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needed("chromium", "chromium"), args=FLAGS)
        try:
            yield browser.new_context(viewport=LAPTOP, storage_state=state)  # type: ignore[arg-type]
        finally:
            browser.close()


def signed_in(plant: Plant) -> Any:
    """The owner's cookies, from the sign-in form; for `window`."""
    with window() as context:
        page = context.new_page()
        page.goto(f"{plant.url}/sign-in")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return context.storage_state()


def visit(context: BrowserContext, url: str) -> Visit:
    """Opens the URL in a new tab, waits for the first plotted value and a second more, closes the tab."""
    page = context.new_page()
    wire = _Wire(context, page)
    page.add_init_script(FIRST_TRACE)
    page.goto(url, wait_until="commit")
    page.wait_for_function("() => typeof window.plotted === 'number'", timeout=60_000)
    plotted_ms = float(page.evaluate("() => window.plotted"))
    page.wait_for_timeout(1_000)
    seen = Visit(plotted_ms, wire.bytes, wire.requests)
    page.close()
    return seen


class _Wire:
    """Bytes that came in, headers included, as the network layer counted them; what a cache answered is none."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.bytes = 0
        self.requests = 0
        self._session = context.new_cdp_session(page)
        self._session.send("Network.enable")
        self._session.on("Network.dataReceived", lambda event: self._add(event["encodedDataLength"]))
        self._session.on("Network.responseReceived", self._headers)

    def _add(self, size: int) -> None:
        self.bytes += max(0, size)

    def _headers(self, event: Any) -> None:
        response = event["response"]
        if not response.get("fromDiskCache") and not response.get("fromPrefetchCache"):
            self.bytes += max(0, response["encodedDataLength"])
            self.requests += 1


def wait_quiet(seconds: float = 1.0) -> None:
    """Lets what a visit has left over come to rest."""
    time.sleep(seconds)
