"""Forms in a real Chromium: what is sent, where an error stands and the focus goes, dialogs that hold it, what is copied."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dash import Dash, Input, Output, State, html
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect
from werkzeug.serving import make_server

from dashapp.actions.actor import ActionError
from dashapp.ui import forms
from tests.browser.conftest import leave
from tests.browser.test_components import violations, with_policy

pytestmark = pytest.mark.requirement("UI-12")
ROOT = Path(__file__).parents[2]
SECRET = "andon_a-key-to-copy"


def layout() -> html.Main:
    kinds = [{"value": "gauge", "label": "A level"}, {"value": "flag", "label": "On or off", "note": "0 or 1"}]
    return html.Main(
        [
            html.H1("Forms"),
            forms.Form(
                [
                    forms.Field("name", "Name", "name", required=True, hint="What people call it."),
                    forms.Field("limit", "Limit", kind="number", unit="°C"),
                    forms.Field("place", "Place", suggestions=["Hall A", "Hall B"]),
                    forms.Field("severity", "Severity", kind="select", value="high", options=[{"value": "high", "label": "High"}]),
                    forms.Field("kind", "Kind", kind="radio", value="gauge", options=kinds),
                    forms.Field("new", "Takes new sensors", kind="check"),
                    html.Div(forms.submit("Save"), className="actions"),
                ],
                id="press",
                label="Press",
            ),
            html.P(id="heard"),
            html.Button("Remove …", id="open", className="btn danger", n_clicks=0),
            forms.dialog(
                "dialog", "Remove the press",
                forms.Form([forms.Field("key", "Type its key", required=True), forms.submit("Remove", danger=True), forms.cancel("close")],
                           id="removal"),
            ),
            forms.command(f"send {SECRET}", "command"),
            html.Button("Another", id="another", className="btn", n_clicks=0),
            html.Div(id="room"),
            html.P(id="taken"),
        ],
        className="page",
    )  # fmt: skip


def callbacks(app: Dash) -> None:
    @app.callback(
        Output("press", "errors"), Output("press", "message"), Input("press", "submitted"), prevent_initial_call=True,
        running=forms.busy("press"),
    )  # fmt: skip
    def save(submitted: dict[str, Any] | None) -> tuple[dict[str, str], str]:
        values = forms.sent(submitted)
        try:
            forms.number(values, "limit")
            if values["name"] == "everything":
                raise ActionError("plant", "the plant is full")
        except ActionError as error:
            return forms.errors_of(error), ""
        return {}, f"Saved {values}"

    @app.callback(Output("heard", "children"), Input("name", "value"), prevent_initial_call=True)
    def hear(value: str) -> str:
        return f"heard {value}"

    @app.callback(Output("room", "children"), Input("another", "n_clicks"), prevent_initial_call=True)
    def appear(_clicks: int) -> forms.Form:
        return forms.Form([forms.Field("word", "Word"), forms.submit("Send")], id="late")

    @app.callback(
        Output("late", "errors"), Output("taken", "children"), Input("late", "submitted"), prevent_initial_call=True,
        running=forms.busy("late"),
    )  # fmt: skip
    def take(submitted: dict[str, Any] | None) -> tuple[dict[str, str], str]:
        return {}, f"taken: {forms.sent(submitted)['word']}"

    @app.callback(Output("dialog", "is_open"), Input("open", "n_clicks"), Input("close", "n_clicks"), State("dialog", "is_open"))
    def show(opened: int, closed: int, is_open: bool) -> bool:
        return (opened or 0) > (closed or 0) if opened else is_open


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Flask("forms")
    server.after_request(with_policy)
    app = Dash(
        "forms", server=server, assets_folder=str(ROOT / "assets"), assets_path_ignore=["vendor"], title="Forms", update_title="",
        suppress_callback_exceptions=True,
    )  # fmt: skip
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    app.layout = layout()
    callbacks(app)
    http = make_server("127.0.0.1", 0, server, threaded=True)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def form(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(address)
    page.get_by_label("Name").wait_for()
    yield page
    leave(context)
    assert [line for line in said if "503" not in line and "Callback" not in line] == []


def test_a_form_is_sent_whole_by_enter(form: Page) -> None:
    form.get_by_label("Name").fill("Press 4")
    expect(form.locator("#heard")).to_have_text("heard Press 4")
    form.get_by_label("Limit").fill("71,5")
    form.get_by_label("On or off").check()
    form.get_by_label("Takes new sensors").check()
    form.get_by_label("Limit").press("Enter")
    expected = {"name": "Press 4", "limit": "71,5", "place": "", "severity": "high", "kind": "flag", "new": True}
    expect(form.locator("#press .form-message")).to_have_text(f"Saved {expected}")


def test_an_error_stands_beside_its_field_and_takes_the_focus(form: Page) -> None:
    form.get_by_label("Limit").fill("about 70")
    form.get_by_role("button", name="Save").click()
    limit = form.get_by_label("Limit")
    expect(limit).to_be_focused()
    expect(limit).to_have_attribute("aria-invalid", "true")
    expect(limit).to_have_accessible_description("°C A number is expected, like 71.5; leave it empty for none.")
    assert violations(form) == []
    limit.fill("70")
    expect(limit).not_to_have_attribute("aria-invalid", "true")


def test_what_names_no_field_is_said_above_them(form: Page) -> None:
    form.get_by_label("Name").fill("everything")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_have_text("The plant is full.")
    expect(form.get_by_role("alert")).to_be_focused()


def test_a_form_that_has_just_appeared_can_be_sent_before_the_server_has_heard_of_it(form: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:  # the callback that a form sets off by appearing
        if "late.submitted" in (route.request.post_data or "") and not held:
            held.append(route)
        else:
            route.continue_()

    form.route("**/_dash-update-component*", hold)
    with form.expect_request(lambda request: "late.submitted" in (request.post_data or "")):
        form.get_by_role("button", name="Another").click()
    form.get_by_label("Word").fill("soon")
    form.get_by_label("Word").press("Enter")
    expect(form.locator("#taken")).to_have_text("taken: soon")
    held[0].continue_()
    form.get_by_label("Word").fill("later")
    form.get_by_label("Word").press("Enter")
    expect(form.locator("#taken")).to_have_text("taken: later")


def test_a_server_that_does_not_answer_is_said_and_the_form_can_be_sent_again(form: Page) -> None:
    def refuse(route: Route) -> None:
        if "press.submitted" in (route.request.post_data or ""):
            route.fulfill(status=503, json={"title": "The database is away", "detail": "Nothing is lost. Try again in a moment."})
        else:
            route.continue_()

    form.route("**/_dash-update-component*", refuse)
    form.get_by_label("Name").fill("Press 4")
    form.get_by_role("button", name="Save").click()
    expect(form.locator("#press > [role=alert]")).to_contain_text("The database is away. Nothing")
    form.unroute("**/_dash-update-component*")
    form.get_by_role("button", name="Save").click()
    expect(form.locator("#press .form-message")).to_contain_text("Saved")
    expect(form.locator("#press > [role=alert]")).to_be_hidden()


def test_a_dialog_holds_the_focus_and_gives_it_back(form: Page) -> None:
    button = form.get_by_role("button", name="Remove …")
    button.focus()
    form.keyboard.press("Enter")
    dialog = form.get_by_role("dialog", name="Remove the press")
    expect(dialog).to_be_visible()
    form.wait_for_timeout(400)  # its way in
    assert violations(form) == []
    for _ in range(8):
        form.keyboard.press("Tab")
        assert form.evaluate("() => document.querySelector('.modal').contains(document.activeElement)")
    form.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_every_target_is_large_enough_for_a_thumb_and_the_page_passes_axe(form: Page) -> None:
    assert violations(form) == []
    small = form.evaluate(
        "() => [...document.querySelectorAll('button, input:not([type=checkbox], [type=radio]), select, label.check, .radio-card')]"
        ".filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"
    )
    assert small == []


def test_a_command_is_copied(form: Page) -> None:
    form.get_by_role("button", name="Copy the command").click()
    expect(form.locator(".copy [role=status]")).to_have_text("Copied")
    assert form.evaluate("() => navigator.clipboard.readText()") == f"send {SECRET}"
