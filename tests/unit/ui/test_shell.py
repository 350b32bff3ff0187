"""The navigation that stands around every page."""

import json
from typing import Any

import dash
import pytest

from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.first_page import page_title
from dashapp.ui.shell import is_within, live, may_open, pages_for

pytestmark = pytest.mark.requirement("UI-12")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages as they register themselves, out of order."""
    pages: dict[str, dict[str, Any]] = {
        "pages.overview": {"path": "/", "name": "Overview", "section": "", "nav": True, "icon": "overview", "role": Role.VIEWER},
        "pages.devices": {"path": "/devices", "name": "Devices", "section": "Plant", "nav": True, "icon": "devices", "role": Role.VIEWER},
        "pages.alerts": {"path": "/alerts", "name": "Alerts", "section": "", "nav": True, "icon": "alerts", "role": Role.OPERATOR},
        "pages.people": {"path": "/people", "name": "People", "section": "Administration", "nav": True, "role": Role.ADMIN},
        "pages.device": {"path": "/devices/none", "name": "Device", "role": Role.VIEWER},
    }
    monkeypatch.setattr(dash, "page_registry", pages)


def person(role: Role) -> Actor:
    return Actor("user", 1, 1, role, name="Maria")


def paths(role: Role) -> list[str]:
    return [page["path"] for page in shell._by_section(pages_for(person(role)))]


def test_the_navigation_holds_what_a_role_may_open_by_section(registry):
    assert paths(Role.ADMIN) == ["/", "/alerts", "/devices", "/people"]
    assert paths(Role.VIEWER) == ["/", "/devices"]


def test_a_page_without_an_entry_may_still_be_opened(registry):
    assert may_open(dash.page_registry["pages.device"], person(Role.VIEWER))
    assert not may_open(dash.page_registry["pages.people"], person(Role.MANAGER))


def test_the_entry_of_a_page_below_it_is_marked():
    assert is_within("/devices/MX-02", "/devices")
    assert is_within("/devices", "/devices")
    assert not is_within("/devices-of-old", "/devices")
    assert is_within("/", "/")
    assert not is_within("/alerts", "/")


def test_a_phone_has_room_for_the_first_places_with_a_drawing_and_for_more(registry):
    bar = json.dumps(shell._bottom_bar(person(Role.ADMIN), "/").to_plotly_json(), default=lambda part: part.to_plotly_json())
    assert [name for name in ("Overview", "Alerts", "Devices", "People") if f'"{name}"' in bar] == ["Overview", "Alerts", "Devices"]
    assert '"More"' in bar


def test_the_header_shows_a_title_without_the_applications_name():
    assert page_title({"title": "Overview · Andon"}, {}) == "Overview"
    assert page_title({"title": lambda key: f"{key} · Andon"}, {"key": "MX-02"}) == "MX-02"


def test_a_live_page_says_so_to_the_tick():
    assert live("x", id="overview").to_plotly_json()["props"]["data-live"] == "true"
