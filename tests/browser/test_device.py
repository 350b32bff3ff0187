"""The device page under a hand: drag to zoom and back, another sensor, what is posted moves the chart, both themes, pictures."""

import re
import struct
import time
from datetime import datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MINUTES, Held
from tests.browser.test_pages import settle
from tests.serving import KEY, OWNER, Server

pytestmark = pytest.mark.requirement("UI-2")
DEVICE = "drawn-by-the-test"  # nobody simulates it: what is posted stays
DATA = "document.querySelector('#device-live .js-plotly-plot').data"


@pytest.fixture(scope="module", autouse=True)
def _device(server: Server) -> None:
    form = {"username": OWNER[0], "password": OWNER[1]}
    token = httpx.post(f"{server.url}/api/v1/auth/login", data=form, timeout=20).json()["access_token"]
    wish = {"key": DEVICE, "sensors": [{"key": "temperature", "unit": "°C"}, {"key": "pressure", "unit": "bar"}]}
    answer = httpx.post(f"{server.url}/api/v1/devices", json=wish, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert answer.status_code == 201, answer.text
    post(server, "temperature", 70.0)


def post(server: Server, sensor: str, value: float) -> None:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1e6) % 1_000_000:06d}Z"
    reading = {"device_id": DEVICE, "sensor_type": sensor, "value": value, "timestamp": stamp}
    answer = httpx.post(f"{server.url}/api/v1/readings", json=reading, headers={"X-API-Key": KEY}, timeout=20)
    assert answer.status_code == 201, answer.text


def opened(page: Page, path: str) -> Page:
    page.goto(path)
    settle(page)
    page.wait_for_selector("#device-history .scatterlayer .trace", state="attached")
    return page


def says(page: Page) -> str:
    return page.inner_text("#device-history-says")


def drag(page: Page, start: float, end: float) -> None:
    """Over the history chart, between two shares of its width."""
    plot = page.locator("#device-history .nsewdrag")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 70, steps=6)
    page.mouse.up()


@pytest.mark.requirement("UI-2", "UI-13")
def test_dragging_zooms_into_finer_data_and_back_leads_out_again(page):
    opened(page, "/devices/MX-01?range=24h")
    assert "1 min mean with min–max" in says(page)
    drag(page, 0.5, 0.53)
    expect(page.locator("#device-history-says")).to_contain_text("Raw readings")
    assert re.search(r"from=2\d{3}-.*&to=2\d{3}-", page.url)
    page.get_by_role("button", name="Back to last 24 hours").click()
    expect(page.locator("#device-history-says")).to_contain_text("1 min mean")
    expect(page.get_by_role("button", name="Back to")).to_have_count(0)
    assert "range=24h" in page.url


@pytest.mark.requirement("UI-13")
def test_the_browsers_own_back_and_forward_go_through_the_zooms_without_a_new_page(page):
    opened(page, "/devices/MX-01?range=24h")
    page.evaluate("() => { window.drawing = document.querySelector('#device-live .main-svg') }")
    drag(page, 0.2, 0.6)
    expect(page.locator("#device-history-says")).not_to_contain_text("Last 24 hours")
    first = page.url
    page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_role("button", name="Back to")).to_be_visible()
    page.wait_for_url(lambda url: url != first)
    page.go_back()
    page.wait_for_url(first)
    page.go_back()
    expect(page.locator("#device-history-says")).to_contain_text("Last 24 hours")
    expect(page.get_by_role("button", name="24 h", exact=True)).to_have_attribute("aria-pressed", "true")
    page.go_forward()
    page.wait_for_url(first)
    expect(page.locator("#device-history-says")).not_to_contain_text("Last 24 hours")
    assert page.evaluate("() => window.drawing === document.querySelector('#device-live .main-svg')")


@pytest.mark.requirement("UI-13")
def test_a_range_that_is_chosen_before_the_first_answer_is_shown(page):
    held = Held(page, "device-history-source")
    page.goto("/devices/MX-01?range=24h")
    held.wait()
    page.get_by_role("button", name="8 h", exact=True).click()
    held.let_go()
    expect(page.locator("#device-history-says")).to_contain_text("Last 8 hours")
    assert "range=8h" in page.url


@pytest.mark.requirement("UI-13")
def test_a_minute_that_passes_while_a_range_is_asked_for_does_not_take_its_place(page):
    opened(page, "/devices/MX-01?range=24h")
    held = Held(page, '"changedPropIds":["device-view.data"]', "device-history-source")
    drag(page, 0.5, 0.53)
    held.wait()
    page.evaluate(MINUTES)
    page.wait_for_timeout(5_500)  # it looks each second whether one has passed
    held.let_go()
    expect(page.locator("#device-history-says")).to_contain_text("Raw readings")
    expect(page.locator(".history-frame.busy")).to_have_count(0)


@pytest.mark.requirement("UI-13")
def test_a_double_click_leads_back_too(page):
    opened(page, "/devices/MX-01?range=24h")
    drag(page, 0.3, 0.33)
    expect(page.locator("#device-history-says")).to_contain_text("Raw readings")
    page.get_by_role("button", name="Pause").click()  # nothing is drawn between the two clicks
    page.wait_for_timeout(500)
    page.locator("#device-history .nsewdrag").dblclick()
    expect(page.locator("#device-history-says")).to_contain_text("1 min mean")


@pytest.mark.requirement("UI-12", "UI-13")
def test_a_sensor_is_chosen_by_keyboard_and_stays_chosen(page):
    opened(page, "/devices/MX-01")
    button = page.get_by_role("group", name="Sensor").get_by_role("button", name="Vibration")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#device-live-title")).to_have_text("Vibration, last 15 minutes")
    expect(page.locator("#device-history-title")).to_have_text("Vibration, history")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert "sensor=vibration" in page.url
    page.reload()
    settle(page)
    expect(page.locator("#device-live-title")).to_have_text("Vibration, last 15 minutes")


@pytest.mark.requirement("UI-13", "UI-14")
def test_a_range_can_be_typed_and_what_is_none_is_said(page):
    opened(page, "/devices/MX-01")
    other = page.locator("#device-range summary", has_text="Other")
    other.click()
    field = page.get_by_label("Up to now")
    field.fill("banana")
    field.press("Enter")
    expect(page.locator("#device-history-note")).to_contain_text("“banana” is not a range")
    other.click()
    field.fill("last 36 hours")
    field.press("Enter")
    expect(page.locator("#device-history-says")).to_contain_text("Last 36 hours")
    expect(page.locator("#device-history-note")).to_be_hidden()
    page.wait_for_url("**range=36h")


@pytest.mark.requirement("UI-12", "UI-13")
def test_two_times_are_picked_with_the_keyboard_alone(page):
    opened(page, "/devices/MX-01?range=24h")
    page.locator("#device-range summary").nth(1).focus()
    page.keyboard.press("Enter")
    start = page.get_by_label("From", exact=True)
    before = start.input_value()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", before)
    end = page.get_by_label("To", exact=True)
    end.fill(before)
    page.keyboard.press("Enter")
    expect(page.locator("#range-error")).to_have_text("The end must be after the beginning.")
    expect(start).to_be_focused()
    end.fill(before[:-2] + "59")
    start.fill(before[:-2] + "00")
    page.keyboard.press("Enter")
    expect(page.locator("#device-history-says")).to_contain_text(":59:00")
    assert re.search(r"from=[0-9TZ:-]{17}&to=[0-9TZ:-]{17}$", page.url)  # whole minutes, and nothing escaped
    expect(page.locator("#device-range summary").nth(1)).to_be_focused()


@pytest.mark.requirement("UI-13", "PR-3")
def test_shifts_are_ranges_and_stepping_goes_from_shift_to_shift(page):
    opened(page, "/devices/MX-01?range=24h")
    menu = page.locator("#device-range summary", has_text="Shift")
    menu.click()
    page.get_by_role("button", name="Last night shift").click()
    expect(page.locator("#device-history-says")).to_contain_text("Night shift of")
    assert page.url.endswith("range=last-night-shift")
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator("#device-history-says")).to_contain_text("Late shift of")
    assert re.search(r"range=Late@\d{4}-\d\d-\d\d$", page.url)
    page.get_by_role("button", name="Later", exact=True).click()
    expect(page.locator("#device-history-says")).to_contain_text("Night shift of")
    page.reload()
    settle(page)
    expect(page.locator("#device-history-says")).to_contain_text("Night shift of")
    menu.click()
    page.get_by_role("combobox", name="Shift").select_option("Early")
    page.get_by_role("button", name="Show this shift").click()
    expect(page.locator("#device-history-says")).to_contain_text("Early shift of")


@pytest.mark.requirement("UI-13")
def test_a_step_is_as_long_as_the_range_and_now_leads_back_to_live(page):
    opened(page, "/devices/MX-01?range=1h")
    later, now = page.get_by_role("button", name="Later", exact=True), page.get_by_role("button", name="Now")
    expect(later).to_be_disabled()
    expect(now).to_be_disabled()
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator("#device-history-says")).not_to_contain_text("Last 1 hour")
    start, end = (text[:16] for text in re.findall(r"=(2\d{3}-[^&]+)", page.url))
    assert datetime.fromisoformat(end) - datetime.fromisoformat(start) == timedelta(hours=1)
    now.click()
    expect(page.locator("#device-history-says")).to_contain_text("Last 1 hour")
    assert page.url.endswith("range=1h")


@pytest.mark.requirement("UI-13")
def test_the_page_of_readings_stands_in_the_address(page):
    opened(page, "/devices/MX-01?range=24h")
    older = page.get_by_role("button", name="Older")
    for number in (2, 3):
        older.click()
        page.wait_for_url(f"**page={number}*")
    page.goto(page.url)
    settle(page)
    expect(page.locator("#device-readings")).to_contain_text("51 to 75")
    page.get_by_role("button", name="Newest").click()
    page.wait_for_url(lambda url: "page=" not in url)


@pytest.mark.requirement("UI-2", "UI-14")
def test_what_is_posted_moves_the_chart_and_nothing_jumps(page, server):
    opened(page, f"/devices/{DEVICE}")
    page.evaluate("() => { window.drawing = document.querySelector('#device-live .main-svg') }")
    axis = page.evaluate("() => document.querySelector('#device-live .js-plotly-plot').layout.yaxis.range")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if "_dash-update" in request.url else None)
    post(server, "temperature", 70.25)
    page.wait_for_function(f"() => {DATA}[0].y.includes(70.25)")
    assert page.evaluate(f"() => {DATA}[1].y") == [70.25]  # the last point is marked
    expect(page.get_by_role("meter", name="Temperature")).to_contain_text("70.3")
    assert page.evaluate("() => window.drawing === document.querySelector('#device-live .main-svg')")
    assert page.evaluate("() => document.querySelector('#device-live .js-plotly-plot').layout.yaxis.range") == axis
    post(server, "temperature", 95.0)
    page.wait_for_function(f"() => {DATA}[0].y.includes(95)")
    assert page.evaluate("() => document.querySelector('#device-live .js-plotly-plot').layout.yaxis.range[1]") >= 95
    assert max(len(body) for body in asked) < 3000  # no figure goes up


@pytest.mark.requirement("UI-12")
def test_switching_the_theme_repaints_the_charts_without_asking_the_server(page):
    opened(page, "/devices/MX-02?range=24h")
    colour = "id => document.querySelector(`#${id} .js-plotly-plot`).data.find((trace) => trace.line && trace.line.color).line.color"
    before = [page.evaluate(colour, one) for one in ("device-live", "device-history")]
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(1500)
    asked: list[str] = []
    bell = "shell-alerts-held"  # goes on while live values are paused
    page.on("request", lambda request: None if bell in (request.post_data or "") else asked.append(request.url))
    page.get_by_role("button", name="theme").first.click()
    page.wait_for_function(f"before => ({colour})('device-history') !== before", arg=before[1])
    assert page.evaluate(colour, "device-live") != before[0]
    assert asked == []


@pytest.mark.requirement("EX-1")
@pytest.mark.parametrize("chart", ["live", "history"])
def test_a_chart_is_saved_as_a_named_picture_at_twice_its_size(page, tmp_path, chart):
    opened(page, "/devices/MX-01?range=24h")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=f"Save the {chart} chart as PNG").click()
    moment = r"\d{4}-\d\d-\d\dT\d{4}Z"
    assert re.fullmatch(rf"MX-01_temperature_{chart}_{moment}_{moment}\.png", waiting.value.suggested_filename)
    file = tmp_path / "chart.png"
    waiting.value.save_as(file)
    head = file.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert struct.unpack(">II", head[16:24]) == (2400, 960)


@pytest.mark.requirement("EX-1")
def test_the_range_that_is_shown_is_the_range_that_is_exported(page):
    opened(page, "/devices/MX-01?range=1h")
    with page.expect_download() as waiting:
        page.locator("#device-csv").click()
    lines = waiting.value.path().read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("time,device,sensor,value")
    assert waiting.value.suggested_filename.startswith("MX-01_temperature_")
    assert len(lines) > 1000  # an hour, every 2 s


@pytest.mark.requirement("UI-12", "UI-13")
def test_the_list_is_searched_and_sorted_and_the_address_says_how(page):
    page.goto("/devices")
    settle(page)
    page.get_by_role("searchbox").fill("assembly-line")
    page.get_by_role("button", name="Device").click()
    page.get_by_role("button", name="Device").click()
    rows = page.locator(".device-table tbody th a")
    assert rows.all_inner_texts() == [f"device-00{number}" for number in (5, 4, 3, 2, 1)]
    expect(page.locator("thead .dt-device")).to_have_attribute("aria-sort", "descending")
    page.reload()
    settle(page)
    assert rows.all_inner_texts()[0] == "device-005"
    rows.first.click()
    page.wait_for_url("**/devices/device-005")
    settle(page)
