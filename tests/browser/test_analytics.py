"""A process engineer's hand on the analytics pages: sensors added and left out, drag to zoom and back, frozen limits, a rule made of it."""

import re
import struct
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import settle
from tests.serving import wait_until

pytestmark = pytest.mark.requirement("UI-4")
TRENDS = "/analytics?sensors=MX-01:temperature&range=24h"
DATA = "document.querySelector('#analytics-chart-{} .js-plotly-plot').data"


def opened(page: Page, path: str, chart: str = "trends") -> Page:
    page.goto(path)
    settle(page)
    drawn(page, chart)
    return page


def drawn(page: Page, chart: str = "trends") -> None:
    page.wait_for_selector(f"#analytics-chart-{chart} .scatterlayer .trace", state="attached")


def query(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def strips(page: Page) -> int:
    return page.evaluate(f"new Set({DATA.format('trends')}.map((trace) => trace.yaxis || 'y')).size")


def points(page: Page) -> int:
    return page.evaluate(f"{DATA.format('trends')}.find((one) => ['mean', 'readings'].includes(one.name)).x.length")


@pytest.mark.requirement("AN-2", "UI-13")
def test_sensors_are_added_and_left_out_and_the_address_keeps_them(page: Page) -> None:
    opened(page, TRENDS)

    page.get_by_label("Add a sensor", exact=True).select_option("MX-02:vibration")

    page.wait_for_url("**sensors=MX-01:temperature,MX-02:vibration**")
    expect(page.get_by_role("list", name="Sensors that are shown").get_by_role("listitem")).to_have_count(2)
    page.wait_for_function(f"() => {DATA.format('trends')}.some((one) => one.yaxis === 'y2')")
    page.get_by_role("link", name="Leave out MX-01 Temperature").click()
    page.wait_for_url("**sensors=MX-02:vibration**")
    expect(page.locator(".picked")).to_have_text("MX-02 Vibration")
    page.go_back()
    page.wait_for_url("**sensors=MX-01:temperature,MX-02:vibration**")
    expect(page.get_by_role("list", name="Sensors that are shown").get_by_role("listitem")).to_have_count(2)


@pytest.mark.requirement("AN-2", "UI-13")
def test_a_drag_looks_closer_at_finer_readings_and_back_leads_out(page: Page) -> None:
    opened(page, TRENDS)
    box = page.locator("#analytics-chart-trends .nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2

    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.52, middle, steps=6)
    page.mouse.up()

    page.wait_for_url("**from=**")
    expect(page.locator("#trends-says")).to_contain_text("ingle readings")
    wait_until(lambda: strips(page) == 1)  # the words stand before the chart is drawn
    assert "range" not in query(page)
    back = page.get_by_role("button", name=re.compile("^Back"))
    expect(back).to_be_visible()
    back.click()
    page.wait_for_url("**range=24h**")
    expect(page.locator("#trends-says")).to_contain_text("Last 24 hours")


@pytest.mark.requirement("AN-2", "EX-1")
def test_an_earlier_time_is_drawn_beside_and_the_picture_and_the_numbers_are_saved(page: Page) -> None:
    opened(page, "/analytics?sensors=MX-01:temperature&range=8h")
    page.get_by_label("Beside it", exact=True).select_option("1d")
    page.wait_for_url("**compare=1d**")
    page.wait_for_function(f"() => {DATA.format('trends')}.some((one) => one.name === 'earlier')")

    with page.expect_download() as picture:
        page.get_by_role("button", name="Save “Trends” as PNG").click()
    with page.expect_download() as numbers:
        page.locator("a[title='Save the readings as CSV']").click()

    head = picture.value.path().read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:24])[0] == 2400
    lines = numbers.value.path().read_text().splitlines()
    assert lines[0].endswith("time,device,sensor,value,unit,quality,note")
    assert len(lines) > 100


@pytest.mark.requirement("AN-4", "UI-13")
def test_limits_are_frozen_and_let_go(page: Page) -> None:
    opened(page, "/analytics/control?sensor=MX-01:temperature&range=8h", "control-value")
    expect(page.get_by_role("table", name="Rules and how many points break them")).to_contain_text("9 points in a row on one side")

    page.get_by_role("link", name="Freeze these limits").click()
    page.wait_for_url("**base=**")
    expect(page.get_by_text("limits are frozen to")).to_be_visible()
    page.get_by_label("Rules", exact=True).select_option("western-electric")
    page.wait_for_url("**rules=western-electric**")
    assert "base" in query(page)
    expect(page.get_by_role("table", name="Rules and how many points break them")).to_contain_text("WE 4")
    page.get_by_role("link", name="Limits of the time that is shown").click()
    page.wait_for_function("() => !location.search.includes('base=')")


@pytest.mark.requirement("AN-3", "AN-1", "AN-5")
def test_the_tabs_lead_through_all_of_it(page: Page) -> None:
    opened(page, TRENDS)
    tabs = page.get_by_role("navigation", name="Analytics pages")
    tabs.get_by_role("link", name="Heatmaps").click()
    expect(page.get_by_role("heading", name="How the sensors of MX-01 move together")).to_be_visible()
    tabs.get_by_role("link", name="Statistics").click()
    expect(page.get_by_role("heading", name="Limits ahead")).to_be_visible()
    page.get_by_label("Device", exact=True).select_option("device-001")
    page.wait_for_url("**device=device-001**")
    expect(page.get_by_role("table", name="Statistics, last 24 hours")).to_contain_text("Temperature")
    tabs.get_by_role("link", name="Anomalies").click()
    drawn(page, "anomaly-score")
    page.get_by_label("Sensor", exact=True).select_option("vibration")
    page.wait_for_url("**sensor=vibration**")
    expect(page.get_by_role("heading", name="MX-01, Vibration: how unlike before")).to_be_visible()


@pytest.mark.requirement("AL-2", "AN-5", "AN-6")
def test_a_rule_is_made_of_unusual_behaviour_and_of_a_limit_ahead(page: Page) -> None:
    page.goto("/alerts/rules?rule=new")
    settle(page)
    kind = page.get_by_label("What raises an alert")
    kind.select_option("trend")
    expect(page.get_by_label("Reached within")).to_be_visible()
    expect(page.locator("input[name=high_high]")).to_be_hidden()
    kind.select_option("anomaly")
    expect(page.get_by_label("Reached within")).to_be_hidden()
    page.get_by_label("Sensitivity").select_option("low")
    page.locator('select[name="sensor"]').select_option("")
    expect(page.locator("#rule-sentence")).to_contain_text("behaves unlike the 24")
    page.locator("#rule-form input[name=name]").fill("Strange, says the test")

    page.get_by_role("button", name="Save", exact=True).click()

    page.wait_for_url("**/alerts/rules")
    row = page.get_by_role("row", name=re.compile("Strange, says the test"))
    expect(row).to_contain_text("low sensitivity")
    row.get_by_role("link").click()
    page.get_by_role("button", name="Remove …").click()
    page.get_by_role("button", name="Remove it").click()
    page.wait_for_url("**/alerts/rules")
    expect(page.get_by_role("row", name=re.compile("Strange, says the test"))).to_have_count(0)
