"""Who asks too often is told when to ask again; strangers, programs, ingest keys and pages have allowances of their own. And CORS."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from dashapp.actions import passwords
from dashapp.actions.access import sign_in
from dashapp.actions.keys import create_key
from dashapp.api.tokens import issue_token
from dashapp.ingest.services import make_services
from dashapp.server import create_app
from dashapp.settings import Settings
from db.commands.partitions import PartitionKeeper
from db.engine import Database
from tests.integration.access import PASSWORD, administrator, forget_attempts, new_user
from tests.integration.programs import bearer
from tests.integration.web import clean_dash

pytestmark = pytest.mark.requirement("AP-4")
ME, MACHINES, READINGS = "/api/v1/auth/me", "/api/v1/machines", "/api/v1/readings"


class Site:
    """A whole application with its own settings."""

    def __init__(self, database: Database, tmp_path: Any, **settings: Any) -> None:
        made = Settings(data_dir=tmp_path, **settings)
        self.services = make_services(made, database, PartitionKeeper(database))
        self.app = create_app(self.services)

    def ask(self, method: str, path: str, *, times: int = 1, client: str = "192.0.2.1", **more: Any) -> list[httpx.Response]:
        """The same request so many times, from an address."""

        async def all_of_them() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(client, 1234))
            async with httpx.AsyncClient(transport=transport, base_url="http://andon.example") as asking:
                return [await asking.request(method, path, **more) for _ in range(times)]

        return asyncio.run(all_of_them())


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch, database: Database) -> Any:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    with clean_dash():
        yield


def statuses(answers: list[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


def is_told_when(answer: httpx.Response) -> None:
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 120
    assert answer.json()["title"] == "Too many requests"


def test_strangers_count_by_address_and_whoever_is_known_does_not(database: Database, tenant: int, tmp_path: Any) -> None:
    site, user = Site(database, tmp_path, rate_strangers=5), new_user(database, tenant)
    token = bearer(issue_token(database, user))
    assert statuses(site.ask("GET", ME, headers=token, times=20)) == [200] * 20  # it is no stranger who shows a good token
    answers = site.ask("GET", ME, times=7)
    assert statuses(answers) == [401] * 5 + [429] * 2
    is_told_when(answers[-1])
    is_told_when(site.ask("GET", ME, headers=bearer("a.b.c"))[0])  # another guess from there is not even looked at
    is_told_when(site.ask("GET", "/api/v1/no-such-path")[0])
    is_told_when(site.ask("POST", READINGS, json={})[0])
    is_told_when(site.ask("POST", READINGS, json={}, headers={"X-API-Key": "andon_a-guess"})[0])
    assert statuses(site.ask("GET", ME, headers=token, times=2)) == [200] * 2  # who was known before goes on beside them
    assert statuses(site.ask("GET", "/api/v1/health", times=3)) == [200] * 3
    assert statuses(site.ask("GET", ME, client="192.0.2.2")) == [401]
    page = site.ask("GET", "/", headers={"Accept": "text/html"})[0]
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (429, "text/html")
    assert int(page.headers["retry-after"]) >= 1


def test_a_hundred_a_minute_is_what_strangers_have() -> None:
    assert Settings().rate_strangers == 100


def test_each_person_has_an_allowance(database: Database, tenant: int, tmp_path: Any) -> None:
    site = Site(database, tmp_path, rate_programs=4)
    first, second = (bearer(issue_token(database, new_user(database, tenant))) for _ in range(2))
    answers = site.ask("GET", MACHINES, headers=first, times=6)
    assert statuses(answers) == [200] * 4 + [429] * 2
    is_told_when(answers[-1])
    assert statuses(site.ask("GET", MACHINES, headers=second)) == [200]


def test_ingest_keys_and_pages_have_allowances_of_their_own(database: Database, tenant: int, tmp_path: Any) -> None:
    site = Site(database, tmp_path, rate_programs=1, rate_ingest=3, rate_pages=2)
    user = new_user(database, tenant)
    _, secret = create_key(database, administrator(tenant), "Gateway", ["ingest", "read"], None)
    key = {"X-API-Key": secret}
    assert statuses(site.ask("GET", MACHINES, headers=key, times=2)) == [200, 429]
    posted = site.ask("POST", READINGS, headers=key, content=b"{", times=4)
    assert [status == 429 for status in statuses(posted)] == [False] * 3 + [True]
    is_told_when(posted[-1])
    session = sign_in(database, user.email, PASSWORD, None, None, datetime.now(UTC))
    cookie = {"Cookie": f"andon_session={session.token}", "Accept": "*/*"}
    assert statuses(site.ask("GET", "/_dash-layout", headers=cookie, times=3)) == [200, 200, 429]
    assert statuses(site.ask("GET", "/assets/tokens.css", headers=cookie, times=3)) == [200] * 3


def test_another_sites_page_may_call_only_where_the_setting_names_it(database: Database, tenant: int, tmp_path: Any) -> None:
    origin = {"Origin": "https://tools.plant.example"}
    asks = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    closed = Site(database, tmp_path)
    assert "access-control-allow-origin" not in closed.ask("GET", ME, headers=origin)[0].headers
    assert closed.ask("OPTIONS", READINGS, headers=asks)[0].status_code in (404, 405)
    site = Site(database, tmp_path, cors_origins="https://tools.plant.example, https://other.example/")
    token = bearer(issue_token(database, new_user(database, tenant)))
    answer = site.ask("GET", ME, headers={**origin, **token})[0]
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin["Origin"])
    assert "access-control-allow-credentials" not in answer.headers  # no cookie of ours works from there
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    for path in (READINGS, MACHINES):
        before = site.ask("OPTIONS", path, headers=asks)[0]
        assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, origin["Origin"])
    assert "access-control-allow-origin" not in site.ask("GET", ME, headers={"Origin": "https://elsewhere.example", **token})[0].headers
    assert "access-control-allow-origin" not in site.ask("GET", "/sign-in", headers=origin)[0].headers


def test_a_path_with_another_method_says_which_it_takes(database: Database, tmp_path: Any) -> None:
    site = Site(database, tmp_path)
    for method, path, allowed in (("DELETE", ME, "GET"), ("GET", "/api/v1/readings", "POST"), ("PATCH", "/api/v1/health", "GET")):
        answer = site.ask(method, path)[0]
        assert answer.status_code == 405
        assert allowed in answer.headers["allow"].split(", ")
        assert answer.json()["field"] == "method"
    nowhere = site.ask("GET", "/api/v1/nothing/here")[0]
    assert (nowhere.status_code, nowhere.json()["field"]) == (404, "path")
