"""A real Chromium on a real server. A page that writes to the console or asks another host for something fails its test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, Route, expect, sync_playwright

from dashapp.domain.fleet import Role
from db.embedded import EmbeddedPostgres
from db.engine import open_database
from db.queries import people
from tests.integration.access import new_user
from tests.serving import OWNER, Server, running, wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip
expect.set_options(timeout=30_000)  # as long as Playwright waits for the rest: a busy machine is not a failure


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A demo plant with two days of history, an owner and an ingest key."""
    folder = Path(tempfile.mkdtemp(prefix="andon-browser-"))
    with running(folder, ANDON_DEMO="1", ANDON_DEMO_DAYS="2", ANDON_NOTIFY_ALLOW="127.0.0.1") as started:
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
    leave(context)
    return state


def leave(opened: BrowserContext | Page) -> None:
    """Closes a window, or one page. Chromium may forget to close a page that is just moving, and then it is waited for without end
    (microsoft/playwright#42366): none moves any more here.
    """
    pages = [opened] if isinstance(opened, Page) else opened.pages
    for page in (page for page in pages if not page.is_closed()):
        for _ in range(3):
            with suppress(Error):  # it was moving
                page.goto("about:blank")
            if page.url == "about:blank":
                break
    opened.close()


def sign_in(page: Page, email: str = OWNER[0], password: str = OWNER[1]) -> None:
    """Through the form, as a person does."""
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def new_colleague(server: Server, role: Role = Role.VIEWER) -> people.Person:
    """Another person of the demo plant, whose password is PASSWORD."""
    embedded = EmbeddedPostgres(server.folder)
    database = open_database(embedded.url("app"), embedded.url("owner"))
    with database.engine.connect() as connection:
        demo = next(plant.id for plant in people.tenants(connection) if plant.is_demo)
    made = new_user(database, demo, role)
    database.dispose()
    return made


MINUTES = """() => {
  const now = andon.clock.now.bind(andon.clock), began = Date.now();
  andon.clock.now = () => now() + Math.floor((Date.now() - began) / 2000) * 60_000;
}"""
"""From now on a minute passes for the page every two seconds."""


class Held:
    """Questions to the server that say all of `about`, kept back until they are let go."""

    def __init__(self, page: Page, *about: str) -> None:
        self._page, self._about = page, about
        self._routes: list[Route] = []
        page.route("**/_dash-update-component*", self._keep)

    def wait(self) -> None:
        """Until there is one."""
        wait_until(lambda: self._page.wait_for_timeout(50) or self._routes)

    def let_go(self) -> None:
        """These; those that come are not kept any more."""
        for route in self._routes:
            route.continue_()
        self._page.unroute_all(behavior="ignoreErrors")

    def _keep(self, route: Route) -> None:
        asked = route.request.post_data or ""
        if all(each in asked for each in self._about):
            self._routes.append(route)
        else:
            route.continue_()


class Watch:
    """What a page should not have done."""

    def __init__(self, page: Page, host: str) -> None:
        self.console: list[str] = []
        self.foreign: list[str] = []
        self._host = host
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.console.append(f"exception: {error} {error.stack}"))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "Service Worker registration blocked by Playwright" not in message.text:
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
    opened = browser.new_context(base_url=server.url, storage_state=signed_in_state, viewport={"width": 1440, "height": 900},
                                 service_workers="block")  # fmt: skip  # what it answers goes past `page.route`
    yield opened
    leave(opened)


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Iterator[Page]:
    """A signed-in page that is watched."""
    opened = context.new_page()
    watch = Watch(opened, urlsplit(server.url).netloc)
    yield opened
    watch.check()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """What each server of the test said last stands below its failure."""
    report = yield
    if report.failed:
        servers = [given for given in getattr(item, "funcargs", {}).values() if isinstance(given, Server)]
        report.sections += [(f"The last lines of {server.url}", "\n".join(server.lines[-30:])) for server in servers]
    return report
