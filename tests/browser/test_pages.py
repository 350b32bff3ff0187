"""Every registered page in every state: nothing in the console, nothing from another host, no serious axe-core violation, all of it by
keyboard alone, and nothing lost on a phone, at 200 % and at 400 %. A page that is registered is gone through by itself.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests.browser.conftest import Watch, leave, sign_in
from tests.pages import addresses
from tests.serving import OWNER, Server

AXE = Path(__file__).parent / "axe.min.js"
LAPTOP, PHONE = (1440, 900), (390, 844)
SIZES = {"phone": PHONE, "200 %": (720, 450), "400 %": (320, 256), "wall": (1920, 1080)}
CALLBACKS = "**/_dash-update-component*"
PAGES = {
    **addresses(), "device_range": "/devices/device-002?range=24h", "oee_behind": "/oee/explain?machine=MX-02&range=yesterday",
    "not_found": "/no-such-page", "unknown_device": "/devices/nobody",
}  # fmt: skip
MISSING = ("not_found", "not_found_404", "unknown_device", "alert", "report")  # the browser writes their 404 to its console
OUTSIDE = {"sign-in": "/sign-in"}
GROUNDS = {"light": "rgb(238, 240, 242)", "dark": "rgb(17, 22, 26)"}


def settle(page: Page) -> None:
    """Until the page has drawn its content and polled once."""
    page.wait_for_selector("h1:visible, h2:visible")
    page.wait_for_function("() => !document.querySelector('.skeleton')")
    page.wait_for_timeout(300)


STILL = """() => document.getAnimations().every((one) =>
  one.playState !== 'running' || one.effect.getTiming().iterations === Infinity)"""
"""Nothing fades in or changes its colour; what pulses while it waits goes on."""


def serious(page: Page, within: str = "html") -> list[str]:
    """axe-core's serious and critical findings, WCAG 2.2 AA. Dash's list takes the focus by an element of its own while it opens."""
    if within == "html":
        page.evaluate(NO_TOASTS)
    with suppress(TimeoutError):
        page.wait_for_function(STILL, timeout=5_000)
    page.evaluate(f"() => {{ {AXE.read_text()} }}")
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations']}"
    found = page.evaluate(f"within => axe.run({{include: [within], exclude: ['.dash-dropdown-focus-target']}}, {rules})", within)
    return [
        f"{v['id']} ({v['impact']}): {v['help']}: {json.dumps([n['html'][:160] for n in v['nodes'][:3]])}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


NO_TOASTS = "() => document.querySelectorAll('.toasts').forEach((all) => (all.style.display = 'none'))"
"""The simulated plant's own alerts come when they come; tests/browser/test_alerts.py looks at theirs."""


def themed(page: Page, theme: str) -> None:
    """The system's theme, once it is drawn."""
    page.evaluate(NO_TOASTS)
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("want => getComputedStyle(document.body).backgroundColor === want", arg=GROUNDS[theme])
    page.wait_for_timeout(200)


def in_both_themes(page: Page, state: str, within: str = "html") -> list[str]:
    """What axe-core finds in each."""
    found = []
    for theme in GROUNDS:
        themed(page, theme)
        found += [f"{state}, {theme}: {line}" for line in serious(page, within)]
    return found


def sideways(page: Page) -> int:
    """Pixels by which the page is wider than its window: only tables and charts in their own frames may be."""
    over = "() => document.documentElement.scrollWidth - window.innerWidth"
    with suppress(TimeoutError):  # charts follow the window a moment later
        page.wait_for_function(f"() => ({over})() <= 0", timeout=5_000)
    return page.evaluate(over)


LOST = """() => {
  const scrolls = (element) => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth) return true;
    return false;
  };
  return [...document.querySelectorAll('a[href], button, input, select, textarea, summary, h1, h2')].filter((element) => {
    const box = element.getBoundingClientRect();
    if (!element.checkVisibility({ visibilityProperty: true }) || box.width < 2) return false;
    if (element.closest('.skip-link, .sr-only, [inert]')) return false;
    if (getComputedStyle(element).clipPath !== 'none') return false;
    return (box.right > window.innerWidth + 1 || box.left < -1) && !scrolls(element);
  }).map((element) => element.outerHTML.slice(0, 120));
}"""
"""What one presses or reads that lies outside of the window, and cannot be scrolled to."""

TABBABLE = """() => {
  const within = document.querySelector('dialog[open]') || document.body;
  const found = [...within.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')].filter((element) =>
    element.tabIndex >= 0 && !element.disabled && element.checkVisibility({ visibilityProperty: true }) &&
    !element.closest('[inert], [hidden]') && !(element.type === 'radio' && !element.checked));
  found.forEach((element) => element.setAttribute('data-not-reached', ''));
  return found.length;
}"""
FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  at.removeAttribute('data-not-reached');
  const shows = (element) => {
    const style = getComputedStyle(element);
    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  };
  let seen = false;
  for (let element = at, up = 0; element && up < 4; element = element.parentElement, up++) seen = seen || shows(element);
  return { seen, html: at.outerHTML.slice(0, 120) };
}"""


def by_keyboard(page: Page) -> list[str]:
    """Tabs through all of it: what is not reached, what does not show that it has the focus, where one is held."""
    page.evaluate("() => document.activeElement && document.activeElement.blur()")
    wrong, wanted = [], page.evaluate(TABBABLE)
    for _ in range(wanted + 15):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused and not focused["seen"]:
            wrong.append(f"no focus to be seen: {focused['html']}")
        if page.evaluate("() => !document.querySelector('[data-not-reached]')"):
            break
    unreached = """() => [...document.querySelectorAll('[data-not-reached]')].filter((element) => element.checkVisibility())
      .map((element) => element.outerHTML.slice(0, 120))"""
    return wrong + [f"not reached: {html}" for html in page.evaluate(unreached)]


@pytest.fixture
def visit(browser: Browser, server: Server, signed_in_state: dict, request: pytest.FixtureRequest) -> Iterator[tuple[Page, Watch]]:
    """A window of laptop size, watched."""
    outside = request.node.callspec.params.get("name") in OUTSIDE
    context = browser.new_context(
        base_url=server.url, storage_state=None if outside else signed_in_state, viewport={"width": LAPTOP[0], "height": LAPTOP[1]}
    )
    page = context.new_page()
    yield page, Watch(page, urlsplit(server.url).netloc)
    page.unroute_all(behavior="ignoreErrors")
    leave(context)


@pytest.mark.requirement("UI-12", "UI-15")
@pytest.mark.parametrize("name", [*PAGES, *OUTSIDE])
def test_a_page_is_quiet_and_accessible_in_both_themes_and_loses_nothing_at_any_width(visit, name):
    page, watch = visit
    page.goto({**PAGES, **OUTSIDE}[name])
    settle(page)
    page.wait_for_timeout(1_500)  # it has polled at least once
    found = in_both_themes(page, "laptop")
    found += [f"by keyboard: {line}" for line in by_keyboard(page)]
    for where, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        if (over := sideways(page)) > 0:
            found.append(f"{where}: {over} px too wide")
        found += [f"{where}, outside of the window: {html}" for html in page.evaluate(LOST)]
        if where == "phone":
            page.evaluate("() => window.scrollTo(0, 0)")  # what lies half under a bar that stays is not too small to touch
            found += [f"phone: {line}" for line in serious(page)]
    assert found == []
    if name in MISSING:
        watch.console = [line for line in watch.console if "404" not in line]
    watch.check()


@pytest.mark.requirement("UI-12", "UI-14")
@pytest.mark.parametrize("name", list(PAGES))
def test_palette_shortcuts_and_help_are_accessible_on_every_page(visit, name):
    page, _ = visit
    page.goto(PAGES[name])
    settle(page)
    page.keyboard.press("Control+k")
    expect(page.locator(".palette-option").first).to_be_visible()
    found = in_both_themes(page, "palette")
    page.keyboard.press("Escape")
    expect(page.locator(".palette-option")).to_have_count(0)
    page.keyboard.press("h")
    expect(page.locator("#shell-help .prose")).to_be_visible()
    found += in_both_themes(page, "help")
    page.set_viewport_size({"width": 320, "height": 256})
    found += [] if sideways(page) <= 0 else ["help at 400 %: too wide"]
    page.keyboard.press("Escape")
    expect(page.locator("#shell-help")).not_to_be_visible()
    assert found == []


@pytest.mark.requirement("UI-12", "UI-14")
@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_is_accessible_while_it_loads_and_when_the_server_fails(visit, name):
    page, _ = visit
    page.route(CALLBACKS, lambda route: None)
    page.goto(PAGES[name])
    page.wait_for_selector("h1:visible")
    page.wait_for_timeout(500)
    found = in_both_themes(page, "loading")
    page.unroute_all(behavior="ignoreErrors")
    page.route(CALLBACKS, lambda route: route.fulfill(status=500, content_type="application/problem+json", body="{}"))
    page.reload()
    page.wait_for_selector("h1:visible")
    page.wait_for_function("() => !document.querySelector('.skeleton')")
    page.wait_for_timeout(500)
    found += in_both_themes(page, "failed")
    assert page.locator("main").inner_text().strip()
    assert found == []


@pytest.mark.requirement("UI-12", "UI-14")
def test_every_page_of_an_empty_plant_is_accessible_and_says_something(browser, server):
    context = browser.new_context(base_url=server.url, viewport={"width": LAPTOP[0], "height": LAPTOP[1]})
    page = context.new_page()
    sign_in(page, *OWNER)
    expect(page.locator("#shell-account")).to_be_visible()
    change_plant(page, "Plant")
    found = []
    try:
        for name, path in PAGES.items():
            page.goto(path)
            settle(page)
            found += [f"{name}: {line}" for line in in_both_themes(page, "empty")]
            if not page.locator("main").inner_text().strip():
                found.append(f"{name}: nothing is said")
            page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            if sideways(page) > 0:
                found.append(f"{name}: too wide on a phone")
            page.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    finally:
        page.goto("/")
        change_plant(page, "Demo plant")
        leave(context)
    assert found == []


def change_plant(page: Page, name: str) -> None:
    """By the account menu; the page loads anew."""
    page.locator("#shell-account summary").click()
    with page.expect_navigation():
        page.locator("#shell-account").get_by_role("button", name=name, exact=True).click()
    expect(page.locator("#shell-account")).to_be_visible()


@pytest.mark.requirement("UI-15")
def test_no_page_allows_inline_scripts(context, server):
    for path in [*PAGES.values(), *OUTSIDE.values()]:
        answer = context.request.get(path)
        policy = answer.headers["content-security-policy"]
        scripts = next(part for part in policy.split(";") if part.strip().startswith("script-src"))
        assert "unsafe-inline" not in scripts, path
        assert "unsafe-eval" not in scripts, path
        assert "http" not in scripts, path


@pytest.mark.requirement("UI-12")
def test_the_theme_button_changes_the_theme_and_the_choice_survives_a_reload(page):
    page.goto("/")
    settle(page)
    before = page.evaluate("() => document.documentElement.dataset.theme")
    page.get_by_role("button", name="theme").first.click()
    page.wait_for_function("before => document.documentElement.dataset.theme !== before", arg=before)
    after = page.evaluate("() => document.documentElement.dataset.theme")
    page.reload()
    settle(page)
    assert page.evaluate("() => document.documentElement.dataset.theme") == after


@pytest.mark.requirement("FL-3")
def test_a_wrong_password_is_said_in_words_and_the_address_stays(browser, server):
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/sign-in?next=/devices/MX-01")
    page.get_by_label("E-mail").fill("somebody@example.com")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("E-mail").input_value() == "somebody@example.com"
    leave(context)


@pytest.mark.requirement("FL-3", "UI-13")
def test_a_sign_in_on_the_way_keeps_where_one_was_going(browser, server):
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/devices/MX-02?range=24h&sensor=vibration")
    assert "/sign-in" in page.url
    page.get_by_label("E-mail").fill(OWNER[0])
    page.get_by_label("Password", exact=True).fill(OWNER[1])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/devices/MX-02*")
    assert "sensor=vibration" in page.url
    leave(context)


@pytest.mark.requirement("FL-3")
def test_signing_out_ends_the_session(browser, server):
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    sign_in(page)
    settle(page)
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert cookies["andon_session"]["httpOnly"]
    assert cookies["andon_session"]["sameSite"] == "Lax"
    kept = cookies["andon_session"]["value"]
    page.locator("#shell-account, [data-account]").first.click()
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url("**/sign-in*")
    context.add_cookies([{"name": "andon_session", "value": kept, "url": server.url}])
    page.goto("/devices")
    assert "/sign-in" in page.url
    leave(context)
