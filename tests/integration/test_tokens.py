"""Bearer tokens for people, keys for devices, and how the API says no."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from dashapp.actions import passwords
from dashapp.actions.access import change_password
from dashapp.actions.actor import ActionError, Actor, require
from dashapp.actions.keys import create_key, revoke_key
from dashapp.api import problems, security
from dashapp.api.rest import auth
from dashapp.api.security import KeyRing, issue_token, read_token, signed_in
from dashapp.domain.fleet import Role
from dashapp.settings import Settings
from db.commands.installation import shared_secret
from db.engine import Database
from db.queries import people
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, administrator, audit_of, forget_attempts, new_platform_user, new_tenant, new_user

pytestmark = pytest.mark.requirement("AP-4")
LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"


class Client:
    """Asks the application itself, without a socket."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, more))

    async def _ask(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://andon.example") as client:
            return await client.request(method, path, **more)


class Wish(BaseModel):
    """What the tests' own route takes."""

    name: str
    sizes: list[int]


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def client(database: Database) -> Client:
    api = FastAPI()
    api.state.services = SimpleNamespace(database=database, settings=Settings(body_bytes=20_000))
    problems.register(api)
    api.include_router(auth.router)

    @api.post("/wish")
    def wish(wish: Wish, actor: Annotated[Actor, Depends(signed_in)]) -> dict[str, Any]:
        require(actor, Role.MANAGER)
        if wish.name == "taken":
            raise ActionError("name", "there is one already", status=409)
        if wish.name == "nul":
            raise DataError("insert", {}, ValueError("NUL"))
        if wish.name == "away":
            raise OperationalError("select", {}, ConnectionError("gone"))
        if wish.name == "broken":
            raise RuntimeError("a secret of the inside")
        return {"name": wish.name}

    return Client(api)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def forged(database: Database, user: people.Person, **changes: Any) -> str:
    """A token as it is issued, with claims changed (None: left out), rightly signed."""
    secret = shared_secret(database.engine, "jwt")
    claims = jwt.decode(issue_token(database, user), options={"verify_signature": False}) | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm="HS256")


def is_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = response.json()
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    return said


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
    monkeypatch.setattr(security, "SECRET_READ_EVERY_S", 0.0)
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


@pytest.mark.parametrize("name", ["x-api-key", "authorization"])
def test_a_key_comes_in_either_header(database: Database, tenant: int, name: str) -> None:
    _, secret = create_key(database, administrator(tenant), "Press 4", ["ingest"], None)
    value = secret if name == "x-api-key" else f"Bearer {secret}"
    assert KeyRing(database).read_key({name: value}, "ingest").tenant_id == tenant


def test_a_missing_an_unknown_and_a_narrower_key_are_refused_with_the_reason(database: Database, tenant: int) -> None:
    ring = KeyRing(database)
    _, secret = create_key(database, administrator(tenant), "Press 4", ["ingest"], None)
    for headers, status, reason in (
        ({}, 401, "missing"),
        ({"x-api-key": "andon_nobody-has-this-key-22"}, 401, "unknown or revoked"),
        ({"x-api-key": secret}, 403, "needs the scope read"),
    ):
        with pytest.raises(problems.Problem) as refused:
            ring.read_key(headers, "read")
        assert (refused.value.status, refused.value.more["reason"]) == (status, reason)
