"""The shell around every page: unknown addresses, failing layouts, the index page, other plants, and how answers go out."""

import time
from typing import Any

import pytest

from dashapp.ui import snapshot
from dashapp.ui.web import create_web
from db.engine import Database
from tests.integration.access import new_platform_user, new_tenant
from tests.integration.browsing import Visitor, visit
from tests.integration.overviewing import cards, new_limited_press, page_poll
from tests.integration.plant import Press
from tests.integration.web import clean_dash


@pytest.fixture
def press(database: Database) -> Press:
    return new_limited_press(database)


@pytest.mark.requirement("UI-12")
def test_an_unknown_address_is_a_page_that_says_so_with_status_404(server, services, press):
    page = visit(server, press)
    assert page.client.get("/no/such/page", headers={"Accept": "text/html"}).status_code == 404
    assert page.client.get("/", headers={"Accept": "text/html"}).status_code == 200
    assert "There is no page at this address" in page.open("/no/such/page").text


@pytest.mark.requirement("UI-15")
def test_the_index_page_names_its_language_sets_the_theme_first_and_asks_no_other_host(server, services, press):
    page = visit(server, press).client.get("/", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert '<html lang="en"' in page
    assert page.index("/assets/00-theme.js") < page.index('rel="stylesheet"')
    assert page.count("/assets/00-theme.js") == 1
    assert "deps/polyfill" not in page
    assert "dash_table/bundle" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_a_layout_that_fails_is_a_page_that_says_so(server, services, press, monkeypatch, caplog):
    def broken(_self: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(snapshot.Overview, "view", broken)
    page = visit(server, press)
    assert "This page could not be shown" in page.text
    assert "disk is full" not in page.text
    assert "disk is full" in caplog.text


def test_a_page_of_which_the_browser_does_not_say_the_address_is_left_to_the_router(server, services, press):
    page = visit(server, press)
    layout = page.client.get("/_dash-layout").get_json()
    content = str(layout)
    assert "overview-cards" not in content
    assert "_pages_location" in content


def test_the_notice_of_the_demo_plant_is_shown_until_it_is_dismissed(server, services, database):
    press = Press(database, new_tenant(database, demo=True), 0, 0, 0, 0)
    page = visit(server, press)
    assert "This is the demo plant" in page.text
    name, value = page.page["shell-demo-dismiss"]["data-cookie"].split("=")
    page.client.set_cookie(name, value)
    assert "This is the demo plant" not in page.open("/").text


@pytest.mark.requirement("FL-4")
def test_somebody_of_the_platform_goes_from_plant_to_plant_and_nobody_else(server, services, press):
    other = new_tenant(press.database)
    page = Visitor(server, new_platform_user(press.database, press.tenant_id)).open("/")
    body = {
        "output": "shell-goto.href", "outputs": {"id": "shell-goto", "property": "href"}, "state": [],
        "inputs": [[{"id": {"type": "shell-plant", "tenant": other, "place": "menu"}, "property": "n_clicks", "value": 1}]],
        "changedPropIds": ['{"place":"menu","tenant":' + str(other) + ',"type":"shell-plant"}.n_clicks'],
    }  # fmt: skip
    answer = page.client.post("/_dash-update-component", json=body)
    assert answer.get_json()["response"]["shell-goto"]["href"] == "/"
    assert answer.headers["Andon-Plant"] == str(press.tenant_id)
    assert "Connect the first device" in page.open("/").text
    assert page.client.post("/_dash-update-component", json=page_poll(page)).headers["Andon-Plant"] == str(other)
    stranger = visit(server, press)
    assert "shell-plant" not in stranger.text
    assert stranger.client.post("/_dash-update-component", json=body).status_code == 403


def test_an_answer_says_when_it_was_given(server, services, press):
    page = visit(server, press)
    answer = page.client.post("/_dash-update-component", json=page_poll(page))
    assert abs(int(answer.headers["Andon-Time"]) - time.time() * 1000) < 10_000


def test_large_answers_go_out_compressed_and_small_ones_as_they_are(server, services, press):
    page = visit(server, press)
    packed = {"Accept-Encoding": "gzip, br", "Referer": "http://localhost/"}
    assert page.client.get("/_dash-layout", headers=packed).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in page.client.get("/_dash-layout", headers={"Accept-Encoding": "gzip;q=0"}).headers
    assert "Content-Encoding" not in page.client.get("/_dash-layout").headers
    assert "Accept-Encoding" in page.client.get("/_dash-layout").headers["Vary"]


def test_the_application_can_be_made_more_than_once_in_a_process(services, press):
    for _ in range(2):
        with clean_dash():
            page = visit(create_web(services), press)
            assert "MX-01" in cards(page)
            assert page.client.get("/_dash-dependencies").get_json()
