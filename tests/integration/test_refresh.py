"""Programs that people sign in: refresh tokens that are good for once, families that end."""

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from dashapp.actions import changes, passwords, tokens
from dashapp.actions.access import SignInRefused, change_password
from dashapp.actions.keys import hash_of
from dashapp.api.tokens import read_token
from db.commands.tokens import forget_old_families
from db.engine import Database
from db.queries import people
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, audit_of, forget_attempts, new_user
from tests.integration.programs import LOGIN, ME, Client, bearer, is_problem, make_client

pytestmark = pytest.mark.requirement("AP-4")
REFRESH, LOGOUT = "/api/v1/auth/refresh", "/api/v1/auth/logout"
NOW = datetime.now(UTC)


@pytest.fixture
def client(database: Database, monkeypatch: pytest.MonkeyPatch) -> Client:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    return make_client(database, monkeypatch)


def signed_in(client: Client, user: people.Person) -> dict[str, Any]:
    """What a login answers."""
    given: dict[str, Any] = client.post(LOGIN, data={"username": user.email, "password": PASSWORD}).json()
    return given


def refreshed(client: Client, token: str) -> Any:
    """The answer to a refresh token."""
    return client.post(REFRESH, json={"refresh_token": token})


def test_each_refresh_gives_the_next_pair_and_only_hashes_are_stored(client: Client, database: Database, tenant: int) -> None:
    first = signed_in(client, new_user(database, tenant))
    assert 0 < first["refresh_expires_in"] <= 30 * 86_400
    second = refreshed(client, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["refresh_expires_in"] <= first["refresh_expires_in"]  # refreshing does not put off the end
    for given in (first, second):
        assert client.get(ME, headers=bearer(given["access_token"])).status_code == 200
    assert refreshed(client, second["refresh_token"]).status_code == 200
    with tenant_transaction(database.engine, tenant) as connection:
        stored = connection.execute(text("select to_jsonb(r)::text from refresh_tokens r")).scalars().all()
    assert len(stored) == 3
    assert not any(given["refresh_token"] in row for given in (first, second) for row in stored)


def test_a_replayed_token_ends_its_whole_family_and_no_other(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant)
    first, other = signed_in(client, user), signed_in(client, user)
    second = refreshed(client, first["refresh_token"]).json()
    is_problem(refreshed(client, first["refresh_token"]), 401)  # the thief, or the person: nobody can tell
    is_problem(refreshed(client, second["refresh_token"]), 401)
    is_problem(client.get(ME, headers=bearer(second["access_token"])), 401)
    assert client.get(ME, headers=bearer(other["access_token"])).status_code == 200
    assert refreshed(client, other["refresh_token"]).status_code == 200
    assert ("replay_refresh_token", f"user:{user.id}") in [entry[1:] for entry in audit_of(database, tenant)]


def test_of_many_at_once_with_one_token_at_most_one_is_answered_and_the_family_ends(
    client: Client, database: Database, tenant: int
) -> None:
    token = signed_in(client, new_user(database, tenant))["refresh_token"]
    start, answered = threading.Barrier(4), []

    def use() -> None:
        start.wait()
        with contextlib.suppress(SignInRefused):
            answered.append(tokens.refresh(database, token, None, datetime.now(UTC)).token)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answered) == 1
    with pytest.raises(SignInRefused):
        tokens.refresh(database, answered[0], None, datetime.now(UTC))


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 200, "\u0000" * 43])
def test_an_unknown_token_refreshes_nothing(client: Client, token: str) -> None:
    said = is_problem(refreshed(client, token), 401)
    assert said["field"] == "refresh_token"


def test_a_family_runs_out_however_often_it_was_refreshed(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant)
    begun = tokens.begin_family(database, user, tenant, None, None, NOW, timedelta(days=30))
    later = tokens.refresh(database, begun.token, None, NOW + timedelta(days=29))
    assert later.expires_at == begun.expires_at
    with pytest.raises(SignInRefused):
        tokens.refresh(database, later.token, None, NOW + timedelta(days=31))
    with tenant_transaction(database.engine, tenant) as connection:
        assert forget_old_families(connection, NOW + timedelta(days=31)) == 1


def test_logging_out_ends_the_program_and_its_tokens_at_once(client: Client, database: Database, tenant: int) -> None:
    given = signed_in(client, new_user(database, tenant))
    assert client.get(ME, headers=bearer(given["access_token"])).status_code == 200
    assert client.post(LOGOUT, headers=bearer(given["access_token"])).status_code == 204
    is_problem(client.get(ME, headers=bearer(given["access_token"])), 401)
    is_problem(refreshed(client, given["refresh_token"]), 401)
    is_problem(client.post(LOGOUT, headers=bearer(given["access_token"])), 401)


def test_on_another_replica_a_signed_out_program_is_gone_within_five_seconds(
    client: Client, database: Database, tenant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = signed_in(client, new_user(database, tenant))
    assert client.get(ME, headers=bearer(given["access_token"])).status_code == 200
    monkeypatch.setattr(changes, "announce", lambda: None)
    client.post(LOGOUT, headers=bearer(given["access_token"]))
    client.clock.moves(5.01)
    is_problem(client.get(ME, headers=bearer(given["access_token"])), 401)


def test_a_changed_password_and_a_disabled_account_end_programs(client: Client, database: Database, tenant: int) -> None:
    first, second = new_user(database, tenant), new_user(database, tenant)
    given = [signed_in(client, user) for user in (first, second)]
    change_password(database, read_token(database, given[0]["access_token"]), PASSWORD, "seventeen red beets", datetime.now(UTC))
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update users set disabled_at = now() where id = :id"), {"id": second.id})
    for each in given:
        is_problem(refreshed(client, each["refresh_token"]), 401)


def test_a_token_of_another_family_does_not_hold_for_an_ended_one(client: Client, database: Database, tenant: int) -> None:
    user = new_user(database, tenant)
    begun = tokens.begin_family(database, user, tenant, None, None, NOW, timedelta(days=30))
    with database.engine.connect() as connection:
        found = connection.execute(text("select * from andon_find_refresh_token(:hash)"), {"hash": hash_of(begun.token)}).one()
    assert (found.tenant_id, found.family_id) == (tenant, begun.family_id)
    with database.engine.connect() as connection:  # nothing is to be seen without the hash
        assert connection.execute(text("select count(*) from refresh_tokens")).scalar_one() == 0
