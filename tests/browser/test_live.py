"""From a post to the eye: what a machine sends is on an open page at once, and what is old is never shown as live."""

import statistics
import time
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Page

from tests.browser.test_pages import settle
from tests.serving import KEY, OWNER

WATCH = """() => {
  window.seen = {};
  const look = () => { const text = document.body.innerText; for (const want of window.wanted || [])
    if (!(want in window.seen) && text.includes(want)) window.seen[want] = Date.now(); };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


DEVICE = "press-of-the-test"  # nobody simulates it: what is posted stays


@pytest.fixture(scope="module", autouse=True)
def press(server) -> None:
    form = {"username": OWNER[0], "password": OWNER[1]}
    token = httpx.post(f"{server.url}/api/v1/auth/login", data=form, timeout=20).json()["access_token"]
    wish = {"key": DEVICE, "sensors": [{"key": "temperature", "unit": "°C"}]}
    answer = httpx.post(f"{server.url}/api/v1/devices", json=wish, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert answer.status_code == 201, answer.text


def post(server, content: object) -> httpx.Response:
    answer = httpx.post(f"{server.url}/api/v1/readings", json=content, headers={"X-API-Key": KEY}, timeout=20)
    assert answer.status_code == 201, answer.text
    return answer


def payload(shape: str, value: float) -> object:
    stamp = datetime.now(UTC).isoformat()
    wide = {"machine_id": DEVICE, "temperature": value, "timestamp": stamp}
    narrow = {"device_id": DEVICE, "sensor_type": "temperature", "value": value, "unit": "°C", "timestamp": stamp}
    camel = {"deviceId": DEVICE, "timestamp": stamp, "sensorType": "temperature", "value": value, "unit": "celsius",
             "location": "assembly-line-1", "status": "active"}  # fmt: skip
    return {"wide": wide, "narrow": narrow, "camelCase": camel, "a list": [narrow]}[shape]


def wait_for_value(page: Page, text: str) -> float:
    """When the text was first on the page, in seconds since 1970."""
    page.wait_for_function("want => want in window.seen", arg=text, polling=20)
    return page.evaluate("want => window.seen[want]", text) / 1000


@pytest.mark.requirement("IN-1", "IN-2", "UI-1")
def test_each_payload_shape_is_on_an_open_overview_in_under_a_second_at_the_median(page, server):
    page.goto("/")
    settle(page)
    page.evaluate(WATCH)
    delays: dict[str, list[float]] = {}
    number = 0
    for _ in range(4):
        for shape in ("wide", "narrow", "camelCase", "a list"):
            number += 1
            value = 1000.5 + number  # nothing else on the page says this
            text = f"{value:,.1f}"
            page.evaluate("want => { window.wanted = [...(window.wanted || []), want]; }", text)
            began = time.time()
            post(server, payload(shape, value))
            delays.setdefault(shape, []).append(wait_for_value(page, text) - began)
            page.wait_for_timeout(200 * (number % 5))  # every moment between two ticks
    for shape, taken in delays.items():
        assert statistics.median(taken) < 1.0, (shape, taken)


@pytest.mark.requirement("UI-14")
def test_paused_shows_nothing_new_until_it_is_live_again(page, server):
    page.goto("/")
    settle(page)
    page.get_by_role("button", name="Pause").first.click()
    page.wait_for_timeout(1500)
    page.evaluate(WATCH)
    page.evaluate("() => { window.wanted = ['2,345.5']; }")
    post(server, payload("wide", 2345.5))
    page.wait_for_timeout(2500)
    assert page.evaluate("() => window.seen") == {}
    page.get_by_role("button", name="Resume").or_(page.get_by_role("button", name="Go live")).first.click()
    page.wait_for_function("() => document.body.innerText.match(/Live/)")
