"""Last year's data on the first day: files of the usual shapes are dropped, understood, checked, stored, taken back, and stored again."""

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import leave
from tests.browser.test_pages import serious, sideways

pytestmark = pytest.mark.requirement("IN-5", "UI-6")
RIG = "valve-rig-of-the-test"
OVEN = "oven-of-the-test"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test rig's log: semicolons, ten columns, one row a second."""
    start = datetime(2020, 3, 9, 10, 14, 33)
    names = "datetime;Accelerometer1RMS;Accelerometer2RMS;Current;Pressure;Temperature;Thermocouple;Voltage;Volume Flow RateRMS;anomaly"
    lines = [names]
    for i in range(400):
        waves = [f"{base + size * math.sin(i / 17 + base):.5f}" for base, size in
                 ((0.027, 0.001), (0.04, 0.002), (1.1, 0.3), (0.2, 0.15), (71.5, 2.0), (25.4, 0.4), (231.0, 9.0), (32.2, 0.5))]  # fmt: skip
        lines.append(";".join([f"{start + timedelta(seconds=i):%Y-%m-%d %H:%M:%S}", *waves, "0.0"]))
    file = tmp_path_factory.mktemp("files") / f"{RIG}.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture(scope="module")
def oven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One value every five minutes for a month, with an hour that comes twice and differs: twelve conflicts."""
    start = datetime(2014, 1, 20, 21, 15)
    moments = [start + timedelta(minutes=5 * i) for i in range(2_000)]
    moments[1_000:1_000] = moments[988:1_000]
    lines = [f"{moment},{80 + 12 * math.sin(i / 40):.4f}" for i, moment in enumerate(moments)]
    file = tmp_path_factory.mktemp("files") / f"{OVEN}.csv"
    file.write_text("timestamp,value\n" + "\n".join(lines) + "\n")
    return file


@pytest.fixture(autouse=True)
def _as_it_was(context) -> Iterator[None]:
    """Whatever a test imported is taken back."""
    yield
    page = context.new_page()
    page.goto("/import")
    page.wait_for_selector("#imports-history")
    names = page.locator("#imports-history tbody tr").all_inner_texts()
    links = page.locator("#imports-history tbody th a")
    paths = [links.nth(at).get_attribute("href") for at, name in enumerate(names) if "undone" not in name]
    for path in paths:
        page.goto(path)
        page.wait_for_selector(".import-head")
        if page.get_by_role("button", name="Undo the import").count():
            undo(page)
        else:
            page.get_by_role("button", name=re.compile("Throw")).click()
            page.wait_for_url("**/import")
    leave(page)


def choose(page: Page, file: Path) -> None:
    """By the button, from the keyboard alone."""
    page.goto("/import")
    button = page.get_by_role("button", name="Choose a file")
    with page.expect_file_chooser() as chooser:
        button.press("Enter")
    chooser.value.set_files(file)
    page.wait_for_url(re.compile(r"/import/\d+"))
    expect(page.get_by_role("heading", name="How the file is read")).to_be_visible()


def new_device(page: Page, key: str) -> None:
    page.get_by_label("Device", exact=True).select_option("+")
    expect(page.get_by_label("Key of the new device")).to_be_visible()
    page.get_by_label("Key of the new device").fill(key)
    expect(page.get_by_role("button", name="Check the whole file")).to_be_enabled()


def check(page: Page) -> None:
    page.get_by_role("button", name="Check the whole file").click()
    expect(page.get_by_role("heading", name="What the import will do")).to_be_visible()


def store(page: Page) -> None:
    page.get_by_role("button", name=re.compile(r"Import [\d,]+ readings")).click()
    expect(page.get_by_role("button", name="Undo the import")).to_be_visible(timeout=60_000)
    expect(page.locator(".import-head .chip")).to_have_text("Done")


def undo(page: Page) -> None:
    page.get_by_role("button", name="Undo the import").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("are deleted")
    dialog.get_by_role("button", name="Undo the import").click()
    expect(page.locator(".import-head .chip")).to_have_text("Undone", timeout=60_000)


def figure(page: Page, label: str) -> str:
    return page.locator(".kpi", has=page.locator(".kpi-label", has_text=re.compile(f"^{label}$"))).locator(".kpi-value").inner_text()


def test_a_rigs_log_and_a_months_temperatures_come_in_one_goes_and_comes_again(page, rig, oven):
    choose(page, rig)
    expect(page.get_by_label("Separator")).to_contain_text("semicolon")
    expect(page.locator(".import-columns > li")).to_have_count(9)
    expect(page.locator(".preview")).to_contain_text("9 Mar 2020 10:14:33")
    new_device(page, RIG)
    last = page.locator(".import-columns > li", has_text="anomaly")
    last.get_by_label("Import").uncheck()
    expect(last.get_by_label("Sensor")).to_have_count(0)
    unit = page.locator(".import-columns > li", has_text="Pressure").get_by_label("Unit")
    unit.fill("bar")
    expect(page.locator(".preview thead")).to_contain_text("pressure [bar]")
    check(page)
    assert (figure(page, "Rows"), figure(page, "New readings"), figure(page, "Conflicts")) == ("400", "3,200", "0")
    store(page)
    assert figure(page, "Readings stored") == "3,200"
    page.get_by_role("link", name=f"Look at {RIG}").click()
    expect(page.locator("h1")).to_contain_text(RIG)

    choose(page, oven)
    new_device(page, OVEN)
    check(page)
    assert (figure(page, "New readings"), figure(page, "Conflicts")) == ("2,000", "12")
    expect(page.get_by_text("12 rows bring another value")).to_be_visible()
    store(page)
    with page.expect_download() as download:
        page.get_by_title("Save what was not stored as CSV").click()
    listed = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(listed) == 13
    assert listed[1].startswith("1002,conflict,")

    undo(page)
    expect(page.locator("main")).to_contain_text("2,000 readings were taken back")
    assert page.request.get(f"/devices/{OVEN}").status == 404  # the import had made it

    choose(page, oven)
    new_device(page, OVEN)
    check(page)
    store(page)
    assert figure(page, "Readings stored") == "2,000"
    page.goto("/import")
    rows = page.locator("#imports-history tbody tr")
    expect(rows.first).to_contain_text(OVEN)
    expect(rows.first).to_contain_text("done")
    expect(rows.nth(1)).to_contain_text("undone")


@pytest.mark.requirement("UI-12")
def test_every_state_is_accessible_in_both_themes_and_fits_a_phone(page, oven):
    found: list[str] = []

    def look(state: str) -> None:
        page.wait_for_timeout(200)
        for width, height in ((1440, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for theme, ground in (("light", "rgb(238, 240, 242)"), ("dark", "rgb(17, 22, 26)")):
                page.emulate_media(color_scheme=theme)
                page.wait_for_function("want => getComputedStyle(document.body).backgroundColor === want", arg=ground)
                found.extend(f"{state}, {width} {theme}: {each}" for each in serious(page))
            assert sideways(page) <= 0, f"{state} is wider than {width}"
        page.set_viewport_size({"width": 1440, "height": 900})

    page.goto("/import")
    page.wait_for_selector(".file-drop")
    look("list")
    choose(page, oven)
    look("draft")
    page.get_by_text("More", exact=True).first.click()
    page.get_by_label("Time is in").select_option("value")
    expect(page.locator("#import-preview")).to_contain_text(re.compile("Time|Values|Columns"))
    look("draft with a problem")
    page.get_by_label("Time is in").select_option("")
    new_device(page, OVEN)
    check(page)
    look("checked")
    store(page)
    look("done")
    page.get_by_role("button", name="Undo the import").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(400)
    look("dialog")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    undo(page)
    look("undone")
    page.goto("/import")
    page.wait_for_selector("#imports-history table")
    look("history")
    assert not found, "\n".join(found)


@pytest.mark.requirement("UI-14")
def test_what_is_no_file_to_import_is_said_where_it_was_chosen(page, tmp_path):
    page.goto("/import")
    empty = tmp_path / "empty.csv"
    empty.touch()
    page.locator("#imports-drop input[type=file]").set_input_files(empty)
    expect(page.get_by_role("alert").filter(has_text="empty.csv is empty")).to_be_visible()

    picture = tmp_path / "picture.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    page.locator("#imports-drop input[type=file]").set_input_files(picture)
    page.wait_for_url(re.compile(r"/import/\d+"))
    expect(page.locator("#import-preview")).to_contain_text("this is no text")
    expect(page.get_by_role("button", name="Check the whole file")).to_be_disabled()


def test_it_goes_on_while_one_looks_elsewhere_and_another_person_sees_it_too(page, context, tmp_path):
    start = datetime(2019, 1, 1)
    file = tmp_path / "long.csv"
    file.write_text("time,a,b\n" + "".join(f"{start + timedelta(seconds=i)},{i % 90},{i % 7}\n" for i in range(40_000)))
    other = context.new_page()
    other.goto("/import")
    other.wait_for_selector("#imports-history")
    choose(page, file)
    new_device(page, "long-of-the-test")
    check(page)
    page.get_by_role("button", name=re.compile(r"Import [\d,]+ readings")).click()
    expect(page.get_by_role("progressbar").or_(page.get_by_role("button", name="Undo the import")).first).to_be_visible()
    number = page.url.rsplit("/", 1)[1]
    page.get_by_role("link", name="Overview").first.click()
    expect(other.locator("#imports-history tbody tr").first).to_contain_text("long.csv")
    expect(other.locator("#imports-history tbody tr").first).to_contain_text("done", timeout=60_000)
    page.goto(f"/import/{number}")
    expect(page.locator(".import-head .chip")).to_have_text("Done")
    assert figure(page, "Readings stored") == "80,000"
    leave(other)
