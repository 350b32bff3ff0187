"""A device's life in a browser: from an empty plant to a live value by the page's own commands, its settings, its end."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, leave, sign_in
from tests.browser.test_pages import serious, sideways
from tests.serving import Server, running

pytestmark = pytest.mark.requirement("FL-1")
ODD = "presse 4 ü?#"  # a key may hold any character but a slash
PHONE = {"width": 390, "height": 844}
SMALL = """() => [...document.querySelectorAll('main button, main select, main input:not([type=checkbox], [type=radio], [type=hidden]),'
  + ' main .radio-card, main label.check, main a.btn, .modal.show button, .modal.show input.input')]
  .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 43.5).map((one) => one.outerHTML.slice(0, 120))"""


@contextmanager
def empty_plant() -> Iterator[Server]:
    """A plant without devices and without the demo."""
    folder = Path(tempfile.mkdtemp(prefix="andon-empty-"))
    with running(folder, ANDON_DEMO="0") as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def at_desk(browser: Browser, server: Server, state: dict | None = None) -> Iterator[Page]:
    """The owner's browser, watched."""
    context = browser.new_context(base_url=server.url, storage_state=state, viewport={"width": 1440, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    if state is None:
        sign_in(page)
    watch = Watch(page, urlsplit(server.url).netloc)
    yield page
    leave(context)
    watch.console = [line for line in watch.console if "404" not in line]
    watch.check()


@pytest.fixture(scope="module")
def empty() -> Iterator[Server]:
    """What the tests here share: empty at first."""
    with empty_plant() as started:
        yield started


@pytest.fixture(scope="module")
def owner(browser: Browser, empty: Server) -> dict:
    context = browser.new_context(base_url=empty.url)
    sign_in(context.new_page())
    state = context.storage_state()
    leave(context)
    return state


@pytest.fixture
def desk(browser: Browser, empty: Server, owner: dict) -> Iterator[Page]:
    with at_desk(browser, empty, owner) as page:
        yield page


@pytest.fixture
def new_desk(browser: Browser) -> Iterator[Page]:
    """On a plant in which nobody has done anything yet."""
    with empty_plant() as server, at_desk(browser, server) as page:
        yield page


def run(command: list[str]) -> str:
    """A command as it stands on the page, in a process of its own."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make(page: Page, name: str, template: str, key: str = "") -> None:
    """By the form."""
    page.goto("/devices/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("radio", name=template).check()
    expect(page.get_by_label("Key", exact=True)).not_to_have_value("")
    if key:
        page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Create the device").click()
    page.locator("#device-curl").wait_for()


def text_of(page: Page, id: str) -> str:
    return page.locator(f"#{id}").text_content() or ""


@pytest.mark.requirement("UI-14", "UI-7")
def test_a_device_goes_from_an_empty_plant_to_a_live_value_by_the_pages_own_command(new_desk: Page) -> None:
    began = time.monotonic()
    new_desk.goto("/")
    new_desk.get_by_role("link", name="Add a device").first.click()
    new_desk.get_by_label("Name", exact=True).fill("Presse Süd 4")
    key = new_desk.get_by_label("Key", exact=True)
    expect(key).to_have_value("presse-sued-4")
    key.fill(ODD)
    new_desk.get_by_role("button", name="Create the device").click()
    new_desk.locator("#device-curl").wait_for()
    expect(new_desk.get_by_text("Waiting for the first message")).to_be_visible()
    secret, command = text_of(new_desk, "device-secret"), text_of(new_desk, "device-curl")
    assert new_desk.url.split("/devices")[0] in command
    assert secret in command
    assert '"status":"success"' in run(["bash", "-c", command])
    expect(new_desk.get_by_text("Live: its first message is here.")).to_be_visible()
    values = new_desk.get_by_role("list", name="Values")
    expect(values).to_contain_text("Temperature")
    expect(values).to_contain_text("50.0 °C")
    expect(values).to_contain_text("s ago")
    took = time.monotonic() - began
    assert took < 60, f"{took:.0f} s"

    new_desk.get_by_role("link", name="Open the device").click()
    expect(new_desk.locator("#shell-title")).to_contain_text("Presse Süd 4")
    new_desk.goto("/")
    new_desk.get_by_role("link", name=ODD).first.click()
    expect(new_desk.locator("#shell-title")).to_contain_text("Presse Süd 4")
    new_desk.goto("/devices")
    new_desk.get_by_role("link", name=f"Settings of {ODD}").click()
    expect(new_desk.get_by_label("Name", exact=True).first).to_have_value("Presse Süd 4")


def test_a_blank_device_takes_what_the_python_script_sends(desk: Page) -> None:
    make(desk, "Blank", "Blank")
    desk.get_by_role("tab", name="Python").click()
    desk.locator("#device-python").wait_for()
    assert run([sys.executable, "-c", text_of(desk, "device-python")]).startswith("201")
    expect(desk.get_by_role("list", name="Values")).to_contain_text("71.2 °C")
    desk.get_by_role("tab", name="MQTT").click()
    expect(desk.get_by_text("no connection to an MQTT broker yet")).to_be_visible()


@pytest.mark.requirement("UI-12")
def test_the_form_says_what_is_wrong_beside_the_field_on_a_phone_and_passes_axe(desk: Page) -> None:
    desk.set_viewport_size(PHONE)
    desk.goto("/devices/new")
    desk.get_by_label("Name", exact=True).fill("New")
    key = desk.get_by_label("Key", exact=True)
    expect(key).to_have_value("new-2")
    key.fill("a/b")
    wrong = "1 to 100 characters without a slash are expected."
    expect(key).to_have_accessible_description(f"What its messages name it by. It stays for good. {wrong}")
    desk.get_by_role("button", name="Create the device").click()
    expect(key).to_be_focused()
    assert serious(desk) == []
    assert desk.evaluate(SMALL) == []
    assert sideways(desk) <= 0
    make(desk, "Phone", "Pressure")
    assert serious(desk) == []
    assert sideways(desk) <= 0
    assert desk.evaluate(SMALL) == []


@pytest.mark.requirement("UI-1")
def test_a_limit_that_is_changed_shows_on_the_overview(desk: Page) -> None:
    make(desk, "Oil", "Pressure")
    command = text_of(desk, "device-curl")
    run(["bash", "-c", command])  # 5 bar: normal
    desk.goto("/devices/oil/settings")
    desk.get_by_role("button", name="Edit Pressure").click()
    dialog = desk.get_by_role("dialog", name="Sensor")
    above = dialog.get_by_label("Alert above")
    above.fill("about 4")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(above).to_be_focused()
    expect(dialog).to_contain_text("A number is expected")
    assert serious(desk) == []
    above.fill("4,5")
    dialog.get_by_label("Normal to").fill("4")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(desk.get_by_role("status").filter(has_text="Pressure is saved.")).to_be_visible()
    run(["bash", "-c", command])  # fresh, however long all of this took
    desk.goto("/")
    expect(desk.locator("[data-device=oil] .chip")).to_contain_text("Above 4.5 bar")


def test_a_unit_is_converted_with_what_is_stored(desk: Page) -> None:
    make(desk, "Boiler", "Temperature One sensor")
    run(["bash", "-c", text_of(desk, "device-curl")])  # 47.5 °C
    desk.goto("/devices/boiler/settings")
    desk.get_by_role("button", name="Edit Temperature").click()
    dialog = desk.get_by_role("dialog", name="Sensor")
    dialog.get_by_label("Unit").fill("bar")
    expect(dialog.get_by_text("°C does not convert to bar")).to_be_visible()
    dialog.get_by_label("Unit").fill("°F")
    expect(dialog.get_by_role("radio", name="Convert everything to °F")).to_be_checked()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_text("1 readings were converted")).to_be_visible()
    expect(desk.get_by_role("list", name="Sensors")).to_contain_text("above 194 °F")
    desk.goto("/")
    expect(desk.locator("[data-device=boiler] .figure-number")).to_have_text("117.5")


@pytest.mark.requirement("UI-12", "UI-7")
def test_a_device_is_changed_and_removed_with_the_keyboard_alone(desk: Page) -> None:
    make(desk, "Going", "Temperature One sensor")
    command = text_of(desk, "device-curl")
    run(["bash", "-c", command])
    desk.goto("/devices/going/settings")
    name = desk.get_by_label("Name", exact=True).first
    name.focus()
    name.press("Control+A")
    desk.keyboard.type("Going soon")
    desk.keyboard.press("Enter")
    expect(desk.locator("#settings-device .form-message")).to_have_text("Saved.")
    button = desk.get_by_role("button", name="Remove this device")
    button.focus()
    desk.keyboard.press("Enter")
    dialog = desk.get_by_role("dialog", name="Remove")
    expect(dialog).to_contain_text("1 readings")
    expect(dialog).to_contain_text("1 key in use")
    desk.wait_for_timeout(400)  # its way in
    assert serious(desk) == []
    desk.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    desk.keyboard.press("Enter")
    typed = dialog.get_by_label("Type going to confirm")
    typed.focus()
    desk.keyboard.type("wrong")
    desk.keyboard.press("Enter")
    expect(dialog).to_contain_text("Type going to confirm.")
    typed.press("Control+A")
    desk.keyboard.type("going")
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/devices")
    expect(desk.get_by_role("link", name="going")).to_have_count(0)
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert "A key is needed" in answer.stdout
    assert desk.request.get("/devices/going").status == 404


def test_a_key_is_made_and_revoked_and_the_settings_pass_axe_on_a_phone(desk: Page) -> None:
    desk.set_viewport_size(PHONE)
    make(desk, "Keys", "Counter")
    desk.goto("/devices/keys/settings")
    assert serious(desk) == []
    assert sideways(desk) <= 0
    assert desk.evaluate(SMALL) == []
    desk.get_by_role("button", name="Make a key").click()
    expect(desk.locator("#device-secret")).to_contain_text("andon_")
    keys = desk.get_by_role("list", name="Keys").get_by_role("listitem")
    expect(keys).to_have_count(2)
    desk.get_by_role("button", name="Revoke keys, made with it").click()
    expect(keys.filter(has_text="revoked")).to_have_count(1)
    desk.get_by_role("button", name="Edit Count").click()
    desk.get_by_role("dialog", name="Sensor").get_by_label("Name").wait_for()
    desk.wait_for_timeout(400)
    assert serious(desk) == []
    assert desk.evaluate(SMALL) == []
