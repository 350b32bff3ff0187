"""The shell in a real browser: what it does when the server is away, slow, or has forgotten who is there; menus; the theme."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

POLL = "**/_dash-update-component*"


@pytest.fixture
def open_page(context: BrowserContext) -> Iterator[Page]:
    """The overview, unwatched: requests fail here on purpose, and the browser writes that to its console."""
    page = context.new_page()
    page.goto("/")
    expect(page.locator(".device").first).to_be_visible()
    yield page
    page.unroute_all(behavior="ignoreErrors")


def status(page: Page, words: str) -> None:
    expect(page.locator("#shell-live")).to_contain_text(words)


@pytest.mark.requirement("UI-14")
def test_a_lost_connection_is_said_and_ends_by_itself(open_page):
    status(open_page, "Live")
    open_page.route(POLL, lambda route: route.abort())
    status(open_page, "Connection lost since")
    expect(open_page.locator(".device").first).to_be_visible()
    open_page.unroute(POLL)
    status(open_page, "Live")


@pytest.mark.requirement("UI-14")
def test_a_server_in_trouble_leaves_the_page_as_it_is(open_page):
    shown = open_page.locator(".device").count()
    assert shown >= 8
    open_page.route(POLL, lambda route: route.fulfill(status=503, body="away"))
    status(open_page, "Connection lost since")
    assert open_page.locator(".device").count() == shown


@pytest.mark.requirement("FL-3")
def test_an_expired_session_leads_to_the_sign_in_and_back(context, open_page):
    context.clear_cookies()
    open_page.wait_for_url("**/sign-in?next=%2F")


@pytest.mark.requirement("UI-1")
def test_a_slow_answer_is_waited_for_and_the_page_goes_on_afterwards(open_page):
    asked: list[Route] = []
    answering: list[bool] = []

    def hold(route: Route) -> None:
        if answering:
            route.continue_()
        else:
            asked.append(route)

    open_page.route(POLL, hold)
    deadline = time.monotonic() + 20
    while not asked and time.monotonic() < deadline:
        open_page.wait_for_timeout(100)
    open_page.wait_for_timeout(3_500)  # three ticks
    outputs = [route.request.post_data_json["output"] for route in asked]
    assert outputs  # of the page and of the bell
    assert len(outputs) == len(set(outputs))  # each once
    answering.append(True)
    with open_page.expect_response(POLL):
        for route in asked:
            route.continue_()
    with open_page.expect_response(POLL):
        pass  # and the next one


@pytest.mark.requirement("UI-1")
def test_a_hidden_tab_asks_nothing_and_catches_up_when_it_is_shown(open_page):
    asked: list[str] = []
    hide = "hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    open_page.evaluate(hide, True)
    open_page.wait_for_timeout(1_200)  # what was under way may end
    open_page.on("request", lambda request: asked.append(request.url) if "update-component" in request.url else None)
    open_page.wait_for_timeout(2_500)
    assert asked == []
    with open_page.expect_request(POLL):
        open_page.evaluate(hide, False)


@pytest.mark.requirement("UI-12")
def test_a_phone_finds_every_page_behind_more_and_escape_leads_back(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    more = page.get_by_role("button", name="More")
    more.click()
    link = page.locator("#shell-nav").get_by_role("link", name="Devices")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).not_to_be_visible()
    expect(more).to_be_focused()
    more.click()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Devices")
    expect(link).not_to_be_visible()
    expect(page.locator(".bottom-bar [aria-current=page]")).to_have_text("Devices")


@pytest.mark.requirement("UI-12")
def test_the_keyboard_passes_over_the_navigation_to_the_page(page):
    page.goto("/")
    expect(page.locator(".device").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".device").first).to_be_focused()


@pytest.mark.requirement("UI-12", "AN-3")
def test_the_heatmap_takes_the_colours_of_the_theme_that_is_switched_to(page):
    ground = "() => document.querySelector('#overview-activity .js-plotly-plot')?.layout?.paper_bgcolor"
    page.emulate_media(color_scheme="light")
    page.goto("/")
    page.wait_for_function(f"() => ({ground})() === '#ffffff'")
    page.get_by_role("button", name="Switch to the dark theme").first.click()
    page.wait_for_function(f"() => ({ground})() === '#1a2126'")


@pytest.mark.requirement("FL-3")
def test_the_account_menu_says_who_is_signed_in_and_closes_on_a_click_elsewhere(page):
    page.goto("/")
    menu = page.locator("#shell-account")
    menu.locator("summary").click()
    expect(menu.get_by_role("button", name="Sign out")).to_be_visible()
    expect(menu).to_contain_text("Platform")
    page.locator("h1").click()
    expect(menu.get_by_role("button", name="Sign out")).not_to_be_visible()
