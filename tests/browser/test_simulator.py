"""The simulator in a real browser: what is done to a machine is seen on the overview, by keyboard too, and all is as it was afterwards."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import serious, themed

pytestmark = pytest.mark.requirement("IN-6", "UI-6")


@pytest.fixture
def simulator(page: Page) -> Iterator[Page]:
    """The page, and everything as it was at the end."""
    page.goto("/simulator")
    expect(page.locator(".sim-device")).to_have_count(8)
    yield page
    page.keyboard.press("Escape")
    page.goto("/simulator")
    page.get_by_role("button", name="Reset all").click()
    expect(page.locator("#simulator-said")).to_contain_text("as they were")
    page.unroute_all(behavior="ignoreErrors")


def device(page: Page, key: str):
    return page.locator(".sim-device").filter(has=page.get_by_role("link", name=key))


def let_happen(page: Page, key: str, what: str, minutes: str) -> None:
    device(page, key).get_by_role("button", name="Let something happen").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(what, exact=True).click()
    dialog.get_by_label("For how long").fill(minutes)
    dialog.get_by_role("button", name="Let it happen").click()


def test_an_injected_breakdown_is_on_the_page_and_on_the_overview_within_seconds(simulator):
    let_happen(simulator, "MX-01", "Breakdown", "3")
    expect(simulator.get_by_role("dialog")).not_to_be_visible()
    expect(device(simulator, "MX-01")).to_contain_text("Broken down")
    expect(device(simulator, "MX-01")).to_contain_text(re.compile(r"Repaired at \d\d:\d\d:\d\d, in"))
    simulator.goto("/")
    card = simulator.locator(".device").filter(has_text="MX-01")
    expect(card).to_contain_text(re.compile("Fault|Above"))  # it may be too hot besides, by itself
    expect(simulator.locator(".card.attention")).to_contain_text("MX-01")


def test_a_stopped_device_sends_nothing_until_it_is_started(simulator):
    here = device(simulator, "device-003")
    here.get_by_role("button", name="Stop", exact=True).click()
    expect(here).to_contain_text("Stopped by hand")
    expect(here).to_contain_text("grows stale")
    expect(here.get_by_role("button", name="Start", exact=True)).to_be_visible()
    simulator.reload()
    expect(device(simulator, "device-003")).to_contain_text("Stopped by hand")
    device(simulator, "device-003").get_by_role("button", name="Start", exact=True).click()
    expect(device(simulator, "device-003").get_by_role("button", name="Stop", exact=True)).to_be_visible()
    expect(device(simulator, "device-003")).not_to_contain_text("Stopped by hand")


def test_another_speed_is_kept(simulator):
    choice = device(simulator, "device-001").get_by_label("Speed")
    choice.select_option("10")
    expect(simulator.locator("#simulator-said")).to_have_text("device-001 sends every 10 s.")
    simulator.reload()
    expect(device(simulator, "device-001").get_by_label("Speed")).to_have_value("10")


def test_what_cannot_be_is_said_beside_the_field(simulator):
    let_happen(simulator, "device-001", "Anomaly", "a while")
    dialog = simulator.get_by_role("dialog")
    expect(dialog).to_contain_text("A number is expected")
    expect(dialog.get_by_label("For how long")).to_be_focused()
    assert serious(simulator) == []


def test_the_keyboard_alone_lets_a_fault_happen_and_the_focus_comes_back(simulator):
    button = device(simulator, "MX-03").get_by_role("button", name="Let something happen")
    button.focus()
    simulator.keyboard.press("Enter")
    expect(simulator.get_by_role("dialog")).to_be_visible()
    simulator.get_by_role("radio", name="Fault").focus()
    simulator.keyboard.press("Enter")  # sends the form
    expect(simulator.get_by_role("dialog")).not_to_be_visible()
    expect(device(simulator, "MX-03")).to_contain_text(re.compile("Fault|Broken down"))  # it may break by itself
    expect(button).to_be_focused()


@pytest.mark.requirement("UI-12")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_keeps_anybody_out_and_nothing_runs_over_the_edge(simulator, scheme, width):
    simulator.set_viewport_size({"width": width, "height": 844})
    themed(simulator, scheme)
    assert serious(simulator) == []
    assert simulator.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    simulator.locator("#simulator-remove").click()
    expect(simulator.get_by_role("dialog")).to_contain_text("A restart does not bring it back")
    assert serious(simulator) == []
    simulator.get_by_role("button", name="Cancel").click()
    expect(simulator.get_by_role("dialog")).not_to_be_visible()
