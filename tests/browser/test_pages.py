"""Every page in both themes at three widths: nothing in the console, nothing from another host, no serious axe-core violation."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Watch, sign_in

AXE = Path(__file__).parent / "axe.min.js"
WIDTHS = {"phone": (390, 844), "laptop": (1440, 900), "wall": (1920, 1080)}
PAGES = {
    "overview": "/", "devices": "/devices", "machine": "/devices/MX-01", "device": "/devices/device-002?range=24h",
    "not found": "/no-such-page", "unknown device": "/devices/nobody",
}  # fmt: skip
OUTSIDE = {"sign-in": "/sign-in"}


def settle(page: Page) -> None:
    """Until the page has drawn its content and polled once."""
    page.wait_for_selector("h1:visible, h2:visible")
    page.wait_for_function("() => !document.querySelector('.skeleton')", timeout=15_000)
    page.wait_for_timeout(300)


def serious(page: Page) -> list[str]:
    """axe-core's serious and critical findings, WCAG 2.2 AA."""
    page.evaluate(f"() => {{ {AXE.read_text()} }}")
    found = page.evaluate(
        "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations']})"
    )
    return [
        f"{v['id']} ({v['impact']}): {v['help']}: {json.dumps([n['html'][:160] for n in v['nodes'][:3]])}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def sideways(page: Page) -> int:
    """Pixels by which the page is wider than its window: a phone should not scroll sideways."""
    return page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")


@pytest.mark.requirement("UI-12", "UI-15")
@pytest.mark.parametrize("name", [*PAGES, *OUTSIDE])
def test_a_page_is_quiet_and_accessible_at_every_width_in_both_themes(browser, server, signed_in_state, name):
    context = browser.new_context(base_url=server.url, storage_state=None if name in OUTSIDE else signed_in_state)
    page = context.new_page()
    watch = Watch(page, urlsplit(server.url).netloc)
    page.goto({**PAGES, **OUTSIDE}[name])
    settle(page)
    page.wait_for_timeout(1_500)  # it has polled at least once
    found = []
    for width, height in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": height})
        for theme, background in (("light", "rgb(238, 240, 242)"), ("dark", "rgb(17, 22, 26)")):
            page.emulate_media(color_scheme=theme)
            page.wait_for_function("want => getComputedStyle(document.body).backgroundColor === want", arg=background)
            page.wait_for_timeout(200)
            found += [f"{width} px, {theme}: {line}" for line in serious(page)]
            if (over := sideways(page)) > 0:
                found.append(f"{width} px, {theme}: {over} px too wide")
    assert found == []
    if name in ("not found", "unknown device"):
        watch.console = [line for line in watch.console if "404" not in line]
    watch.check()
    context.close()


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
    context.close()


@pytest.mark.requirement("FL-3", "UI-13")
def test_a_sign_in_on_the_way_keeps_where_one_was_going(browser, server):
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/devices/MX-02?range=24h&sensor=vibration")
    assert "/sign-in" in page.url
    from tests.serving import OWNER

    page.get_by_label("E-mail").fill(OWNER[0])
    page.get_by_label("Password", exact=True).fill(OWNER[1])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/devices/MX-02*")
    assert "sensor=vibration" in page.url
    context.close()


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
    context.close()
