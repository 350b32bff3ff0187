"""Finding one's way by keyboard: the palette, shortcuts, help beside the page; whose time is shown; what is said when something fails."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import MINUTES, leave, sign_in

pytestmark = pytest.mark.requirement("UI-14")
CALLBACKS = "**/_dash-update-component*"
PALETTE = "dialog.palette"
QUERY = "#palette-query"
HEADING = "#shell-title"


@pytest.fixture
def overview(page: Page) -> Page:
    page.goto("/")
    expect(page.locator(".device").first).to_be_visible()
    return page


@pytest.fixture
def own(browser: Browser, server) -> Iterator[BrowserContext]:
    """A window in New York with a session of its own."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 900}, timezone_id="America/New_York")
    sign_in(context.new_page())
    yield context
    leave(context)


def selected(page: Page) -> str:
    """The option that the field points at, as a screen reader is told."""
    return page.evaluate(
        "() => document.getElementById(document.getElementById('palette-query').getAttribute('aria-activedescendant'))?.textContent"
    )


@pytest.mark.requirement("UI-12")
def test_the_palette_leads_to_a_device_by_the_keyboard_alone(overview):
    overview.keyboard.press("Control+k")
    expect(overview.locator(QUERY)).to_be_focused()
    overview.keyboard.type("mx2")
    expect(overview.locator(".palette-option").first).to_contain_text("MX-02")
    first = selected(overview)
    overview.keyboard.press("ArrowDown")
    assert selected(overview) != first
    overview.keyboard.press("ArrowUp")
    assert selected(overview) == first
    overview.evaluate("() => (window.stayed = true)")
    overview.keyboard.press("Enter")
    expect(overview.locator(HEADING)).to_contain_text("MX-02")
    expect(overview.locator(HEADING)).to_be_focused()
    assert overview.evaluate("() => window.stayed")  # no reload


def test_what_was_chosen_last_stands_first(overview):
    overview.keyboard.press("Control+k")
    overview.locator(QUERY).fill("device-003")
    expect(overview.locator(".palette-option").first).to_contain_text("device-003")
    overview.keyboard.press("Enter")
    expect(overview.locator(HEADING)).to_contain_text("device-003")
    overview.keyboard.press("Control+k")
    expect(overview.locator(".palette-option").first).to_contain_text("Recent")
    expect(overview.locator(".palette-option").first).to_contain_text("device-003")


def test_the_palette_opens_from_the_header_and_escape_gives_the_focus_back(overview):
    button = overview.locator("header .palette-button")
    button.focus()
    overview.keyboard.press("Enter")
    expect(overview.locator(QUERY)).to_be_focused()
    expect(overview.locator(".palette-option").first).to_be_visible()
    overview.keyboard.type("zzqzz")
    expect(overview.locator(".palette-none")).to_contain_text("Nothing is called")
    overview.keyboard.press("Escape")
    expect(overview.locator(PALETTE)).not_to_be_visible()
    expect(button).to_be_focused()


@pytest.mark.requirement("UI-12")
def test_a_phone_finds_the_palette_behind_more(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/devices")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Find a page, device or action").click()
    page.locator(QUERY).fill("overview")
    page.locator(".palette-option").first.click()
    expect(page.locator(HEADING)).to_have_text("Overview")


def test_an_action_is_done_from_the_palette(overview):
    before = overview.evaluate("() => document.documentElement.dataset.theme")
    overview.keyboard.press("Control+k")
    overview.locator(QUERY).fill("dark theme")
    expect(overview.locator(".palette-option").first).to_contain_text("Switch light or dark")
    overview.keyboard.press("Enter")
    overview.wait_for_function("before => document.documentElement.dataset.theme !== before", arg=before)
    overview.keyboard.press("t")
    overview.wait_for_function("before => document.documentElement.dataset.theme === before", arg=before)


@pytest.mark.requirement("UI-12")
def test_single_keys_lead_to_pages_and_do_nothing_while_one_types(overview):
    overview.keyboard.press("g")
    overview.keyboard.press("d")
    expect(overview.locator(HEADING)).to_have_text("Devices")
    expect(overview.locator(HEADING)).to_be_focused()  # who arrives is told where; what is pressed before that is meant for the old page
    search = overview.locator("main input[type=search]")
    expect(search).to_be_visible()
    overview.keyboard.press("/")
    expect(search).to_be_focused()
    overview.keyboard.type("gop?")
    expect(search).to_have_value("gop?")
    expect(overview.locator(HEADING)).to_have_text("Devices")
    expect(overview.locator("dialog[open]")).to_have_count(0)


def at_once(when: str, keys: str) -> str:
    """Presses keys as soon as something is so: before the next picture is drawn, and before Dash has run what it runs first."""
    return f"""(() => new MutationObserver((_, watching) => {{
      if (!({when})) return;
      watching.disconnect();
      for (const key of '{keys}') document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }}));
    }}).observe(document, {{ childList: true, subtree: true }}))()"""


@pytest.mark.requirement("UI-12")
def test_whoever_moves_before_the_page_is_at_work_is_told_where_they_are(page):
    page.add_init_script(at_once("location.pathname === '/' && document.querySelector('.device')", "gd"))
    page.goto("/")
    expect(page.locator(HEADING)).to_have_text("Devices")
    expect(page.locator(HEADING)).to_be_focused()


@pytest.mark.requirement("UI-12")
def test_a_palette_that_was_closed_hears_no_key(overview):
    overview.keyboard.press("Control+k")
    expect(overview.locator(".palette-option").first).to_be_visible()
    overview.evaluate(at_once("!document.querySelector('.palette-option')", "h"))
    overview.keyboard.press("Escape")
    expect(overview.locator("#shell-help .prose")).to_be_visible()


@pytest.mark.requirement("UI-12")
def test_keys_without_ctrl_can_be_switched_off_by_each_person(own):
    page = own.new_page()
    page.goto("/preferences")
    box = page.get_by_role("checkbox")
    box.focus()
    page.keyboard.press("Space")
    expect(page.locator("#preferences-keys-said")).to_contain_text("off")
    try:
        page.locator("h1").click()
        for key in ("?", "g", "d", "h"):
            page.keyboard.press(key)
        page.keyboard.press("Control+k")  # which still opens, so that what came before has been heard
        expect(page.locator(QUERY)).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(HEADING)).to_have_text("Preferences")
        expect(page.locator("dialog.shortcuts")).not_to_be_visible()
        expect(page.locator("#shell-help")).not_to_be_visible()
        page.reload()
        expect(box).not_to_be_checked()
    finally:
        box.check()
        expect(page.locator("#preferences-keys-said")).to_contain_text("on")
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("dialog.shortcuts")).to_be_visible()


@pytest.mark.requirement("UI-12")
def test_help_opens_beside_the_page_follows_it_and_closes_with_escape(overview):
    button = overview.locator("#shell-help-button")
    button.focus()
    overview.keyboard.press("Enter")
    expect(overview.locator("#shell-help-title")).to_have_text("Overview")
    expect(overview.locator("#shell-help-title")).to_be_focused()
    overview.locator(".help-panel-body").get_by_role("link", name="normal range").click()
    expect(overview.locator("#shell-help-title")).to_have_text("Glossary")
    expect(overview.locator("#panel-normal-range")).to_be_in_viewport()
    overview.locator("#shell-nav").get_by_role("link", name="Devices").click()
    expect(overview.locator(HEADING)).to_have_text("Devices")
    expect(overview.locator("#shell-help-title")).to_have_text("Devices")
    overview.keyboard.press("Escape")
    expect(overview.locator("#shell-help")).not_to_be_visible()


@pytest.mark.requirement("UI-12")
def test_on_a_phone_the_header_is_one_row_and_help_stands_behind_more(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/devices/MX-02")
    expect(page.locator(HEADING)).to_have_text("MX-02 Welding Station Beta")
    assert page.locator(".app-header").bounding_box()["height"] < 70
    page.locator("#shell-more").click()
    page.locator("#shell-nav").get_by_role("button", name="Help for this page").click()
    expect(page.locator("#shell-help-title")).to_be_focused()
    expect(page.locator("#shell-nav")).not_to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#shell-help")).not_to_be_visible()
    expect(page.locator("#shell-more")).to_be_focused()


def test_help_pages_lead_to_each_other_without_a_reload(page):
    page.goto("/help")
    page.evaluate("() => (window.stayed = true)")
    page.locator(".help-topics").get_by_role("link", name="Overview").click()
    expect(page.locator(HEADING)).to_have_text("Overview")
    page.get_by_role("link", name="period").click()
    expect(page.locator("#period")).to_be_in_viewport()
    assert page.url.endswith("/help/glossary#period")
    assert page.evaluate("() => window.stayed")


def test_times_are_the_viewers_with_the_plants_beside_them(own):
    page = own.new_page()
    page.goto("/devices/MX-01?range=8h")
    clock = page.locator("#shell-clock")
    now = datetime.now(UTC)
    hours = {f"{at.astimezone(ZoneInfo('America/New_York')):%H:}" for at in (now, now + timedelta(minutes=2))}
    expect(clock).to_contain_text(re.compile("|".join(hours)))
    expect(clock).to_contain_text("New York · plant")
    expect(page.locator("#device-history-says")).to_contain_text("(plant ")
    expect(page.locator("#device-history-says")).to_contain_text("America/New_York")
    heads = page.locator("#device-readings thead th")
    expect(heads.nth(0)).to_have_text("Time, America/New_York")
    expect(heads.nth(1)).to_contain_text("Plant time, ")
    ticks = page.locator("#device-live .xtick text")
    expect(ticks.first).to_be_visible()
    assert page.evaluate("() => document.querySelectorAll('#device-live .xtick text tspan').length") >= 2
    expect(page.locator(".tl-ticks.plant")).to_be_visible()


def test_a_chosen_zone_holds_everywhere_and_the_plants_alone_is_said_once(own):
    page = own.new_page()
    page.goto("/preferences")
    expect(page.locator("#shell-clock")).to_contain_text("New York · plant")
    try:
        choose(page, "The plant's")
        expect(page.locator("#shell-clock")).not_to_contain_text("plant")
        page.goto("/devices/MX-01")
        expect(page.locator("#device-history-says")).not_to_contain_text("plant", use_inner_text=True)
        expect(page.locator("#device-history-says")).not_to_be_empty()
        page.goto("/preferences")
        choose(page, "Asia/Tokyo")
        expect(page.locator("#shell-clock")).to_contain_text("Tokyo · plant")
    finally:
        page.goto("/preferences")
        choose(page, "The one of this computer")
    expect(page.locator("#shell-clock")).to_contain_text("New York")


def choose(page: Page, zone: str) -> None:
    """By keyboard, in the list of zones; the page loads anew."""
    field = page.locator("button#preferences-zone")
    if field.inner_text().startswith(zone):
        return
    field.focus()
    page.keyboard.press("Enter")
    page.locator("input.dash-dropdown-search").fill(zone)
    option = page.locator(".dash-dropdown-content label", has_text=zone).first
    expect(option).to_be_visible()
    with page.expect_navigation():
        option.click()
    expect(page.locator("button#preferences-zone")).to_contain_text(zone)


@pytest.fixture
def failing(context: BrowserContext) -> Iterator[Page]:
    """A device page, unwatched: requests fail here on purpose, and the browser writes that to its console."""
    page = context.new_page()
    yield page
    page.unroute_all(behavior="ignoreErrors")


def shown_whole(page: Page) -> None:
    """The parts of a device page that come by answers of their own."""
    for part in ("#device-readings table", "#device-statistics table"):
        expect(page.locator(part)).to_be_visible()
    expect(page.locator("#device-history-says")).not_to_be_empty()


def fail(page: Page, about: str, status: int = 500) -> None:
    """Answers callbacks whose question names `about` with an error."""
    answer = {"status": status, "headers": {"X-Request-Id": "abcde-fgh23"}, "content_type": "application/problem+json", "body": "{}"}
    page.route(CALLBACKS, lambda route: route.fulfill(**answer) if about in (route.request.post_data or "") else route.continue_())


def test_a_part_that_cannot_be_filled_says_so_and_the_others_stand(failing):
    fail(failing, '"output":"device-statistics.children"')
    failing.goto("/devices/MX-01")
    said = failing.locator("#device-statistics [role=alert]")
    expect(said).to_contain_text("Stored readings are not affected")
    expect(said).to_contain_text("abcde-fgh23")
    expect(failing.locator("#device-readings table")).to_be_visible()
    with failing.expect_response(lambda answer: '"changedPropIds":["device-minute.data"]' in (answer.request.post_data or "")):
        failing.evaluate(MINUTES)
    failing.wait_for_timeout(500)  # asked again after a minute: it is said where it is said already
    expect(said).to_contain_text("Stored readings are not affected")
    expect(failing.locator("#shell-problem .problem")).to_have_count(0)


def test_something_done_that_fails_is_said_in_the_corner_and_what_stood_there_stays(failing):
    failing.goto("/devices/MX-01")
    shown_whole(failing)
    fail(failing, '"output":"device-statistics.children"')
    failing.get_by_role("button", name="8 h", exact=True).click()
    corner = failing.locator("#shell-problem")
    expect(corner).to_contain_text("Something went wrong in Andon")
    expect(corner).to_contain_text("abcde-fgh23")
    expect(failing.locator("#device-statistics table")).to_be_visible()
    corner.get_by_role("button", name="Dismiss").click()
    expect(corner).to_be_empty()


def test_live_values_that_cannot_be_brought_up_to_date_say_since_when(failing):
    failing.goto("/")
    expect(failing.locator(".device").first).to_be_visible()
    fail(failing, "shell-pulse")
    expect(failing.locator("#shell-live")).to_contain_text("Not updated since")
    expect(failing.locator("#shell-problem")).to_contain_text("Live values cannot be brought up to date")
    failing.unroute_all(behavior="ignoreErrors")
    expect(failing.locator("#shell-live")).to_contain_text("Live")


def test_a_server_that_does_not_answer_is_said_where_something_was_done(failing):
    failing.goto("/devices/MX-01")
    shown_whole(failing)
    failing.route(CALLBACKS, lambda route: route.abort() if "device-view" in (route.request.post_data or "") else route.continue_())
    failing.get_by_role("button", name="8 h", exact=True).click()
    expect(failing.locator("#shell-problem")).to_contain_text("The server does not answer")
