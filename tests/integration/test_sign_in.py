"""Signing in: who may, how often one may try, what is kept of it."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from dashapp.actions import access, passwords
from dashapp.actions.access import SignInRefused, sign_in
from dashapp.domain.fleet import Role
from db.engine import Database
from db.queries import people
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, audit_of, forget_attempts, new_email, new_tenant, new_user, person

pytestmark = pytest.mark.requirement("FL-3", "AP-4")
AGENT = "Mozilla/5.0 (X11; Linux)"


class CountingHasher(PasswordHasher):
    """Cheap parameters, and a count of what was verified."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        self.verified += 1
        return super().verify(hash, password)


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch, database: Database) -> CountingHasher:
    forget_attempts(database)
    counting = CountingHasher()
    monkeypatch.setattr(passwords, "_HASHER", counting)
    return counting


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def refused(database: Database, email: str, password: str, address: str | None, now: datetime) -> SignInRefused:
    with pytest.raises(SignInRefused) as caught:
        sign_in(database, email, password, address, AGENT, now)
    return caught.value


def test_a_session_is_a_row_that_holds_only_the_hash_of_its_token(database: Database, tenant: int, now: datetime) -> None:
    user = new_user(database, tenant, Role.OPERATOR)
    signed_in = sign_in(database, user.email, PASSWORD, "192.0.2.7", AGENT, now, timedelta(hours=8))
    assert len(signed_in.token) == 43
    assert signed_in.expires_at == now + timedelta(hours=8)
    with tenant_transaction(database.engine, tenant) as connection:
        row = connection.execute(text("select * from sessions")).one()
    assert row.token_hash == hashlib.sha256(signed_in.token.encode()).digest()
    assert (row.user_id, row.active_tenant_id, row.address, row.agent) == (user.id, tenant, "192.0.2.7", AGENT)
    with database.engine.connect() as connection:
        found = people.find_session(connection, row.token_hash)
    assert found is not None
    assert (found.id, found.role, found.email) == (signed_in.session_id, "operator", user.email)


def test_the_log_says_who_signed_in_and_who_failed_to(database: Database, tenant: int, now: datetime) -> None:
    user = new_user(database, tenant)
    refused(database, user.email, "seventeen red beets", "192.0.2.7", now)
    sign_in(database, user.email, PASSWORD, "192.0.2.7", AGENT, now)
    assert audit_of(database, tenant)[1:] == [
        ("anonymous", "sign_in_failed", f"user:{user.id}"),
        (f"user:{user.id}", "sign_in", f"user:{user.id}"),
    ]


def test_the_e_mail_address_counts_in_any_case_and_with_blanks_around_it(database: Database, tenant: int, now: datetime) -> None:
    user = new_user(database, tenant)
    assert sign_in(database, f"  {user.email.upper()} ", PASSWORD, None, None, now).user_id == user.id


@pytest.mark.parametrize("email", ["nobody@plant.example", "", "\x00", "\ud800@x", "x" * 5000, "' or 1=1 --"])
def test_whatever_is_typed_for_an_e_mail_address_is_refused_in_the_same_words(database: Database, now: datetime, email: str) -> None:
    error = refused(database, email, PASSWORD, "192.0.2.7", now)
    assert error.reason == "credentials"
    assert str(error) == "wrong e-mail or password"


def test_an_unknown_address_a_disabled_and_an_invited_person_cost_as_many_hashes_as_a_wrong_password(
    database: Database, tenant: int, now: datetime, hasher: CountingHasher
) -> None:
    known, disabled, invited = new_user(database, tenant), new_user(database, tenant), new_user(database, tenant, password=None)
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update users set disabled_at = now() where id = :id"), {"id": disabled.id})
    for email in (known.email, disabled.email, invited.email, new_email()):
        hasher.verified = 0
        assert str(refused(database, email, "seventeen red beets", None, now)) == "wrong e-mail or password"
        assert hasher.verified == 1
    assert str(refused(database, disabled.email, PASSWORD, None, now)) == "wrong e-mail or password"


def test_the_eleventh_attempt_on_an_account_is_refused_before_anything_is_hashed(
    database: Database, tenant: int, now: datetime, hasher: CountingHasher
) -> None:
    user = new_user(database, tenant)
    for attempt in range(10):
        refused(database, user.email, "seventeen red beets", f"192.0.2.{attempt}", now + timedelta(seconds=attempt))
    hasher.verified = 0
    error = refused(database, user.email.upper(), PASSWORD, "192.0.2.99", now + timedelta(seconds=60))
    assert error.reason == "too_many"
    assert error.retry_after_s == 240
    assert str(error) == "too many attempts, try again in 4 min"
    assert hasher.verified == 0
    assert sign_in(database, user.email, PASSWORD, "192.0.2.99", AGENT, now + timedelta(seconds=300)).user_id == user.id


def test_the_thirty_first_attempt_from_an_address_is_refused_whatever_account_it_is_for(
    database: Database, tenant: int, now: datetime
) -> None:
    for _ in range(30):
        refused(database, new_email(), PASSWORD, "192.0.2.7", now)
    user = new_user(database, tenant)
    assert refused(database, user.email, PASSWORD, "192.0.2.7", now).reason == "too_many"
    assert sign_in(database, user.email, PASSWORD, "192.0.2.8", AGENT, now).user_id == user.id


def test_attempts_from_one_ipv6_customer_count_together(database: Database, tenant: int, now: datetime) -> None:
    for number in range(30):
        refused(database, new_email(), PASSWORD, f"2001:db8:0:7::{number:x}", now)
    assert refused(database, new_email(), PASSWORD, "2001:db8:0:7:ffff::1", now).reason == "too_many"
    assert refused(database, new_email(), PASSWORD, "2001:db8:0:8::1", now).reason == "credentials"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("2001:db8::1", "2001:db8::2", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("unix:", "unix:", True),
        (None, "unknown", True),
    ],
)
def test_an_address_counts_as_the_network_that_one_customer_has(first: str | None, second: str | None, same: bool) -> None:
    assert (access.address_subject("x", first) == access.address_subject("x", second)) == same
    assert access.address_subject("x", first) != access.address_subject("y", first)


def test_a_shift_that_signs_in_behind_one_address_is_not_limited(database: Database, tenant: int, now: datetime) -> None:
    user = new_user(database, tenant)
    for second in range(40):
        sign_in(database, user.email, PASSWORD, "192.0.2.7", AGENT, now + timedelta(seconds=second))


def test_attempts_at_the_same_moment_are_counted_one_by_one(
    database: Database, tenant: int, now: datetime, hasher: CountingHasher
) -> None:
    user, reasons = new_user(database, tenant), []

    def attempt() -> None:
        try:
            sign_in(database, user.email, "seventeen red beets", None, None, now)
        except SignInRefused as error:
            reasons.append(error.reason)

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reasons) == ["credentials"] * 10 + ["too_many"] * 6
    assert hasher.verified == 10


def test_a_password_kept_under_older_parameters_is_kept_under_todays_after_signing_in(
    database: Database, tenant: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = new_user(database, tenant)
    stronger = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", stronger)
    sign_in(database, user.email, PASSWORD, None, None, now)
    renewed = person(database, tenant, user.id).password_hash
    assert renewed is not None
    assert renewed != user.password_hash
    assert not stronger.check_needs_rehash(renewed)
    assert stronger.verify(renewed, PASSWORD)


def test_while_their_own_plant_is_empty_people_of_the_platform_land_in_the_demo(
    database: Database, tenant: int, now: datetime
) -> None:
    demo = new_tenant(database, demo=True)
    with database.engine.connect() as connection:
        tenants = people.tenants(connection)
    first_demo = next(one.id for one in tenants if one.is_demo)
    user = new_user(database, tenant)
    owner = people.Person(**{**{name: getattr(user, name) for name in people.Person.__slots__}, "is_platform": True})
    assert access._first_tenant(tenants, user, has_devices=False) == tenant
    assert access._first_tenant(tenants, owner, has_devices=False) == first_demo
    assert access._first_tenant(tenants, owner, has_devices=True) == tenant
    owner.preferences["tenant"] = demo
    assert access._first_tenant(tenants, owner, has_devices=True) == demo
    owner.preferences["tenant"] = "nonsense"
    assert access._first_tenant(tenants, owner, has_devices=True) == tenant
