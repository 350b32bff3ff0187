"""Wall screens in a real Chromium: made on their page, opened by their link, turning their pages, honest about what is old."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.conftest import Held, Watch, leave
from tests.browser.test_pages import serious, sideways

pytestmark = pytest.mark.requirement("UI-10")
POLL = "**/_dash-update-component*"
NOTHING = "This screen is not showing anything"
SIZES = ((1920, 1080), (3840, 2160), (1080, 1920))
HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


SMALLEST = """() => {
  const written = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const shown = [...document.querySelectorAll('.wall *')].filter((one) => one.offsetParent && written(one) && !one.closest('.sr-only'));
  return Math.min(...shown.map((one) => parseFloat(getComputedStyle(one).fontSize)));
}"""


def make_link(page: Page, name: str, pages: str, *, seconds: int = 10, theme: str = "system") -> str:
    """By the form of /wall-screens, as an administrator does it."""
    page.goto("/wall-screens")
    page.get_by_role("button", name="New wall screen").click()
    form = page.locator("#wall-form")
    form.get_by_label("Name").fill(name)
    page.locator("#wall-pages").fill(pages)
    form.get_by_label("Seconds for each page").fill(str(seconds))
    form.get_by_label("Theme").select_option(theme)
    form.get_by_role("button", name="Make the link").click()
    link = page.locator("#wall-link").text_content()
    page.locator("#wall-made").get_by_role("button", name="Close").click()
    expect(page.locator("#wall-made")).to_have_count(0)
    assert link is not None
    return link


def revoke(page: Page, name: str) -> None:
    """By its button, and the dialog that asks."""
    page.goto("/wall-screens")
    page.get_by_role("button", name=f"Revoke {name}", exact=True).click()
    page.locator("#wall-revoke-form").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("button", name=f"Revoke {name}", exact=True)).to_have_count(0)


def open_wall(page: Page, link: str) -> None:
    """Until its page is there."""
    page.goto(link)
    page.wait_for_url("**/kiosk/screen/")
    expect(page.locator("[data-live]").first).to_be_visible()


@pytest.fixture(scope="module")
def links(browser: Browser, server, signed_in_state) -> Iterator[dict[str, str]]:
    """A link that turns three pages, and one that stays on the overview."""
    context = browser.new_context(base_url=server.url, storage_state=signed_in_state)
    page = context.new_page()
    yield {
        "turning": make_link(page, "Turning", f"/\n{server.url}/devices/MX-01?range=1h&sensor=vibration\n/devices"),
        "still": make_link(page, "Still", "/", theme="dark"),
    }
    for name in ("Turning", "Still"):
        revoke(page, name)
    leave(context)


@pytest.fixture
def wall(browser: Browser, server) -> Iterator[BrowserContext]:
    """A screen's browser, which nobody has signed in with."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1920, "height": 1080})
    yield context
    leave(context)


@pytest.fixture
def screen(wall: BrowserContext, server) -> Iterator[Page]:
    """A page that is watched."""
    page = wall.new_page()
    watch = Watch(page, server.url.removeprefix("http://"))
    yield page
    watch.check()


def test_a_link_opens_the_plant_without_a_sign_in_and_its_token_stays_nowhere(screen, wall, links):
    requested: list[str] = []
    screen.on("request", lambda request: requested.append(request.url))
    open_wall(screen, links["turning"])
    token = links["turning"].partition("#")[2]
    expect(screen.locator(".wall-tile").nth(7)).to_be_visible()
    expect(screen.locator(".wall-plant")).to_have_text("Demo plant")
    assert screen.locator("nav, #shell-account, a.btn:visible, button:visible").count() == 0
    assert not [url for url in requested if token in url]
    assert token not in screen.evaluate("() => location.href + document.cookie + JSON.stringify({...localStorage, ...sessionStorage})")
    cookies = {cookie["name"]: cookie for cookie in wall.cookies()}
    cookie = cookies.pop("andon_screen")
    assert (cookie["httpOnly"], cookie["path"], cookie["sameSite"]) == (True, "/kiosk", "Lax")
    assert "andon_session" not in cookies
    screen.goto("/")
    assert "/sign-in" in screen.url  # of the plant it opens its own paths alone
    screen.goto("/kiosk")
    screen.wait_for_url("**/kiosk/screen/")  # a browser that starts again goes on


def test_pages_follow_each_other_without_an_empty_moment_and_nothing_can_be_pressed(screen, links):
    screen.add_init_script(
        """window.empty = 0; addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
             const page = document.getElementById('_pages_content');
             if (window.begun && page && (!page.children.length || page.querySelector('.skeleton'))) window.empty += 1;
           }).observe(document.body, {subtree: true, childList: true}));"""
    )
    open_wall(screen, links["turning"])
    screen.evaluate("() => { window.begun = true; }")
    expect(screen.locator("h1")).to_have_text("Overview")
    expect(screen.locator("h1")).to_have_text("MX-01 Assembly Line Alpha")
    expect(screen.locator(".wall-line h2")).to_have_text("Vibration, last 1 hour")
    expect(screen.locator(".wall-dots")).to_have_attribute("aria-label", "Page 2 of 3")
    expect(screen.locator("h1")).to_have_text("Devices")
    before = screen.url
    screen.locator(".wall-page a:visible").first.click(force=True)
    screen.keyboard.press("Tab")
    screen.keyboard.press("Enter")
    expect(screen.locator("h1")).to_have_text("Overview")
    assert screen.url == before
    assert screen.evaluate("() => window.empty") == 0
    assert screen.url.endswith("/kiosk/screen/")


@pytest.mark.requirement("UI-12")
def test_it_reads_from_five_metres_fills_every_screen_exactly_and_has_the_theme_of_its_link(screen, links):
    """A screen of 55 inches has 0.63 mm a pixel at 1920: 28 px are letters of 12 mm, a 400th of five metres."""
    screen.emulate_media(color_scheme="light")
    open_wall(screen, links["still"])
    assert screen.evaluate("() => document.documentElement.dataset.theme") == "dark"
    cut = "() => [...document.querySelectorAll('.wall-value')].filter((one) => one.scrollWidth > one.clientWidth + 1).length"
    for size in SIZES:
        screen.set_viewport_size({"width": size[0], "height": size[1]})
        screen.wait_for_function("width => innerWidth === width", arg=size[0])
        unit = min(size) / 1080
        assert screen.evaluate(SMALLEST) >= 24 * unit, size
        assert screen.evaluate("() => parseFloat(getComputedStyle(document.querySelector('.wall-value')).fontSize)") >= 36 * unit, size
        assert sideways(screen) <= 0, size
        assert screen.evaluate("() => document.documentElement.scrollHeight - innerHeight") <= 0, size
        assert screen.evaluate(cut) == 0, size


@pytest.mark.requirement("UI-12", "UI-14")
def test_a_lost_connection_is_said_loudly_and_greys_every_value_until_it_is_back(wall, links):
    page = wall.new_page()
    open_wall(page, links["turning"])
    expect(page.locator("#shell-live")).to_have_text("Live")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
        assert serious(page) == []
    wall.set_offline(True)
    began = time.monotonic()
    lost = page.locator(".wall-lost")
    expect(lost).to_have_text(re.compile(r"^No connection since \d\d:\d\d – values are old$"))
    assert time.monotonic() - began < 8
    assert "grayscale" in page.evaluate("() => getComputedStyle(document.querySelector('.wall-page > *')).filter")
    expect(page.locator("[data-live]")).to_be_visible()  # nothing is taken away
    assert serious(page) == []
    wall.set_offline(False)
    expect(lost).to_have_count(0)
    assert page.evaluate("() => getComputedStyle(document.querySelector('.wall-page > *')).filter") == "none"


def test_a_revoked_link_ends_its_screens_within_five_seconds_and_says_so_calmly(page, wall, server):
    link = make_link(page, "Revoked", "/")
    shown = wall.new_page()
    open_wall(shown, link)
    page.get_by_role("button", name="Revoke Revoked", exact=True).click()
    page.locator("#wall-revoke-form").get_by_role("button", name="Revoke").click()
    expect(shown.get_by_role("heading", name=NOTHING)).to_be_visible(timeout=5_000)
    again = wall.new_page()
    again.goto(link)
    expect(again.get_by_role("heading", name="This link does not work")).to_be_visible()
    assert serious(again) == []
    assert "#" not in again.url


def test_a_changed_link_is_taken_up_by_its_open_screen(page, wall, server):
    link = make_link(page, "Changing", "/")
    shown = wall.new_page()
    open_wall(shown, link)
    expect(shown.locator("h1")).to_have_text("Overview")
    page.get_by_role("button", name="Change Changing", exact=True).click()
    page.locator("#wall-pages").fill("/devices/device-003")
    page.locator("#wall-form").get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#wall-form")).to_have_count(0)
    expect(shown.locator("h1")).to_have_text("device-003 Vibration")
    revoke(page, "Changing")
    expect(shown.get_by_role("heading", name=NOTHING)).to_be_visible()  # a window closed on its way to another page may never answer


def test_a_form_names_what_no_wall_screen_can_show(page):
    page.goto("/wall-screens")
    page.get_by_role("button", name="New wall screen").click()
    form = page.locator("#wall-form")
    form.get_by_label("Name").fill("Hall")
    for pages, words in (
        ("/no-such-page", "There is no page /no-such-page"), ("/devices/nobody", "There is no device nobody"),
        ("/wall-screens", "Wall screens needs a role"), ("https://elsewhere.example/", "pages of this server, none of elsewhere.example"),
    ):  # fmt: skip
        page.locator("#wall-pages").fill(pages)
        form.get_by_role("button", name="Make the link").click()
        expect(form).to_contain_text(words)
    form.get_by_label("Add a page").select_option("/devices/MX-01")
    expect(page.locator("#wall-pages")).to_have_value("https://elsewhere.example/\n/devices/MX-01")
    assert serious(page) == []
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_have_count(0)


def test_a_press_is_answered_though_the_list_is_drawn_anew_meanwhile(page, links):
    held = Held(page, "wall-editor.children")
    page.goto("/wall-screens")
    button = page.locator(".wall-links").get_by_role("button", name=re.compile("^Change ")).first
    button.evaluate("(element) => { window.pressed = element }")
    button.click()
    page.wait_for_function("() => !window.pressed.isConnected")  # every few seconds it says which screens are open
    held.let_go()
    expect(page.locator("#wall-form")).to_be_visible()
    page.locator("#wall-form").get_by_role("button", name="Cancel").click()


@pytest.mark.requirement("UI-1")
def test_answers_slower_than_the_tick_do_not_stop_the_screen(wall, links):
    """dash#1613: a callback that is slower than its interval is pruned, and the page never changes. Each answer takes 2.5 ticks here."""
    page = wall.new_page()
    open_wall(page, links["still"])
    under_way: list[int] = [0, 0]  # now, and the most at once

    def slow(route: Route) -> None:
        under_way[0] += 1
        under_way[1] = max(under_way)
        answer = route.fetch()
        page.wait_for_timeout(2_500)
        under_way[0] -= 1
        route.fulfill(response=answer)

    page.route(POLL, slow)
    values = "() => [...document.querySelectorAll('.wall-value b')].map((one) => one.textContent).join()"
    seen = {page.evaluate(values)}
    deadline = time.monotonic() + 20
    while len(seen) < 3 and time.monotonic() < deadline:
        page.wait_for_timeout(500)
        seen.add(page.evaluate(values))
    page.unroute_all(behavior="ignoreErrors")
    assert len(seen) >= 3
    assert under_way[1] == 1  # one after the other, never a heap of them


@pytest.mark.requirement("UI-1")
def test_a_hidden_screen_costs_nothing(wall, links):
    page = wall.new_page()
    open_wall(page, links["turning"])
    page.evaluate(HIDE, True)
    page.wait_for_timeout(1_200)  # what was under way may end
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(12_000)  # past the turn of a page
    assert asked == []
    with page.expect_request(POLL):
        page.evaluate(HIDE, False)
