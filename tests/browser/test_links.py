"""A link that one person copies is opened by another; the menu “Saved” by keyboard, on a phone and in both themes."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Watch, leave, new_colleague
from tests.browser.test_pages import LOST, PHONE, by_keyboard, in_both_themes, settle, sideways
from tests.integration.access import PASSWORD
from tests.serving import Server

pytestmark = pytest.mark.requirement("UI-13")
ENDS = [datetime.now(UTC) - timedelta(hours=hours) for hours in (9, 5)]
RANGE = "from={:%Y-%m-%dT%H:00Z}&to={:%Y-%m-%dT%H:00Z}".format(*ENDS)
HISTORY = "#device-history-says"
MENU = "#shell-saved"
HOLD_THE_LIST = """() => {
  const ask = window.fetch;
  window.fetch = (resource, options) => {
    if (!(options && String(options.body).includes('"saved-open.n_clicks"'))) return ask(resource, options);
    return new Promise((answer) => (window.release = () => answer(ask(resource, options))));
  };
}"""


@pytest.fixture(scope="module")
def colleague(server: Server) -> str:
    """E-mail address of a viewer of the demo plant, whose password is PASSWORD."""
    return new_colleague(server).email


@pytest.fixture
def other(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """The colleague's window, in which nobody has signed in yet."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    leave(context)


def copied(page: Page) -> str:
    """The link that the menu's own “Copy link” puts into the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f"{MENU} > summary").click()
    page.get_by_role("button", name="Copy link", exact=True).click()
    expect(page.locator("#saved-said")).to_have_text("Copied")
    return page.evaluate("() => navigator.clipboard.readText()")


def open_menu(page: Page) -> None:
    """By the keyboard, until its list is there anew: what is in it before that is replaced."""
    page.evaluate("() => { document.querySelector('#saved-list').firstElementChild.dataset.old = '1' }")
    page.locator(f"{MENU} > summary").press("Enter")
    expect(page.locator("#saved-list [data-old]")).to_have_count(0)


def the_overview(page: Page) -> list[str]:
    names = page.locator(".device-key")
    expect(names.first).to_be_visible()
    return [page.inner_text("#shell-title"), *names.all_inner_texts()]


def the_filtered_list(page: Page) -> list[str]:
    rows = page.locator(".device-table tbody th a")
    expect(rows).to_have_count(5)
    return [page.get_by_role("searchbox").input_value(), *rows.all_inner_texts()]


def the_device(page: Page) -> list[str]:
    expect(page.locator("#device-history-title")).to_have_text("Vibration, history")
    expect(page.locator(HISTORY)).to_contain_text(f" {ENDS[0]:%H}:00 – ")
    return [page.inner_text("#shell-title"), page.inner_text("#device-live-title"), page.inner_text(HISTORY)]


@pytest.mark.requirement("FL-3")
def test_a_copied_link_opens_the_same_view_for_a_colleague_and_a_sign_in_keeps_it(page, other, server, colleague):
    shown: dict[str, Callable[[Page], list[str]]] = {
        f"/devices/MX-01?sensor=vibration&{RANGE}": the_device,
        "/devices?q=assembly-line&sort=-device": the_filtered_list,
        "/": the_overview,
    }
    links = {}
    for path, says in shown.items():
        page.goto(path)
        settle(page)
        links[path] = (copied(page), says(page))
        assert links[path][0].startswith(server.url + path)
    assert len({link for link, _ in links.values()}) == 3
    window = other.new_page()
    watch = Watch(window, server.url.removeprefix("http://"))
    for number, (path, (link, says)) in enumerate(links.items()):
        window.goto(link)
        if number == 0:
            assert "/sign-in?next=" in window.url
            window.get_by_label("E-mail").fill(colleague)
            window.get_by_label("Password", exact=True).fill(PASSWORD)
            window.get_by_role("button", name="Sign in").click()
        window.wait_for_url(server.url + path)  # the plant has done its part and is no longer in the address
        settle(window)
        assert shown[path](window) == says
    watch.check()


def test_what_is_typed_before_the_list_is_there_stays(page):
    page.goto("/devices")
    settle(page)
    page.get_by_role("link", name="Alerts").first.click()  # the menu was drawn for another page: the list brings another name
    expect(page.locator("#shell-title")).to_have_text("Alerts")
    expect(page.locator("#shell-title")).to_be_focused()
    page.evaluate(HOLD_THE_LIST)
    page.locator(f"{MENU} > summary").click()
    name = page.get_by_label("Save this page as")
    before = name.input_value()
    name.fill("The morning round")
    page.wait_for_function("() => window.release")
    with page.expect_response(lambda answer: '"saved-open.n_clicks"' in (answer.request.post_data or "")):
        page.evaluate("() => window.release()")
    page.wait_for_timeout(300)
    expect(name).to_have_value("The morning round")
    assert before.startswith("Devices")


@pytest.mark.requirement("UI-12")
def test_the_menu_is_accessible_open_in_both_themes_and_loses_nothing_on_a_phone(page):
    page.goto(f"/devices/MX-01?{RANGE}")
    settle(page)
    open_menu(page)
    page.get_by_label("Save this page as").fill("A view of the phone, with a name that takes more than a line of it")
    page.get_by_role("button", name="Save", exact=True).click()
    change = page.locator(".saved-change > summary")
    change.click()
    found = in_both_themes(page, "laptop", MENU)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    found += in_both_themes(page, "phone", MENU)
    assert (found, sideways(page), page.evaluate(LOST)) == ([], 0, [])
    controls = page.locator(f"{MENU} :is(summary, button, a, input):visible")
    boxes = [control.bounding_box() for control in controls.all()]
    assert len(boxes) > 8
    assert [box for box in boxes if box["height"] < 43.5] == []
    page.get_by_role("button", name="Remove").click()
    expect(change).to_have_count(0)


@pytest.mark.requirement("UI-12")
def test_a_view_is_saved_renamed_opened_and_removed_by_the_keyboard_alone(page):
    page.goto("/devices?q=assembly-line")
    settle(page)
    summary = page.locator(f"{MENU} > summary")
    open_menu(page)
    name = page.get_by_label("Save this page as")
    expect(name).to_have_value("Devices, assembly-line")
    name.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("Line of the keyboard")
    page.keyboard.press("Enter")
    view = page.get_by_role("link", name="Line of the keyboard")
    expect(view).to_be_visible()
    assert by_keyboard(page) == []  # with the menu open: everything in it is reached, and shows that it is
    change = page.locator(".saved-change > summary")
    change.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".saved-change").get_by_label("Name")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    view = page.get_by_role("link", name="Renamed")
    expect(view).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(MENU)).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    page.goto("/")
    settle(page)
    open_menu(page)
    view.press("Enter")
    page.wait_for_url("**/devices?q=assembly-line")
    expect(page.get_by_role("searchbox")).to_have_value("assembly-line")
    expect(page.locator("#shell-title")).to_be_focused()
    open_menu(page)
    change.press("Enter")
    page.get_by_role("button", name="Remove").press("Enter")
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
