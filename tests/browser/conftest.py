"""A real Chromium on a real server. A page that writes to the console or asks another host for something fails its test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.serving import OWNER, Server, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A demo plant with two days of history, an owner and an ingest key."""
    folder = Path(tempfile.mkdtemp(prefix="andon-browser-"))
    with running(folder, ANDON_DEMO="1", ANDON_DEMO_DAYS="2") as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def signed_in_state(browser: Browser, server: Server) -> dict:
    """Cookies of the owner, signed in through the form."""
    context = browser.new_context(base_url=server.url)
    sign_in(context.new_page())
    state = context.storage_state()
    context.close()
    return state


def sign_in(page: Page, email: str = OWNER[0], password: str = OWNER[1]) -> None:
    """Through the form, as a person does."""
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


class Watch:
    """What a page should not have done."""

    def __init__(self, page: Page, host: str) -> None:
        self.console: list[str] = []
        self.foreign: list[str] = []
        self._host = host
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.console.append(f"exception: {error}"))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self._host:
            self.foreign.append(request.url)

    def check(self) -> None:
        """Raises AssertionError with what was seen."""
        assert not self.console, "\n".join(self.console)
        assert not self.foreign, "\n".join(self.foreign)


@pytest.fixture
def context(browser: Browser, server: Server, signed_in_state: dict) -> Iterator[BrowserContext]:
    """A signed-in browser window of laptop size."""
    opened = browser.new_context(base_url=server.url, storage_state=signed_in_state, viewport={"width": 1440, "height": 900})
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Iterator[Page]:
    """A signed-in page that is watched."""
    opened = context.new_page()
    watch = Watch(opened, urlsplit(server.url).netloc)
    yield opened
    watch.check()
