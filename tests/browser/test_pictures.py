"""What is drawn without plotly, as files: timelines and heatmaps as PNG of their whole card, their points as CSV; and cells by keyboard."""

import csv
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.test_pages import settle

PLACES = {
    "/": 2, "/devices/MX-01": 1, "/oee?range=yesterday": 1, "/production?range=24h": 1, "/analytics/heatmaps": 3,
}  # fmt: skip


def saved(page: Page, button: str, number: int = 0) -> Path:
    with page.expect_download() as download:
        page.locator(button).nth(number).click()
    return Path(download.value.path())


@pytest.mark.requirement("EX-1")
@pytest.mark.parametrize("phone", [False, True], ids=["laptop", "phone"])
@pytest.mark.parametrize("path", PLACES)
def test_every_timeline_and_heatmap_is_saved_whole_as_a_picture(page, path, phone):
    if phone:
        page.set_viewport_size({"width": 390, "height": 844})
    page.goto(path)
    settle(page)
    expect(page.locator("[data-picture]")).to_have_count(PLACES[path])
    for number in range(PLACES[path]):
        with Image.open(saved(page, "[data-picture]", number)) as picture:
            pixels = picture.convert("RGB")
        charted = page.locator(".card", has=page.locator("[data-picture]")).nth(number).locator(".js-plotly-plot").count()
        assert pixels.width >= (700 if charted else 2400), "as wide as on a screen, and sharp"
        colours = pixels.resize((200, 200)).getcolors(40_000)
        assert len(colours) > 20, "something is drawn"
        corner = pixels.getpixel((pixels.width - 2, pixels.height - 2))
        assert min(corner) > 200, "on the ground of the theme"
    expect(page.locator(".picture-stage")).to_have_count(0)


@pytest.mark.requirement("EX-1")
def test_a_timeline_and_the_activity_of_the_overview_are_saved_as_points(page):
    page.goto("/")
    settle(page)
    for chart, head, least in (
        ("overview-timeline", ["machine", "state", "from", "to", "what"], 3),
        ("overview-activity", ["device", "hour from", "value", "of"], 24),
    ):
        with saved(page, f"[data-chart-csv={chart}]").open(encoding="utf-8-sig", newline="") as file:
            first, *rows = list(csv.reader(file))
        assert first == head
        assert len(rows) >= least
        assert any(row[0] == "MX-01" for row in rows)


@pytest.mark.requirement("EX-1")
def test_a_picture_whose_script_does_not_come_says_so_and_can_be_tried_again(context):
    page = context.new_page()  # not watched: the browser writes the 503 to its console
    page.route("**/vendor/html-to-image.js", lambda route: route.fulfill(status=503))
    page.goto("/devices/MX-01")
    settle(page)
    button = page.locator("[data-picture]")
    button.click()
    expect(button).to_have_text("Not saved: try again")
    page.unroute_all()
    expect(button).to_have_text("PNG")
    assert saved(page, "[data-picture]").stat().st_size > 5_000


@pytest.mark.requirement("UI-4", "UI-12")
def test_cells_of_oee_are_gone_through_by_arrow_keys_and_opened_by_enter(page):
    page.goto("/oee?range=yesterday")  # stands still: no minute draws it anew
    settle(page)
    cells = page.locator(".oee-heat tbody td")
    assert page.locator(".oee-heat tbody td[tabindex='0']").count() == 1
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    at = page.evaluate("() => [document.activeElement.cellIndex, document.activeElement.parentElement.sectionRowIndex]")
    assert at == [2, 1]
    assert page.locator(".oee-heat tbody td[tabindex='0']").count() == 1
    machine = page.locator(".oee-heat tbody tr").nth(1).locator("th").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**machine={machine}*")
    assert "from=" in page.url
