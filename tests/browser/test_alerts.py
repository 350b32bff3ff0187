"""The operator's morning on a phone: what waits, answered for with a thumb; and a new alert that is told of on any page."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Watch, leave, sign_in
from tests.browser.test_pages import serious
from tests.serving import KEY, Server

pytestmark = pytest.mark.requirement("AL-6", "UI-3")
PHONE = {"width": 390, "height": 844}


def tell(server: Server, code: str, severity: str, message: str) -> int:
    """Another system tells of an alert on a machine."""
    told = {"machine_id": "MX-03", "code": code, "severity": severity, "message": message}
    answer = httpx.post(f"{server.url}/api/v1/alerts", json=told, headers={"X-API-Key": KEY}, timeout=30)
    assert answer.status_code in (200, 201), answer.text
    return int(answer.json()["id"])


def row(page: Page, alert: int) -> Locator:
    return page.locator(f'.alert-item[data-alert="{alert}"]')


def end(page: Page, alert: int) -> None:
    """Leaves the plant as it was."""
    page.goto(f"/alerts/{alert}")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator("#alert-buttons button", has_text="Acknowledge")).to_have_count(0)
    expect(page.locator("#alert-body")).to_contain_text("Returned to normal")
    if page.get_by_role("button", name="End shelving").count():
        page.get_by_role("button", name="End shelving").click()


@pytest.fixture
def phone(browser: Browser, server: Server) -> Iterator[Page]:
    """A phone on which nobody has signed in yet."""
    context = browser.new_context(base_url=server.url, viewport=PHONE, has_touch=True)
    opened = context.new_page()
    watch = Watch(opened, urlsplit(server.url).netloc)
    yield opened
    watch.check()
    leave(context)


def test_the_operators_morning(phone, server):
    belt, press = tell(server, "belt-slow", "medium", "The belt is slow"), tell(server, "press-hot", "critical", "The press is hot")
    sign_in(phone)
    phone.get_by_role("navigation", name="Places").get_by_role("link", name="Alerts").tap()
    expect(phone.locator(".alert-item").first).to_have_class(re.compile("unanswered"))
    expect(phone.locator(".alert-item").first.locator(".mark")).to_have_class("mark critical")
    assert serious(phone) == []

    row(phone, press).get_by_role("button", name="Comment…").tap()
    dialog = phone.get_by_role("dialog", name="Acknowledge")
    dialog.get_by_label("Comment").fill("opening the valve")
    assert serious(phone) == []
    dialog.get_by_role("button", name="Acknowledge").tap()
    expect(row(phone, press)).to_contain_text("Acknowledged")

    row(phone, belt).get_by_role("button", name="Shelve").tap()
    dialog = phone.get_by_role("dialog", name="Shelve")
    dialog.get_by_role("button", name="30 min").tap()
    expect(dialog.get_by_text("Say why")).to_be_visible()
    dialog.get_by_role("button", name="Chattering").tap()
    dialog.get_by_role("button", name="30 min").tap()
    expect(phone.get_by_role("list", name="Silent alerts").locator(f'[data-alert="{belt}"]')).to_contain_text("“Chattering”")
    assert all(box["height"] >= 44 for box in phone.evaluate(BUTTONS))

    row(phone, press).get_by_role("link", name="The press is hot").tap()
    expect(phone.locator(".alert-events")).to_contain_text("“opening the valve”")
    expect(phone.locator(".alert-events")).to_contain_text("by an administrator of Andon")  # whose account is not one of the demo plant
    assert serious(phone) == []
    end(phone, press)
    phone.goto(f"/alerts/{belt}")
    expect(phone.locator(".alert-events")).to_contain_text("Shelved")
    expect(phone.locator(".alert-events")).to_contain_text("“Chattering”")
    phone.get_by_role("button", name="Acknowledge").tap()
    end(phone, belt)
    phone.goto("/alerts/history?device=MX-03")
    expect(phone.locator("#alert-history")).to_contain_text("The press is hot")
    expect(phone.locator("#alert-history")).to_contain_text("The belt is slow")


BUTTONS = """() => [...document.querySelectorAll('.alert-actions > button')].map((one) => one.getBoundingClientRect().toJSON())"""


@pytest.mark.requirement("UI-3")
def test_a_new_alert_is_told_of_on_any_page_and_leads_there(page, server):
    page.goto("/preferences")
    expect(page.locator("#shell-bell")).to_be_visible()
    expect(page.locator(".alert-toast")).to_have_count(0)
    alert = tell(server, "guard-open", "high", "The guard is open")
    toast = page.locator(f'.alert-toast[data-alert="{alert}"]')
    expect(toast).to_contain_text("The guard is open")
    toast.hover()  # it stays while somebody is at it
    assert serious(page, ".toasts") == []
    expect(page).to_have_title(re.compile(r"^\(\d+\) Preferences"))
    expect(page.locator("#shell-bell")).to_have_attribute("data-count", re.compile(r"[1-9]"))
    toast.get_by_role("link").click()
    expect(page.locator("#shell-title")).to_have_text("The guard is open, MX-03")
    page.get_by_role("button", name="Acknowledge:").first.click()
    expect(page.locator(".alert-events")).to_contain_text("Acknowledged")
    page.get_by_role("button", name="Out of service…").click()
    dialog = page.get_by_role("dialog", name="Out of service: nobody is told")
    dialog.get_by_label("Why").fill("the guard is being replaced")
    dialog.get_by_role("button", name="Out of service", exact=True).click()
    expect(page.locator(".alert-events")).to_contain_text("“the guard is being replaced”")
    page.get_by_role("button", name="Back into service").click()
    expect(page.get_by_role("button", name="Back into service")).to_have_count(0)
    end(page, alert)
