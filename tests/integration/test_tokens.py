"""Bearer tokens for people, keys for devices, and how the API says no."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from dashapp.actions import access, changes, passwords
from dashapp.actions.access import change_password
from dashapp.actions.devices import create_device
from dashapp.actions.keys import create_key, revoke_key
from dashapp.api import problems, tokens
from dashapp.api.security import KeyRing
from dashapp.api.tokens import issue_token, read_token
from dashapp.domain.fleet import DeviceSpec, Role
from db.commands.installation import shared_secret
from db.engine import Database
from db.queries import people
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, administrator, audit_of, forget_attempts, new_platform_user, new_tenant, new_user
from tests.integration.programs import LOGIN, ME, Client, bearer, is_problem, make_client

pytestmark = pytest.mark.requirement("AP-4")


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def client(database: Database, monkeypatch: pytest.MonkeyPatch) -> Client:
    return make_client(database, monkeypatch)


def forged(database: Database, user: people.Person, **changes: Any) -> str:
    """A token as it is issued, with claims changed (None: left out), rightly signed."""
    secret = shared_secret(database.engine, "jwt")
    claims = jwt.decode(issue_token(database, user), options={"verify_signature": False}) | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm="HS256")


def in_the_browser(database: Database, user: people.Person, **headers: str) -> dict[str, str]:
    """What a browser with that person's session sends."""
    session = access.sign_in(database, user.email, PASSWORD, "127.0.0.1", "Firefox", datetime.now(UTC))
    return {"Cookie": f"andon_session={session.token}", **{name.replace("_", "-"): value for name, value in headers.items()}}


def test_our_own_pages_come_with_the_cookie_of_the_session(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant, Role.MANAGER)
    wish = {"name": "a", "sizes": [1]}
    for said in ({"sec_fetch_site": "same-origin"}, {"origin": "http://andon.example"}):
        assert client.post("/wish", json=wish, headers=in_the_browser(database, user, **said)).json() == {"name": "a"}
    assert client.get(ME, headers=in_the_browser(database, user)).json()["id"] == user.id


@pytest.mark.parametrize(
    "said", [{"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"origin": "http://elsewhere.example"}, {"origin": "null"},
             {"origin": "http://[x"}, {}],
)  # fmt: skip
def test_another_site_changes_nothing_with_somebodys_cookie(
    client: Client, database: Database, tenant: int, said: dict[str, str]
) -> None:
    user = new_user(database, tenant, Role.MANAGER)
    headers = in_the_browser(database, user, **said)
    is_problem(client.post("/wish", json={"name": "a", "sizes": [1]}, headers=headers), 403)


def test_an_ended_session_opens_nothing(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant, Role.MANAGER)
    headers = in_the_browser(database, user, sec_fetch_site="same-origin")
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("delete from sessions where user_id = :id"), {"id": user.id})
    is_problem(client.get(ME, headers=headers), 401)


@pytest.mark.requirement("AP-1")
def test_a_person_logs_in_with_a_form_and_is_told_who_they_are(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant, Role.OPERATOR, lines=["Building A"])
    answer = client.post(LOGIN, data={"username": user.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert (given["token_type"], given["expires_in"]) == ("bearer", 1800)
    me = client.get(ME, headers=bearer(given["access_token"])).json()
    assert (me["id"], me["email"], me["role"], me["lines"]) == (user.id, user.email, "operator", ["Building A"])
    assert me["tenant"]["id"] == tenant
    assert audit_of(database, tenant)[-1] == (f"user:{user.id}", "sign_in", f"user:{user.id}")


def test_a_wrong_password_is_said_like_an_unknown_account_and_the_eleventh_waits(
    client: Client, database: Database, tenant: int
) -> None:
    user = new_user(database, tenant)
    for name in (user.email, "nobody@plant.example"):
        said = is_problem(client.post(LOGIN, data={"username": name, "password": "seventeen red beets"}), 401)
        assert said["detail"] == "wrong e-mail or password"
    for _ in range(9):
        client.post(LOGIN, data={"username": user.email, "password": "seventeen red beets"})
    waiting = client.post(LOGIN, data={"username": user.email, "password": PASSWORD})
    is_problem(waiting, 429)
    assert 0 < int(waiting.headers["retry-after"]) <= 300


def test_without_a_token_there_is_no_answer(client: Client) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}, bearer("x"), bearer("a.b.c"), bearer("x" * 9_000)):
        refused = client.get(ME, headers=headers)
        is_problem(refused, 401)
        assert refused.headers["www-authenticate"].startswith("Bearer")


def test_a_token_without_signature_is_refused(client: Client, database: Database, tenant: int) -> None:
    claims = jwt.decode(issue_token(database, new_user(database, tenant)), options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none")
    is_problem(client.get(ME, headers=bearer(unsigned)), 401)
    head = base64.urlsafe_b64encode(b'{"alg":"nOnE","typ":"JWT"}').rstrip(b"=").decode()
    is_problem(client.get(ME, headers=bearer(f"{head}.{unsigned.split('.')[1]}.")), 401)


def test_a_token_changed_by_its_holder_is_refused(client: Client, database: Database, tenant: int) -> None:
    user, victim = new_user(database, tenant), new_user(database, tenant, Role.ADMIN)
    head, body, signature = issue_token(database, user).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["sub"] = str(victim.id)
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    is_problem(client.get(ME, headers=bearer(f"{head}.{changed}.{signature}")), 401)


def test_a_token_of_another_secret_is_refused(client: Client, database: Database, tenant: int) -> None:
    claims = jwt.decode(issue_token(database, new_user(database, tenant)), options={"verify_signature": False})
    is_problem(client.get(ME, headers=bearer(jwt.encode(claims, "x" * 43, algorithm="HS256"))), 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-api"}, {"aud": None}, {"iss": "another"}, {"iss": None}, {"exp": None}, {"sub": None}, {"jti": None},
        {"tid": None}, {"tid": "x"}, {"sub": "x"}, {"pwd": None}, {"iat": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_is_not_for_this_or_lacks_something_is_refused(
    client: Client, database: Database, tenant: int, changes: dict[str, Any]
) -> None:
    user = new_user(database, tenant)
    assert client.get(ME, headers=bearer(forged(database, user))).status_code == 200
    is_problem(client.get(ME, headers=bearer(forged(database, user, **changes))), 401)


def test_a_token_runs_out(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant)
    old = issue_token(database, user, minutes=30, now=datetime.now(UTC) - timedelta(minutes=31))
    assert "expired" in is_problem(client.get(ME, headers=bearer(old)), 401)["detail"]


def test_a_token_of_one_tenant_does_not_open_another(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant)
    is_problem(client.get(ME, headers=bearer(forged(database, user, tid=new_tenant(database)))), 401)


@pytest.mark.requirement("FL-4")
def test_a_token_looks_into_another_tenant_only_for_people_of_the_platform(client: Client, database: Database, tenant: int) -> None:
    other = new_tenant(database)
    platform = new_platform_user(database, tenant)
    actor = read_token(database, issue_token(database, platform, tenant_id=other))
    assert (actor.tenant_id, actor.home, actor.role) == (other, tenant, Role.ADMIN)
    is_problem(client.get(ME, headers=bearer(issue_token(database, new_user(database, tenant), tenant_id=other))), 401)
    is_problem(client.get(ME, headers=bearer(issue_token(database, platform, tenant_id=2_000_000_000))), 401)
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update users set is_platform = false"))
    is_problem(client.get(ME, headers=bearer(issue_token(database, platform, tenant_id=other))), 401)


def test_a_changed_role_holds_with_the_next_request(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant, Role.MANAGER)
    token, wish = bearer(issue_token(database, user)), {"name": "x", "sizes": []}
    assert client.post("/wish", json=wish, headers=token).status_code == 200
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update users set role = 'viewer'"))
    changes.announce()
    assert is_problem(client.post("/wish", json=wish, headers=token), 403)["field"] == "role"


def test_a_disabled_account_and_a_changed_password_end_tokens_at_once(client: Client, database: Database, tenant: int) -> None:
    first, second = new_user(database, tenant), new_user(database, tenant)
    tokens = [bearer(issue_token(database, user)) for user in (first, second)]
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update users set disabled_at = now() where id = :id"), {"id": first.id})
    change_password(database, read_token(database, tokens[1]["Authorization"][7:]), PASSWORD, "seventeen red beets", datetime.now(UTC))
    for token in tokens:
        is_problem(client.get(ME, headers=token), 401)


def test_replacing_the_installations_secret_ends_every_token(
    database: Database, tenant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "SECRET_READ_EVERY_S", 0.0)
    user = new_user(database, tenant)
    token = issue_token(database, user)
    with database.engine.begin() as connection:
        connection.execute(text("delete from installation where name = 'secret:jwt'"))
    with pytest.raises(problems.Problem, match="not valid"):
        read_token(database, token)
    assert read_token(database, issue_token(database, user)).id == user.id


def test_replicas_share_the_secret_that_the_first_of_them_made(database: Database) -> None:
    assert shared_secret(database.engine, "of-a-test") == shared_secret(database.engine, "of-a-test")
    assert len(shared_secret(database.engine, "of-a-test")) >= 43


# how the API says no


def test_a_body_that_does_not_fit_says_every_field_and_reason(client: Client, database: Database, tenant: int) -> None:
    token = bearer(issue_token(database, new_user(database, tenant, Role.MANAGER)))
    said = is_problem(client.post("/wish", json={"sizes": [1, "x"]}, headers=token), 422)
    assert [error["field"] for error in said["errors"]] == ["name", "sizes.1"]
    assert (said["field"], said["reason"]) == ("name", "Field required")
    assert is_problem(client.post("/wish", content=b"{", headers=token), 422)["field"] == "body"
    assert is_problem(client.post("/wish", headers=token), 422)["field"] == "body"
    assert "seventeen" not in client.post("/wish", json={"name": ["seventeen"]}, headers=token).text


@pytest.mark.parametrize(("name", "status"), [("taken", 409), ("nul", 422), ("away", 503), ("broken", 500)])
def test_what_goes_wrong_inside_is_a_problem_that_tells_no_secrets(
    client: Client, database: Database, tenant: int, name: str, status: int
) -> None:
    token = bearer(issue_token(database, new_user(database, tenant, Role.MANAGER)))
    said = is_problem(client.post("/wish", json={"name": name, "sizes": []}, headers=token), status)
    assert "secret" not in json.dumps(said)


def test_an_unknown_route_and_a_wrong_method_are_problems(client: Client) -> None:
    is_problem(client.get("/api/v1/nothing"), 404)
    refused = client.get(LOGIN)
    is_problem(refused, 405)
    assert refused.headers["allow"] == "POST"


def test_too_large_a_body_is_refused_before_it_is_read_announced_or_not(client: Client) -> None:
    is_problem(client.post(LOGIN, data={"username": "x", "password": "y" * 30_000}), 413)
    read = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            read.append(1)
            yield b"username=" + b"x" * 1_000

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post(LOGIN, content=endless(), headers=form).status_code == 400
    assert len(read) < 30


# keys


def test_a_key_is_remembered_for_five_seconds_and_forgotten_when_it_is_revoked(database: Database, tenant: int) -> None:
    ring = KeyRing(database)
    key_id, secret = create_key(database, administrator(tenant), "Press 4", ["ingest"], None)
    assert ring.cached(secret) is None
    grant = ring.find(secret)
    assert grant is not None
    assert (grant.tenant_id, grant.id) == (tenant, key_id)
    assert ring.cached(secret) is grant
    revoke_key(database, administrator(tenant), key_id)
    assert ring.cached(secret) is None
    assert ring.find(secret) is None


@pytest.mark.parametrize("headers", [{"x-api-key": "{}"}, {"authorization": "Bearer {}"}, {"authorization": "ApiKey {}"}], ids=str)
def test_a_key_comes_in_either_header(client: Client, database: Database, tenant: int, headers: dict[str, str]) -> None:
    key_id, secret = create_key(database, administrator(tenant), "Press 4", ["read"], None)
    seen = client.get("/seen", headers={name: value.format(secret) for name, value in headers.items()})
    assert seen.json() == {"tenant": tenant, "who": f"key:{key_id}", "role": "viewer"}


def test_a_missing_an_unknown_and_a_narrower_key_are_refused_with_the_reason(client: Client, database: Database, tenant: int) -> None:
    _, secret = create_key(database, administrator(tenant), "Press 4", ["ingest"], None)
    is_problem(client.get("/seen"), 401)
    unknown = is_problem(client.get("/seen", headers={"X-API-Key": "andon_nobody-has-this-key-22"}), 401)
    assert (unknown["field"], unknown["reason"]) == ("X-API-Key", "unknown or revoked")
    narrower = is_problem(client.get("/seen", headers={"X-API-Key": secret}), 403)
    assert narrower["reason"] == "needs the scope read"


def test_a_key_may_only_what_is_open_to_keys_and_one_of_a_device_only_what_is_about_devices(
    client: Client, database: Database, tenant: int
) -> None:
    device_id = create_device(database, administrator(tenant), DeviceSpec("press", "Press", "", "", ()))
    _, both = create_key(database, administrator(tenant), "Gateway", ["ingest", "read"], None)
    _, single = create_key(database, administrator(tenant), "Press", ["read"], device_id)
    assert is_problem(client.post("/wish", json={"name": "x", "sizes": []}, headers={"X-API-Key": both}), 403)["reason"] == "needs a person"
    assert is_problem(client.get("/seen", headers={"X-API-Key": single}), 403)["reason"] == "is for one device"
    assert client.get("/seen-of-device", headers={"X-API-Key": single}).json() == {"device": device_id}


def test_a_revoked_key_is_refused_at_once_and_on_other_replicas_within_five_seconds(
    client: Client, database: Database, tenant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, secret = create_key(database, administrator(tenant), "Press 4", ["read"], None)
    assert client.get("/seen", headers={"X-API-Key": secret}).status_code == 200
    revoke_key(database, administrator(tenant), key_id)
    is_problem(client.get("/seen", headers={"X-API-Key": secret}), 401)
    # Another replica hears nothing: what it remembers runs out.
    key_id, secret = create_key(database, administrator(tenant), "Press 5", ["read"], None)
    assert client.get("/seen", headers={"X-API-Key": secret}).status_code == 200
    with monkeypatch.context() as silent:
        silent.setattr(changes, "announce", lambda: None)
        revoke_key(database, administrator(tenant), key_id)
    assert changes.REMEMBERED_S <= 5
    client.clock.moves(changes.REMEMBERED_S + 0.01)
    is_problem(client.get("/seen", headers={"X-API-Key": secret}), 401)
