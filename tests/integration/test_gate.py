"""The way in: sign-in, set-up and sign-out, as a browser without scripts goes through them."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from dashapp.actions import passwords
from dashapp.actions.access import create_owner
from dashapp.ui.gate import safe_next
from db.engine import Database
from db.queries import people
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, audit_of, forget_attempts, new_email, new_tenant, new_user, remove_everyone
from tests.integration.web import clean_dash, make_server, make_services, signed_in_client

pytestmark = pytest.mark.requirement("FL-3")
HTML = {"Accept": "text/html"}
CODE = "12ab-34cd-56ef"


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def services(database: Database) -> SimpleNamespace:
    return make_services(database, new_tenant(database))


@pytest.fixture
def server(services: SimpleNamespace) -> Iterator[Flask]:
    with clean_dash():
        yield make_server(services)[0]


def fields(page: str) -> dict[str, str]:
    """What the form on a page would send as it stands."""
    inputs = re.findall(r"<input\b[^>]*>", page)
    found = {}
    for tag in inputs:
        attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        found[attributes["name"]] = unescape(attributes.get("value", ""))
    return found


def send(client: FlaskClient, path: str, **typed: str) -> Any:
    """Opens the form, fills it in and sends it."""
    form = fields(client.get(path, headers=HTML).text)
    return client.post(path.partition("?")[0], data={**form, **typed})


def cookie_line(response: Any, name: str) -> str:
    return next(line for line in response.headers.getlist("Set-Cookie") if line.startswith(f"{name}="))


def user_of(services: SimpleNamespace) -> people.Person:
    return new_user(services.database, services.open_tenant_id)


# sign-in


def test_signing_in_leads_to_the_page_that_was_asked_for(server: Flask, services: SimpleNamespace) -> None:
    user, client = user_of(services), server.test_client()
    form = client.get("/people/ada?range=8h", headers=HTML).location
    response = send(client, form, email=user.email, password=PASSWORD)
    assert (response.status_code, response.location) == (303, "/people/ada?range=8h")
    assert client.get("/_dash-layout").status_code == 200
    assert client.get("/sign-in", headers=HTML).location == "/"


@pytest.mark.parametrize(
    ("setting", "base", "secure"),
    [("auto", "http://plant", False), ("auto", "https://plant", True), ("1", "http://plant", True), ("0", "https://plant", False)],
)
def test_the_sessions_cookie_is_for_this_host_and_no_script(database: Database, setting: str, base: str, secure: bool) -> None:
    services = make_services(database, new_tenant(database), secure_cookies=setting)
    user = user_of(services)
    with clean_dash():
        client = make_server(services)[0].test_client()
        form = client.get("/sign-in", headers=HTML, base_url=base)
        said = client.post("/sign-in", data={**fields(form.text), "email": user.email, "password": PASSWORD}, base_url=base)
    for response, name in ((form, "andon_csrf"), (said, "andon_session")):
        line = cookie_line(response, name)
        assert "HttpOnly" in line
        assert "SameSite=Lax" in line
        assert "Path=/" in line
        assert "Domain" not in line
        assert ("Secure" in line) == secure


def test_a_wrong_password_is_said_in_words_and_the_address_stays_typed(server: Flask, services: SimpleNamespace) -> None:
    user, client = user_of(services), server.test_client()
    for email in (user.email, "<nobody>&\"'@plant.example"):
        response = send(client, "/sign-in", email=email, password="seventeen red beets")
        assert response.status_code == 401
        assert "Wrong e-mail or password." in response.text
        assert fields(response.text)["email"] == email
        assert "seventeen" not in response.text
        assert "<nobody>" not in response.text


def test_too_many_attempts_are_said_with_the_time_to_wait(server: Flask, services: SimpleNamespace) -> None:
    user, client = user_of(services), server.test_client()
    for _ in range(10):
        send(client, "/sign-in", email=user.email, password="seventeen red beets")
    response = send(client, "/sign-in", email=user.email, password=PASSWORD)
    assert response.status_code == 429
    assert "Too many attempts, try again in 5 min." in response.text
    assert 290 <= int(response.headers["Retry-After"]) <= 300


@pytest.mark.parametrize("token", [None, "", "x", "ü"])
def test_a_form_without_its_token_signs_nobody_in_and_can_be_sent_again(
    server: Flask, services: SimpleNamespace, token: str | None
) -> None:
    user, client = user_of(services), server.test_client()
    form = {**fields(client.get("/sign-in", headers=HTML).text), "email": user.email, "password": PASSWORD, "csrf_token": token}
    if token is None:
        del form["csrf_token"]
    response = client.post("/sign-in", data=form)
    assert response.status_code == 403
    assert "Please send it again" in response.text
    again = client.post("/sign-in", data={**form, **fields(response.text), "email": user.email, "password": PASSWORD})
    assert again.status_code == 303


def test_a_token_goes_only_with_the_cookie_that_it_was_made_for(server: Flask, services: SimpleNamespace) -> None:
    user, client, other = user_of(services), server.test_client(), server.test_client()
    theirs = fields(other.get("/sign-in", headers=HTML).text)
    client.get("/sign-in", headers=HTML)
    assert client.post("/sign-in", data={**theirs, "email": user.email, "password": PASSWORD}).status_code == 403


def test_a_form_of_a_megabyte_is_not_read(server: Flask, services: SimpleNamespace) -> None:
    user_of(services)
    assert server.test_client().post("/sign-in", data={"email": "x" * 1_000_000}).status_code == 413


def test_two_open_forms_of_one_browser_both_work(server: Flask, services: SimpleNamespace) -> None:
    user, client = user_of(services), server.test_client()
    first, second = (fields(client.get("/sign-in", headers=HTML).text) for _ in range(2))
    for form in (second, first):
        assert client.post("/sign-in", data={**form, "email": user.email, "password": PASSWORD}).status_code == 303


def test_another_site_cannot_sign_anybody_in_or_out(server: Flask, services: SimpleNamespace) -> None:
    user = user_of(services)
    client = signed_in_client(server, user)
    form = {**fields(server.test_client().get("/sign-in", headers=HTML).text), "email": user.email, "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert client.post("/sign-in", data=form, headers=headers).status_code == 403
        assert client.post("/sign-out", headers=headers).status_code == 403
    assert client.post("/sign-out").status_code == 403  # nothing says that it is one of our pages
    assert client.get("/sign-out", headers=HTML).status_code != 303
    assert client.get("/_dash-layout").status_code == 200


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}])
def test_signing_out_ends_the_session_and_takes_the_cookie(server: Flask, services: SimpleNamespace, headers: dict[str, str]) -> None:
    client = signed_in_client(server, user_of(services))
    response = client.post("/sign-out", headers=headers)
    assert (response.status_code, response.location) == (303, "/sign-in")
    assert "andon_session=;" in cookie_line(response, "andon_session")
    assert client.get("/_dash-layout").status_code == 401
    with tenant_transaction(services.database.engine, services.open_tenant_id) as connection:
        assert connection.execute(text("select count(*) from sessions")).scalar_one() == 0


def test_signing_in_again_ends_the_browsers_session_before(server: Flask, services: SimpleNamespace) -> None:
    user = user_of(services)
    client = signed_in_client(server, user)
    before = client.get_cookie("andon_session")
    assert before is not None
    form = fields(server.test_client().get("/sign-in", headers=HTML).text)
    own = client.post("/sign-in", data={**form, "email": user.email, "password": PASSWORD})
    assert own.status_code == 403  # the other browser's token; this one has a form of its own
    own = client.post("/sign-in", data={**form, **fields(own.text), "email": user.email, "password": PASSWORD})
    assert own.status_code == 303
    after = client.get_cookie("andon_session")
    assert after is not None
    assert after.value != before.value
    with tenant_transaction(services.database.engine, services.open_tenant_id) as connection:
        assert connection.execute(text("select count(*) from sessions")).scalar_one() == 1


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/devices/MX-01?range=8h#history", "/devices/MX-01?range=8h#history"), ("/", "/"), (None, "/"), ("", "/"),
        ("https://evil.example/", "/"), ("//evil.example", "/"), ("///evil.example", "/"), ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"), ("/\t/evil.example", "/"), ("/\n/evil.example", "/"), ("javascript:alert(1)", "/"),
        ("devices", "/"), ("http:evil.example", "/"), ("/sign-out", "/"), ("/sign-in?next=/x", "/"), ("/_dash-layout", "/"),
        ("//[broken", "/"), ("/" + "x" * 3000, "/"), ("/a?next=https://evil.example", "/a?next=https://evil.example"),
    ],
)  # fmt: skip
def test_only_a_path_of_this_site_is_gone_to_after_signing_in(wanted: str | None, goes: str) -> None:
    assert safe_next(wanted) == goes


def test_the_form_tells_the_browser_and_the_screen_reader_what_its_fields_are(server: Flask, services: SimpleNamespace) -> None:
    user_of(services)
    page = server.test_client().get("/sign-in", headers=HTML).text
    assert '<html lang="en">' in page
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    for name in ("email", "password"):
        assert f'<label for="{name}">' in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\s(on\w+|style)=", page)
    assert re.findall(r'(?:src|href|action)="([^"/][^"]*)"', page) == []


# set-up


@pytest.fixture
def empty(server: Flask, services: SimpleNamespace) -> FlaskClient:
    """A browser at a server that nobody has an account on."""
    remove_everyone(services.database)
    services.set_up_code = CODE
    return server.test_client()


def typed(**changes: str) -> dict[str, str]:
    return {"code": CODE, "name": "Ada Owner", "email": new_email(), "password": PASSWORD} | changes


def test_the_first_visitor_is_led_to_the_set_up_and_becomes_the_owner(empty: FlaskClient, services: SimpleNamespace) -> None:
    assert empty.get("/devices/MX-01", headers=HTML).location == "/set-up"
    assert empty.get("/sign-in", headers=HTML).location == "/set-up"
    given = typed()
    response = send(empty, "/set-up", **given)
    assert (response.status_code, response.location) == (303, "/")
    assert empty.get("/_dash-layout").status_code == 200
    with services.database.engine.connect() as connection:
        owner = people.find_user(connection, given["email"])
    assert owner is not None
    assert owner.tenant_id == services.open_tenant_id
    assert [action for _, action, _ in audit_of(services.database, owner.tenant_id)] == ["create_owner", "sign_in"]
    assert services.set_up_code is None
    assert empty.get("/set-up", headers=HTML).location == "/sign-in"


@pytest.mark.parametrize("code", ["12AB-34CD-56EF", " 12ab - 34cd-56ef "])
def test_the_code_may_be_typed_with_blanks_and_capitals(empty: FlaskClient, code: str) -> None:
    assert send(empty, "/set-up", **typed(code=code)).status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("code", "12ab-34cd-56ee", "not the code"),
        ("code", "", "not the code"),
        ("code", "\ud800".encode("utf-8", "replace").decode(), "not the code"),
        ("email", "ada", "not an e-mail address"),
        ("name", " ", "1 to 200 characters"),
        ("password", "short", "at least 12 characters"),
        ("password", "password1234", "easy to guess"),
    ],
)
def test_what_cannot_be_taken_is_said_beside_its_field_and_the_rest_stays_typed(
    empty: FlaskClient, field: str, value: str, said: str
) -> None:
    given = typed(**{field: value})
    response = send(empty, "/set-up", **given)
    assert response.status_code == 422
    error = re.search(rf'id="{field}-error" role="alert">([^<]*)<', response.text)
    assert error is not None
    assert said in error[1]
    kept = fields(response.text)
    assert {name: kept[name] for name in ("code", "name", "email")} == {name: given[name] for name in ("code", "name", "email")}
    assert kept["password"] == ""


def test_the_code_cannot_be_guessed(empty: FlaskClient, services: SimpleNamespace) -> None:
    for _ in range(10):
        assert send(empty, "/set-up", **typed(code="0000-0000-0000")).status_code == 422
    response = send(empty, "/set-up", **typed())
    assert response.status_code == 429
    assert "Too many attempts, try again in 5 min." in response.text
    forget_attempts(services.database)
    assert send(empty, "/set-up", **typed()).status_code == 303


def test_without_a_code_of_this_process_there_is_no_set_up(empty: FlaskClient, services: SimpleNamespace) -> None:
    services.set_up_code = None
    response = send(empty, "/set-up", **typed(code=""))
    assert response.status_code == 422
    assert "start it again" in response.text


def test_a_set_up_from_another_site_or_without_its_token_is_none(empty: FlaskClient) -> None:
    form = {**fields(empty.get("/set-up", headers=HTML).text), **typed()}
    assert empty.post("/set-up", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert empty.post("/set-up", data={**form, "csrf_token": "x"}).status_code == 403


def test_of_two_first_visitors_one_becomes_the_owner_and_the_other_is_led_to_the_sign_in(
    empty: FlaskClient, server: Flask, services: SimpleNamespace
) -> None:
    clients = [empty, *(server.test_client() for _ in range(3))]
    forms = [{**fields(client.get("/set-up", headers=HTML).text), **typed()} for client in clients]
    went = []

    def go(client: FlaskClient, form: dict[str, str]) -> None:
        went.append(client.post("/set-up", data=form).location)

    threads = [threading.Thread(target=go, args=pair) for pair in zip(clients, forms, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(went) == ["/", "/sign-in", "/sign-in", "/sign-in"]


def test_once_another_replica_has_made_the_owner_the_form_is_gone(empty: FlaskClient, services: SimpleNamespace) -> None:
    form = {**fields(empty.get("/set-up", headers=HTML).text), **typed()}
    create_owner(services.database, tenant_id=services.open_tenant_id, email=new_email(), name="Ada", password=PASSWORD)
    assert empty.post("/set-up", data=form).location == "/sign-in"


def test_the_set_up_names_its_fields_for_password_managers(empty: FlaskClient) -> None:
    page = empty.get("/set-up", headers=HTML).text
    found = re.findall(r'name="(\w+)" autocomplete="([\w-]+)"', page)
    assert found == [("code", "one-time-code"), ("name", "name"), ("email", "username"), ("password", "new-password")]


def test_a_session_of_long_ago_does_not_keep_anybody_from_the_form(server: Flask, services: SimpleNamespace) -> None:
    user = user_of(services)
    client = signed_in_client(server, user)
    with tenant_transaction(services.database.engine, services.open_tenant_id) as connection:
        connection.execute(text("update sessions set expires_at = :now"), {"now": datetime.now(UTC)})
    assert client.get("/sign-in", headers=HTML).status_code == 200
    assert send(client, "/sign-in", email=user.email, password=PASSWORD).location == "/"
