"""Links that somebody sent: of which plant they are, through the sign-in and back, and where Andon opens by itself; the menu “Saved”."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from dashapp.actions import passwords, views
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from db.engine import Database
from db.queries import people
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, audit_of, forget_attempts, new_platform_user, new_tenant, new_user
from tests.integration.browsing import HOST, Visitor
from tests.integration.plant import make_pipeline
from tests.integration.test_saved_views import acting
from tests.integration.web import signed_in_client

pytestmark = pytest.mark.requirement("UI-13")
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def services(database: Database) -> Services:
    return make_pipeline(database)


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def key_of(database: Database, tenant: int) -> str:
    with tenant_transaction(database.engine, tenant) as connection:
        return str(connection.execute(text("select key from tenants")).scalar_one())


def location(answer: Any) -> str:
    assert answer.status_code in (302, 303), answer.get_data(as_text=True)
    return str(answer.headers["Location"])


def sign_in(server: Flask, user: people.Person, wanted: str) -> tuple[FlaskClient, str]:
    """Through the form, as a browser that was sent to it; where that leads."""
    client = server.test_client()
    form = client.get("/sign-in", query_string={"next": wanted}, headers=PAGE).get_data(as_text=True)
    token = form.split('name="csrf_token" value="')[1].split('"')[0]
    data = {"csrf_token": token, "next": wanted, "email": user.email, "password": PASSWORD}
    return client, location(client.post("/sign-in", data=data, headers=PAGE))


# ---- The plant of a link


def test_a_link_of_ones_own_plant_loses_the_plants_name_and_nothing_else(server, database, tenant):
    client = signed_in_client(server, new_user(database, tenant))
    asked = f"/devices/MX-01?tenant={key_of(database, tenant)}&sensor=vibration&from=2026-11-20T06:00Z&range=Early@2026-11-20"
    assert location(client.get(asked, headers=PAGE)) == "/devices/MX-01?sensor=vibration&from=2026-11-20T06:00Z&range=Early@2026-11-20"


@pytest.mark.requirement("FL-4")
def test_a_link_of_another_plant_is_refused_in_words_and_moves_nobody(server, database, tenant):
    user = new_user(database, tenant, Role.ADMIN)
    client = signed_in_client(server, user)
    other = key_of(database, new_tenant(database))
    answers = [client.get(f"/devices?q=x&tenant={key}", headers=PAGE) for key in (other, "no-such-plant", "", "<script>")]
    words = {answer.get_data(as_text=True) for answer in answers}
    assert [answer.status_code for answer in answers] == [403] * 4
    assert len(words) == 1  # whether there is such a plant is not said
    assert "This link is of another plant" in words.pop()
    assert client.get("/devices", headers=PAGE).status_code == 200


@pytest.mark.requirement("FL-4")
def test_somebody_of_the_platform_is_taken_to_the_plant_of_the_link_and_the_logs_say_so(server, database, tenant):
    user = new_platform_user(database, new_tenant(database))
    client = signed_in_client(server, user)
    assert location(client.get(f"/devices?q=x&tenant={key_of(database, tenant)}", headers=PAGE)) == "/devices?q=x"
    assert ("enter_tenant", key_of(database, tenant)) in [(action, target) for _, action, target in audit_of(database, tenant)]
    home = key_of(database, user.tenant_id)
    assert location(client.get(f"/?tenant={home}", headers=PAGE)) == "/"


@pytest.mark.parametrize("path", ["/", "/devices", "/devices/MX-01"])
def test_a_link_survives_the_sign_in(server, database, tenant, path):
    user = new_user(database, tenant)
    link = f"{path}?tenant={key_of(database, tenant)}&range=last-night-shift&page=3"
    client = server.test_client()
    form = location(client.get(link, headers=PAGE))
    assert form.startswith("/sign-in?next=")
    client, wanted = sign_in(server, user, unquote(form.removeprefix("/sign-in?next=")))
    assert location(client.get(wanted, headers=PAGE)) == f"{path}?range=last-night-shift&page=3"


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "%2F%2Fevil.example", "/sign-out"]
)
def test_a_sign_in_leads_nowhere_else(server, database, tenant, wanted):
    assert sign_in(server, new_user(database, tenant), wanted)[1] == "/"


def test_a_link_never_leads_out_by_way_of_the_plant(server, database, tenant):
    client = signed_in_client(server, new_user(database, tenant))
    for path in ("//evil.example/x", "/\\evil.example"):
        answer = client.get(f"{path}?tenant={key_of(database, tenant)}", headers=PAGE)
        assert answer.status_code >= 400 or not location(answer).startswith(("//", "/\\", "http://evil"))


# ---- Where Andon opens


def test_andon_opens_where_somebody_chose_after_signing_in_and_from_a_bookmark(server, database, tenant):
    user = new_user(database, tenant)
    views.open_here(database, acting(user), "/devices?sort=-age")
    client, wanted = sign_in(server, user, "/")
    assert wanted == "/devices?sort=-age"
    typed = {**PAGE, "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    assert location(client.get("/", headers=typed)) == "/devices?sort=-age"
    assert client.get("/", headers={**typed, "Cache-Control": "max-age=0"}).status_code == 200  # loaded anew
    assert client.get("/", headers={**typed, "Sec-Fetch-Site": "same-origin"}).status_code == 200  # by a link of ours
    assert client.get("/?x=1", headers=typed).status_code == 200
    assert sign_in(server, user, "/devices")[1] == "/devices"  # what was asked for comes first


# ---- The menu


def change(visitor: Visitor, view: int, button: str, **values: str) -> dict[str, Any]:
    identity = json.dumps({"type": "saved-change", "view": view}, sort_keys=True, separators=(",", ":"))
    visitor.set(identity, submitted={"values": values, "button": button, "at": 1})
    return visitor.run("saved-list.children", changed=f"{identity}.submitted")


def names_in(visitor: Visitor) -> str:
    return json.dumps(visitor.page["saved-list"]["children"], ensure_ascii=False)


@pytest.fixture
def manager(server, database, tenant) -> Visitor:
    visitor = Visitor(server, new_user(database, tenant, Role.MANAGER)).open("/devices?q=press")
    visitor.origin = "/devices?q=press"
    return visitor


def test_a_page_is_saved_renamed_shared_and_removed_from_the_menu(server, database, tenant, manager):
    form = manager.page["saved-form"]
    assert "Devices, press" in json.dumps(form["children"])
    manager.set("saved-form", submitted={"values": {"name": "Presses"}, "button": "save", "at": 1})
    manager.run("saved-list.children", changed="saved-form.submitted")
    (made,) = views.saved_views(database, acting(only_user(database, tenant)))
    assert (made.name, made.path) == ("Presses", "/devices?q=press")
    manager.open("/devices?q=press")
    change(manager, made.id, "", name="All presses")  # Enter
    assert "All presses" in names_in(manager)
    manager.open("/devices?q=press")
    change(manager, made.id, "share", name="All presses")
    viewer = Visitor(server, new_user(database, tenant)).open("/")
    assert "All presses" in viewer.text
    assert "Stop sharing" not in viewer.text
    (shared,) = views.saved_views(database, acting(only_user(database, tenant)))
    manager.open("/devices?q=press")
    change(manager, shared.id, "remove")
    assert "All presses" not in names_in(manager)


def test_what_cannot_be_done_is_said_beside_the_field(database, tenant, manager):
    manager.set("saved-form", submitted={"values": {"name": " "}, "button": "save", "at": 1})
    answer = manager.run("saved-list.children", changed="saved-form.submitted")
    assert answer["saved-form"]["errors"] == {"name": "A name has 1 to 100 characters."}
    assert "saved-list" not in answer


def test_andon_opens_here_is_switched_on_and_off(database, tenant, manager):
    user = only_user(database, tenant)
    manager.set("saved-start", n_clicks=1)
    manager.run("saved-list.children", changed="saved-start.n_clicks")
    assert views.start_address(database, tenant, user.id, tenant) == "/devices?q=press"
    assert "Andon opens here" in manager.page["saved-start"]["children"]
    manager.run("saved-list.children", changed="saved-start.n_clicks")
    assert views.start_address(database, tenant, user.id, tenant) == "/"


def test_the_list_is_made_anew_when_the_menu_is_opened(server, database, tenant, manager):
    views.save_view(database, acting(only_user(database, tenant)), "From another tab", "/devices")
    assert "From another tab" not in names_in(manager)
    manager.run("saved-list.children", changed="saved-open.n_clicks")
    assert "From another tab" in names_in(manager)


def only_user(database: Database, tenant: int) -> people.Person:
    """The tenant's first person."""
    with tenant_transaction(database.engine, tenant) as connection:
        return min(people.users(connection), key=lambda user: user.id)


def test_the_address_of_the_page_is_what_the_browser_says_and_nothing_foreign(server, database, tenant):
    from dashapp.ui import saved

    with server.test_request_context("/", headers={"Referer": f"{HOST}/devices?q=a&tenant=x"}):
        assert saved.here() == "/devices?q=a"
    for referer in ("https://evil.example/devices", "", "nonsense", f"{HOST}//evil.example"):
        with server.test_request_context("/", headers={"Referer": referer}):
            assert saved.here() == "/"
