"""The manager's morning: how did the alarms do, what would a better rule have raised, when is the machine in service again."""


import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import serious, settle, sideways

pytestmark = pytest.mark.requirement("AL-7", "AL-8", "UI-3")
PNG = b"\x89PNG\r\n\x1a\n"


def test_a_manager_reads_the_performance_and_saves_figures_and_chart(page: Page) -> None:
    page.goto("/alerts/performance?range=7d")
    settle(page)
    expect(page.get_by_role("heading", name="Announcements per hour and operator")).to_be_visible()
    expect(page.locator("#alarm-chart-rate")).to_contain_text("target 6")
    page.get_by_label("Operators who share the alerts").select_option("2")
    page.wait_for_url("**operators=2**")
    expect(page.get_by_role("table", name="Every figure")).to_contain_text("Most in 10 minutes per operator")

    with page.expect_download() as csv:
        page.get_by_role("link", name="CSV").click()
    text = csv.value.path().read_text("utf-8-sig")
    assert text.startswith("from,to,operators,figure,value,unit,target,met")
    assert ",2,Announcements," in text
    with page.expect_download() as png:
        page.get_by_role("button", name="Save “Announcements per hour and operator” as PNG").click()
    assert png.value.path().read_bytes().startswith(PNG)
    page.get_by_role("button", name="24 h", exact=True).click()
    page.wait_for_url("**range=24h**")
    expect(page.get_by_role("heading", name="Announcements per 10 minutes and operator")).to_be_visible()


def test_a_rule_is_tried_on_what_is_stored_then_made_changed_and_removed(page: Page) -> None:
    page.goto("/alerts/rules")
    settle(page)
    page.get_by_role("link", name="Make a rule").click()
    page.locator("input[name=name]:visible").fill("Warm press")
    page.locator("select[name=sensor]").select_option("temperature")
    place = page.locator("select[name=where]")
    place.select_option(place.locator("option", has_text="MX-01").first.get_attribute("value"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Give an upper or a lower limit.")).to_be_visible()
    page.locator("input[name=high]").fill("40")
    page.locator("input[name=deadband]").fill("5")
    page.locator("input[name=on_delay_s]").fill("10")
    expect(page.locator("#rule-sentence")).to_contain_text(
        "High when Temperature is above 40\u202f°C for 10\u202fs; ends at 35\u202f°C or below."
    )

    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#trial-summary")).to_contain_text("In the last 7 days it would have raised")
    expect(page.locator("#trial-title")).to_contain_text("limit 40\u202f°C")
    expect(page.locator("#alarm-chart-trial .scatterlayer path").first).to_be_attached()
    assert serious(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert sideways(page) <= 0
    page.set_viewport_size({"width": 1280, "height": 800})

    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/alerts/rules")
    page.get_by_role("link", name="Warm press").click()
    page.locator("input[name=high]").fill("9000")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#trial-summary")).to_contain_text("it would have raised 0 alerts")
    page.get_by_role("button", name="Switch off").click()
    page.wait_for_url("**/alerts/rules")
    page.get_by_role("link", name="Warm press").click()
    history = page.get_by_role("table", name="Versions of the rule")
    expect(history).to_contain_text("Switched off")
    expect(history).to_contain_text("Made")
    page.get_by_role("button", name="Remove …").click()
    page.get_by_role("button", name="Remove it").click()
    page.wait_for_url("**/alerts/rules")
    expect(page.get_by_role("table", name="Rules")).to_be_visible()
    expect(page.get_by_role("link", name="Warm press")).to_have_count(0)


def test_a_window_is_planned_and_taken_back(page: Page) -> None:
    page.goto("/alerts/maintenance")
    settle(page)
    page.get_by_role("button", name="Plan it").click()
    expect(page.get_by_text("Nothing is planned")).to_be_visible()
    page.locator("input[name=reason]").fill("Yearly service of the drive")
    page.get_by_role("button", name="Plan it").click()
    expect(page.get_by_text("Yearly service of the drive")).to_be_visible()
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_text("Yearly service of the drive")).to_have_count(0)
