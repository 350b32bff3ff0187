"""The first owner, accounts, passwords, sessions, looking into another tenant."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from dashapp.actions import passwords
from dashapp.actions.access import (
    SignInRefused,
    change_password,
    create_owner,
    create_user,
    end_session,
    enter_tenant,
    list_sessions,
    sign_in,
    sign_out,
)
from dashapp.actions.actor import ActionError, Actor, Forbidden, require
from dashapp.actions.sessions import SessionReader, actor_of
from dashapp.domain.fleet import Role
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import (
    PASSWORD,
    administrator,
    audit_of,
    forget_attempts,
    new_email,
    new_platform_user,
    new_tenant,
    new_user,
    person,
    remove_everyone,
)

pytestmark = pytest.mark.requirement("FL-3")
NEW_PASSWORD = "seventeen red beets"
LASTS = timedelta(hours=12)


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def signed_in_actor(database: Database, email: str, now: datetime) -> tuple[Actor, str]:
    signed_in = sign_in(database, email, PASSWORD, "192.0.2.7", "Firefox", now, LASTS)
    found = SessionReader(database, LASTS).find(signed_in.token, now)
    assert found is not None
    return actor_of(found, "192.0.2.7"), signed_in.token


def is_signed_in(database: Database, token: str, now: datetime) -> bool:
    return SessionReader(database, LASTS).find(token, now) is not None


# the first owner


def test_the_first_owner_administers_the_plant_and_the_platform(database: Database, tenant: int) -> None:
    remove_everyone(database)
    owner = person(
        database, tenant, create_owner(database, tenant_id=tenant, email=new_email(), name="Owner", password=PASSWORD)
    )
    assert (owner.role, owner.is_platform, owner.lines) == ("admin", True, None)
    assert audit_of(database, tenant) == [(f"user:{owner.id}", "create_owner", f"user:{owner.id}")]


def test_once_somebody_has_an_account_there_is_no_second_first_owner(database: Database, tenant: int) -> None:
    new_user(database, tenant)
    with pytest.raises(ActionError) as refused:
        create_owner(database, tenant_id=new_tenant(database), email=new_email(), name="Owner", password=PASSWORD)
    assert refused.value.status == 409


def test_of_first_owners_at_the_same_moment_one_wins(database: Database, tenant: int) -> None:
    remove_everyone(database)
    made: list[int] = []
    refused: list[int] = []

    def attempt() -> None:
        try:
            made.append(create_owner(database, tenant_id=tenant, email=new_email(), name="Owner", password=PASSWORD))
        except ActionError as error:
            refused.append(error.status)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert refused == [409] * 7


@pytest.mark.parametrize(
    ("field", "email", "name", "password"),
    [
        ("email", "owner", "Owner", PASSWORD),
        ("email", "a b@plant.example", "Owner", PASSWORD),
        ("email", "a\x00@plant.example", "Owner", PASSWORD),
        ("email", "a" * 250 + "@plant.example", "Owner", PASSWORD),
        ("name", "owner@plant.example", "  ", PASSWORD),
        ("password", "owner@plant.example", "Owner", "short"),
    ],
)
def test_an_owner_without_sense_is_refused_with_the_field(
    database: Database, tenant: int, field: str, email: str, name: str, password: str
) -> None:
    remove_everyone(database)
    with pytest.raises(ActionError) as refused:
        create_owner(database, tenant_id=tenant, email=email, name=name, password=password)
    assert (refused.value.field, refused.value.status) == (field, 422)


# accounts


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.MANAGER])
def test_only_administrators_make_accounts(database: Database, tenant: int, role: Role) -> None:
    with pytest.raises(Forbidden):
        create_user(database, Actor("user", 1, tenant, role), email=new_email(), name="New", role=Role.VIEWER)


def test_an_e_mail_address_has_one_account_in_all_tenants(database: Database, tenant: int) -> None:
    user, other = new_user(database, tenant), new_tenant(database)
    with pytest.raises(ActionError) as refused:
        create_user(database, administrator(other), email=user.email.upper(), name="New", role=Role.VIEWER)
    assert (refused.value.field, refused.value.status) == ("email", 409)


def test_a_role_includes_the_ones_before_it() -> None:
    actor = Actor("user", 1, 1, Role.MANAGER)
    require(actor, Role.VIEWER)
    require(actor, Role.MANAGER)
    with pytest.raises(Forbidden, match="admin"):
        require(actor, Role.ADMIN)


# passwords


def test_a_new_password_ends_every_other_session_and_the_old_password(database: Database, tenant: int, now: datetime) -> None:
    user = new_user(database, tenant)
    actor, here = signed_in_actor(database, user.email, now)
    _, elsewhere = signed_in_actor(database, user.email, now)
    assert change_password(database, actor, PASSWORD, NEW_PASSWORD, now) == 1
    assert is_signed_in(database, here, now)
    assert not is_signed_in(database, elsewhere, now)
    with pytest.raises(SignInRefused):
        sign_in(database, user.email, PASSWORD, None, None, now)
    assert sign_in(database, user.email, NEW_PASSWORD, None, None, now).user_id == user.id
    assert (actor.label, "change_password", actor.label) in audit_of(database, tenant)


def test_a_new_password_needs_the_current_one_and_ten_guesses_are_all(database: Database, tenant: int, now: datetime) -> None:
    actor, _ = signed_in_actor(database, new_user(database, tenant).email, now)
    for _ in range(10):
        with pytest.raises(ActionError, match="not your password"):
            change_password(database, actor, "a guess at it", NEW_PASSWORD, now)
    with pytest.raises(SignInRefused, match="too many attempts"):
        change_password(database, actor, PASSWORD, NEW_PASSWORD, now)


def test_a_new_password_that_is_easy_to_guess_is_refused(database: Database, tenant: int, now: datetime) -> None:
    user = new_user(database, tenant)
    actor, _ = signed_in_actor(database, user.email, now)
    with pytest.raises(ActionError, match="easy to guess"):
        change_password(database, actor, PASSWORD, user.email, now)


# sessions


def test_signing_out_ends_the_session_at_once_in_every_reader_of_the_process(database: Database, tenant: int, now: datetime) -> None:
    actor, token = signed_in_actor(database, new_user(database, tenant).email, now)
    reader = SessionReader(database, LASTS)
    assert reader.find(token, now) is not None
    sign_out(database, actor)
    assert reader.find(token, now) is None
    sign_out(database, actor)
    assert [action for _, action, _ in audit_of(database, tenant)] == ["create_user", "sign_in", "sign_out"]


def test_a_session_is_read_once_in_five_seconds(database: Database, tenant: int, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = signed_in_actor(database, new_user(database, tenant).email, now)
    reader, reads = SessionReader(database, LASTS), []
    read = reader._read
    monkeypatch.setattr(reader, "_read", lambda hashed: reads.append(hashed) or read(hashed))
    for _ in range(20):
        assert reader.find(token, now) is not None
    assert len(reads) == 1


def test_activity_moves_the_end_of_a_session_on_and_is_noted_once_a_minute(database: Database, tenant: int, now: datetime) -> None:
    actor, token = signed_in_actor(database, new_user(database, tenant).email, now)
    reader = SessionReader(database, LASTS)

    def noted() -> tuple[datetime, datetime]:
        with tenant_transaction(database.engine, tenant) as connection:
            row = connection.execute(text("select seen_at, expires_at from sessions where id = :id"), {"id": actor.session_id}).one()
        return row.seen_at, row.expires_at

    assert reader.find(token, now + timedelta(seconds=59))
    assert noted() == (now, now + LASTS)
    later = now + timedelta(hours=11)
    assert reader.find(token, later)
    assert reader.find(token, later + timedelta(seconds=59))
    assert noted() == (later, later + LASTS)
    assert reader.find(token, now + timedelta(hours=22))


def test_without_activity_a_session_ends(database: Database, tenant: int, now: datetime) -> None:
    _, token = signed_in_actor(database, new_user(database, tenant).email, now)
    reader = SessionReader(database, LASTS)
    assert reader.find(token, now)
    assert reader.find(token, now + LASTS) is None


def test_after_thirty_days_a_session_ends_whatever_happens(database: Database, tenant: int, now: datetime) -> None:
    actor, token = signed_in_actor(database, new_user(database, tenant).email, now)
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update sessions set created_at = :made"), {"made": now - timedelta(days=29, hours=23)})
    assert SessionReader(database, LASTS).find(token, now + timedelta(minutes=2))
    with tenant_transaction(database.engine, tenant) as connection:
        ends = connection.execute(text("select expires_at from sessions where id = :id"), {"id": actor.session_id}).scalar_one()
    assert ends == now + timedelta(hours=1)


def test_a_disabled_person_is_out(database: Database, tenant: int, now: datetime) -> None:
    _, token = signed_in_actor(database, new_user(database, tenant).email, now)
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update users set disabled_at = now()"))
    assert not is_signed_in(database, token, now)


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "ü" * 43, "\ud800" * 43, "x" * 100_000])
def test_a_token_that_was_never_given_finds_nothing(database: Database, now: datetime, token: str) -> None:
    assert not is_signed_in(database, token, now)


def test_people_list_and_end_their_own_sessions(database: Database, tenant: int, now: datetime) -> None:
    user = new_user(database, tenant)
    actor, _ = signed_in_actor(database, user.email, now)
    _, elsewhere = signed_in_actor(database, user.email, now + timedelta(seconds=1))
    listed = list_sessions(database, actor, now)
    assert [row.id == actor.session_id for row in listed] == [False, True]
    assert {(row.address, row.agent) for row in listed} == {("192.0.2.7", "Firefox")}
    end_session(database, actor, listed[0].id)
    assert not is_signed_in(database, elsewhere, now)
    assert len(list_sessions(database, actor, now)) == 1


def test_other_peoples_sessions_are_for_administrators_of_their_tenant(database: Database, tenant: int, now: datetime) -> None:
    user, colleague = new_user(database, tenant), new_user(database, tenant, Role.MANAGER)
    theirs, token = signed_in_actor(database, user.email, now)
    mine, _ = signed_in_actor(database, colleague.email, now)
    assert theirs.session_id is not None
    with pytest.raises(Forbidden):
        list_sessions(database, mine, now, user.id)
    with pytest.raises(Forbidden):
        end_session(database, mine, theirs.session_id, user.id)
    with pytest.raises(ActionError):
        end_session(database, mine, theirs.session_id)
    stranger = administrator(new_tenant(database))
    assert list_sessions(database, stranger, now, user.id) == []
    with pytest.raises(ActionError):
        end_session(database, stranger, theirs.session_id, user.id)
    assert len(list_sessions(database, administrator(tenant), now, user.id)) == 1
    end_session(database, administrator(tenant), theirs.session_id, user.id)
    assert not is_signed_in(database, token, now)


# another tenant


@pytest.mark.requirement("FL-4")
def test_people_of_the_platform_look_into_another_tenant_and_both_logs_say_so(database: Database, tenant: int, now: datetime) -> None:
    user, other = new_platform_user(database, tenant), new_tenant(database)
    actor, token = signed_in_actor(database, user.email, now)
    enter_tenant(database, actor, tenant)
    enter_tenant(database, actor, other)
    reader = SessionReader(database, LASTS)
    found = reader.find(token, now)
    assert found is not None
    abroad = actor_of(found)
    assert (abroad.tenant_id, abroad.home, abroad.role, abroad.label) == (other, tenant, Role.ADMIN, f"user:{user.id}")
    assert audit_of(database, tenant)[-1][:2] == audit_of(database, other)[-1][:2] == (f"user:{user.id}", "enter_tenant")
    assert sign_in(database, user.email, PASSWORD, None, None, now).active_tenant_id == other
    assert len(list_sessions(database, abroad, now)) == 2
    enter_tenant(database, abroad, tenant)
    home = reader.find(token, now)
    assert home is not None
    assert actor_of(home).tenant_id == tenant


@pytest.mark.requirement("FL-4")
def test_nobody_else_looks_into_another_tenant(database: Database, tenant: int, now: datetime) -> None:
    actor, token = signed_in_actor(database, new_user(database, tenant, Role.ADMIN).email, now)
    other = new_tenant(database)
    with pytest.raises(Forbidden):
        enter_tenant(database, actor, other)
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update sessions set active_tenant_id = :other"), {"other": other})
    found = SessionReader(database, LASTS).find(token, now)
    assert found is not None
    assert actor_of(found).tenant_id == tenant  # even where the row said so
    assert audit_of(database, other) == []


@pytest.mark.requirement("FL-4")
def test_a_tenant_that_is_not_there_cannot_be_entered(database: Database, tenant: int, now: datetime) -> None:
    actor, _ = signed_in_actor(database, new_platform_user(database, tenant).email, now)
    with pytest.raises(ActionError) as refused:
        enter_tenant(database, actor, 2_000_000_000)
    assert refused.value.status == 404
