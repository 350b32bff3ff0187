"""Without a network: what stands on the page stays and says its age, an acknowledgement waits and goes out once, who was second is told."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashapp.domain.fleet import Role
from tests.browser.conftest import Watch, leave, new_colleague, sign_in
from tests.browser.test_alerts import PHONE, end, row, tell
from tests.browser.test_pages import serious
from tests.integration.access import PASSWORD
from tests.serving import Server

pytestmark = pytest.mark.requirement("UI-11")
SOON = "await new Promise((wake) => setTimeout(wake, 50))"
UNTIL_KEPT = f"async () => {{ while (!(await caches.match('/_dash-dependencies', {{ cacheName: 'andon-pages-1' }}))) {SOON}; }}"
UNTIL_GONE = f"async () => {{ while (await caches.has('andon-pages-1')) {SOON}; }}"
AWAY = re.compile(r"ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to fetch|net::|status of 409|error occurred when fetching the script")


@pytest.fixture
def context(browser: Browser, server: Server, signed_in_state: dict) -> Iterator[BrowserContext]:
    """A phone that may keep pages."""
    opened = browser.new_context(base_url=server.url, storage_state=signed_in_state, viewport=PHONE, service_workers="allow")
    yield opened
    leave(opened)


@pytest.fixture
def phone(context: BrowserContext, server: Server) -> Iterator[Page]:
    """Its page. A browser writes to the console that it has no network: nothing else may stand there."""
    opened = context.new_page()
    watch = Watch(opened, urlsplit(server.url).netloc)
    yield opened
    context.set_offline(False)
    watch.console = [line for line in watch.console if not AWAY.search(line)]
    watch.check()


class Colleague(httpx.Client):
    """Another operator of the demo plant, who comes by a program."""

    def __init__(self, server: Server) -> None:
        super().__init__(base_url=server.url, timeout=30)
        person = new_colleague(server, Role.OPERATOR)
        self.name = person.name
        answer = self.post("/api/v1/auth/login", data={"username": person.email, "password": PASSWORD})
        self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@pytest.fixture(scope="module")
def colleague(server: Server) -> Iterator[Colleague]:
    client = Colleague(server)
    yield client
    client.close()


def journal(colleague: Colleague, alert: int) -> list[dict]:
    """What happened to the alert."""
    answer = colleague.get(f"/api/v1/alerts/{alert}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["events"])


def test_an_acknowledgement_without_a_network_goes_out_once_with_its_time(
    phone: Page, context: BrowserContext, server: Server, colleague: Colleague
) -> None:
    alert = tell(server, "pump-dry", "high", "The pump runs dry")
    phone.goto("/alerts")
    expect(row(phone, alert)).to_contain_text("The pump runs dry")
    with phone.expect_response(lambda answer: '"changedPropIds":["shell-pulse.data"]' in (answer.request.post_data or "")):
        pass  # the clock goes by an answer from now on
    context.set_offline(True)
    bar = phone.locator(".later-bar")
    expect(bar).to_contain_text("No connection")
    expect(bar).to_contain_text(re.compile(r"What you see is of \d\d:\d\d"))
    expect(phone.locator("#shell-live")).to_contain_text(re.compile(r"Connection lost since \d\d:\d\d"))
    expect(row(phone, alert)).to_contain_text("The pump runs dry")

    row(phone, alert).get_by_role("button", name="Comment…").click()
    dialog = phone.get_by_role("dialog", name="Acknowledge")
    dialog.get_by_label("Comment").fill("opened the valve")
    given = datetime.now(UTC)
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(row(phone, alert)).to_contain_text(re.compile(r"Acknowledged \d\d:\d\d, not sent yet"))
    expect(bar).to_contain_text("1 answer not sent yet")
    expect(row(phone, alert).get_by_role("button")).to_have_count(0)
    assert serious(phone) == []
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    phone.clock.install()
    phone.clock.fast_forward(60_000)  # the minute passes for the page
    expect(bar).to_contain_text(re.compile(r"\d+ (s|min)"))

    sent: list[str] = []
    phone.on("request", lambda request: sent.append(request.url) if f"/api/v1/alerts/{alert}/" in request.url else None)
    context.set_offline(False)
    phone.clock.fast_forward(15_000)
    expect(row(phone, alert)).to_contain_text("Acknowledged")
    expect(bar).not_to_contain_text("not sent yet")
    answered = [event for event in journal(colleague, alert) if event["what"] == "acknowledged"]
    assert [event["comment"] for event in answered] == ["opened the valve"]
    assert abs(datetime.fromisoformat(answered[0]["at"]) - given) < timedelta(seconds=3)
    assert len(sent) == 1
    end(phone, alert)


def test_who_was_second_is_told_who_was_first(phone: Page, context: BrowserContext, server: Server, colleague: Colleague) -> None:
    alert = tell(server, "belt-torn", "medium", "The belt is torn")
    phone.goto("/alerts")
    expect(row(phone, alert)).to_contain_text("The belt is torn")
    context.set_offline(True)
    expect(phone.locator(".later-bar")).to_contain_text("No connection")
    row(phone, alert).get_by_role("button", name="Acknowledge").click()
    expect(row(phone, alert)).to_contain_text("not sent yet")
    assert colleague.post(f"/api/v1/alerts/{alert}/acknowledge", json={"comment": "mine"}).status_code == 200
    context.set_offline(False)
    refusal = phone.locator(f'.later-refused[data-refused="alert {alert}"]')
    expect(refusal).to_contain_text(f"{colleague.name} acknowledged it before")
    phone.reload()
    expect(refusal).to_contain_text(f"{colleague.name} acknowledged it before")
    assert serious(phone) == []
    refusal.get_by_role("button", name="Dismiss").click()
    expect(refusal).to_have_count(0)
    end(phone, alert)


def test_a_page_opened_without_a_network_shows_what_it_showed_last(phone: Page, context: BrowserContext, server: Server) -> None:
    alert = tell(server, "oil-low", "low", "The oil is low")
    phone.goto("/alerts")
    phone.evaluate(UNTIL_KEPT)
    phone.reload()
    expect(row(phone, alert)).to_contain_text("The oil is low")
    context.set_offline(True)
    phone.reload()
    expect(row(phone, alert)).to_contain_text("The oil is low")
    expect(phone.locator("#shell-live")).to_contain_text("Connection lost since")
    expect(phone.locator(".later-bar")).to_contain_text("What you see is of")
    context.set_offline(False)
    expect(phone.locator(".later-bar")).to_be_hidden()
    phone.get_by_role("button", name="Acknowledge: The oil is low").click()
    expect(row(phone, alert)).to_contain_text("Acknowledged")
    end(phone, alert)


def test_nothing_of_a_person_stays_after_they_sign_out(browser: Browser, server: Server) -> None:
    context = browser.new_context(base_url=server.url, viewport=PHONE, service_workers="allow")
    page = context.new_page()
    sign_in(page)
    page.goto("/alerts")
    page.evaluate(UNTIL_KEPT)
    page.evaluate("document.querySelector('form[action=\"/sign-out\"]').requestSubmit()")
    page.wait_for_url("**/sign-in**")
    page.evaluate(UNTIL_GONE)
    context.set_offline(True)
    page.goto("/alerts")
    expect(page.get_by_role("heading", name="Andon cannot be reached")).to_be_visible()
    leave(context)


def test_it_can_be_installed(page: Page, server: Server) -> None:
    page.goto("/")
    manifest = httpx.get(server.url + page.locator('link[rel="manifest"]').get_attribute("href")).json()
    assert (manifest["display"], manifest["start_url"]) == ("standalone", "/")
    for icon in manifest["icons"]:
        answer = httpx.get(server.url + icon["src"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert int.from_bytes(answer.content[16:20]) == int(icon["sizes"].split("x")[0])
