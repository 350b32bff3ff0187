"""Channels and escalation policies under a hand: add one, test it, see what became of it, make a policy, take both away."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import serious, settle, sideways, themed
from tests.integration.notices import Webhook, webhook

pytestmark = pytest.mark.requirement("AL-5", "UI-3")


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as opened:
        yield opened


def remove(page: Page, path: str, name: str) -> None:
    page.goto(path)
    settle(page)
    page.get_by_role("button", name=f"Remove: {name}").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("heading", name=name)).to_have_count(0)


def test_a_channel_is_added_tested_and_removed(page: Page, hook: Webhook) -> None:
    page.goto("/alerts/channels")
    settle(page)
    page.get_by_role("link", name="Add a channel").first.click()
    page.get_by_role("link", name="Webhook").click()
    page.get_by_label("Name").fill("Test desk")
    page.get_by_label("Web address").fill("http://169.254.169.254/latest")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is not a public address")).to_be_visible()
    expect(page.get_by_label("Web address")).to_be_focused()

    page.get_by_label("Web address").fill(f"{hook.url}/T0p5ecret")
    page.get_by_text("Names that may be used").scroll_into_view_if_needed()
    page.get_by_role("button", name="Save and send a test").click()
    expect(page.get_by_text("Saved. The test was taken at")).to_be_visible()
    assert hook.titles() == ["Test from Demo plant"]
    assert "T0p5ecret" not in page.content()

    hook.status = 401
    page.get_by_role("link", name="Back").click()
    button = page.get_by_role("button", name="Send a test: Test desk")
    button.evaluate("(element) => { window.pressed = element }")
    hook.gate.clear()  # a service that takes its time: the list is drawn anew meanwhile
    button.click()
    page.wait_for_function("() => !window.pressed.isConnected")
    hook.gate.set()
    expect(page.locator("#channels-said")).to_contain_text("the service answered 401")
    expect(page.locator("#channels")).to_contain_text("Failing")
    expect(page.locator("#channels-log tbody tr").first).to_contain_text("Failed: the service answered 401")
    page.get_by_label("What became of it").select_option("sent")
    expect(page.locator("#channels-log tbody tr").first).to_contain_text("Sent")

    page.get_by_role("button", name="Switch off: Test desk").click()
    expect(page.locator("#channels-said")).to_have_text("Test desk is off.")
    expect(page.get_by_role("button", name="Switch on: Test desk")).to_be_visible()
    remove(page, "/alerts/channels", "Test desk")


@pytest.mark.requirement("AL-4")
def test_a_policy_is_made_in_steps_and_removed(page: Page, hook: Webhook) -> None:
    page.goto("/alerts/channels?channel=new&kind=webhook")
    settle(page)
    page.get_by_label("Name").fill("Night desk")
    page.get_by_label("Web address").fill(hook.url)
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/alerts/channels")
    expect(page.get_by_text("Nobody is told yet")).to_be_visible()
    page.get_by_role("link", name="To the policies").click()
    page.get_by_role("link", name="Make a policy").first.click()
    page.get_by_label("Name", exact=True).fill("Nights")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Step 1: choose at least one channel, person or role.")).to_be_visible()

    steps = page.locator("fieldset.step")
    steps.nth(0).get_by_label("Night desk").check()
    page.get_by_role("button", name="Add a step").click()
    expect(steps.nth(1)).to_be_visible()
    steps.nth(1).get_by_label("Managers").check()
    steps.nth(1).get_by_label("When nobody has acknowledged it after").fill("2,5")
    page.get_by_label("Remind every").fill("15")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/alerts/policies")
    policy = page.locator(".policy", has_text="Nights")
    expect(policy).to_contain_text("At once: Night desk")
    expect(policy).to_contain_text("After 2 min: Managers")
    expect(policy).to_contain_text("Reminded every 15 min until somebody acknowledges it.")

    remove(page, "/alerts/policies", "Nights")
    remove(page, "/alerts/channels", "Night desk")


@pytest.mark.requirement("UI-12")
@pytest.mark.parametrize("path", ["/alerts/channels", "/alerts/channels?channel=new", "/alerts/channels?channel=new&kind=email",
                                  "/alerts/channels?channel=new&kind=chat", "/alerts/policies", "/alerts/policies?policy=new"])  # fmt: skip
def test_the_pages_are_accessible_on_a_phone_and_a_laptop_in_both_themes(page: Page, path: str) -> None:
    page.goto(path)
    settle(page)
    found = []
    for width, height in ((390, 844), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            themed(page, theme)
            found += [f"{width} px, {theme}: {line}" for line in serious(page)]
            if (over := sideways(page)) > 0:
                found.append(f"{width} px, {theme}: {over} px too wide")
    assert found == []
