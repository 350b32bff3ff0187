"""Keys: made, revoked, preset."""

import threading

import pytest
from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.keys import create_key, ensure_preset_key, hash_of, revoke_key
from dashapp.domain.fleet import Role
from db.engine import Database
from db.queries import people
from db.tenancy import tenant_transaction
from tests.integration.access import new_tenant

pytestmark = pytest.mark.requirement("AP-4")


def manager(tenant: int) -> Actor:
    return Actor("user", 1, tenant, Role.MANAGER, name="Line lead", address="192.0.2.7")


def found(database: Database, secret: str) -> people.KeyGrant | None:
    with database.engine.connect() as connection:
        return people.find_key(connection, hash_of(secret))


def test_a_key_opens_its_own_tenant_and_nothing_of_it_but_a_hash_is_stored(database: Database, tenant: int) -> None:
    key_id, secret = create_key(database, manager(tenant), "Press 4", ["ingest"], None)
    assert secret.startswith("andon_")
    assert len(secret) == len("andon_") + 22
    assert found(database, secret) == people.KeyGrant(tenant, key_id, ("ingest",), None)
    with tenant_transaction(database.engine, tenant) as connection:
        rows = connection.execute(text("select to_jsonb(k)::text as stored from api_keys k")).scalars().all()
        entry = connection.execute(text("select actor, action, target, address, detail::text as detail from audit_log")).one()
    assert not any(secret in row for row in rows)
    assert (entry.actor, entry.action, entry.target, entry.address) == ("user:1", "create_key", "Press 4", "192.0.2.7")
    assert secret not in entry.detail


def test_a_revoked_key_opens_nothing_and_cannot_be_revoked_twice(database: Database, tenant: int) -> None:
    key_id, secret = create_key(database, manager(tenant), "Press 4", ["ingest"], None)
    revoke_key(database, manager(tenant), key_id)
    assert found(database, secret) is None
    with pytest.raises(ActionError) as refused:
        revoke_key(database, manager(tenant), key_id)
    assert refused.value.status == 404


def test_an_operator_makes_no_keys(database: Database, tenant: int) -> None:
    operator = Actor("user", 2, tenant, Role.OPERATOR)
    with pytest.raises(Forbidden) as refused:
        create_key(database, operator, "Mine", ["ingest"], None)
    assert refused.value.required is Role.MANAGER
    with pytest.raises(Forbidden):
        revoke_key(database, operator, 1)


@pytest.mark.parametrize(
    ("name", "scopes", "device_id", "field"),
    [
        ("  ", ["ingest"], None, "name"),
        ("Key", [], None, "scopes"),
        ("Key", ["everything"], None, "scopes"),
        ("Key", ["ingest"], 99, "device_id"),
    ],
)
def test_a_key_without_sense_is_refused_with_its_field(
    database: Database, tenant: int, name: str, scopes: list[str], device_id: int | None, field: str
) -> None:
    with pytest.raises(ActionError) as refused:
        create_key(database, manager(tenant), name, scopes, device_id)
    assert refused.value.field == field


def test_another_tenants_key_cannot_be_revoked(database: Database, tenant: int) -> None:
    key_id, secret = create_key(database, manager(tenant), "Press 4", ["ingest"], None)
    with pytest.raises(ActionError):
        revoke_key(database, manager(new_tenant(database)), key_id)
    assert found(database, secret) is not None


def test_a_preset_key_is_made_once_and_moves_to_the_tenant_that_is_named(database: Database, tenant: int) -> None:
    secret, other_tenant = f"preset of {tenant}", new_tenant(database)
    first = ensure_preset_key(database, tenant, secret)
    assert ensure_preset_key(database, tenant, secret) == first
    assert found(database, secret) == people.KeyGrant(tenant, first, ("ingest",), None)
    moved = ensure_preset_key(database, other_tenant, secret)
    assert found(database, secret) == people.KeyGrant(other_tenant, moved, ("ingest",), None)
    with tenant_transaction(database.engine, tenant) as connection:
        assert connection.execute(text("select count(*) from api_keys")).scalar_one() == 0


def test_a_revoked_preset_key_is_in_use_again_when_the_setting_still_names_it(
    database: Database, tenant: int
) -> None:
    secret, other_tenant = f"preset of {tenant}", new_tenant(database)
    revoke_key(database, manager(tenant), ensure_preset_key(database, tenant, secret))
    assert found(database, secret) is None
    ensure_preset_key(database, tenant, secret)
    revoke_key(database, manager(tenant), ensure_preset_key(database, tenant, secret))
    ensure_preset_key(database, other_tenant, secret)
    grant = found(database, secret)
    assert grant is not None
    assert grant.tenant_id == other_tenant


def test_replicas_that_start_together_agree_on_the_preset_key(database: Database, tenant: int) -> None:
    secret, made = f"preset of {tenant}", []
    threads = [threading.Thread(target=lambda: made.append(ensure_preset_key(database, tenant, secret))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len(set(made)) == 1


def test_a_preset_key_that_can_be_guessed_is_refused(database: Database, tenant: int) -> None:
    with pytest.raises(ActionError):
        ensure_preset_key(database, tenant, "short")
