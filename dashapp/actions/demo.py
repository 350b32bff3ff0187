"""The demo plant: what goes with it, taking it away, bringing it back. For people of the platform.

Both begin here, at once for everybody, and are carried out by the job `demo-plant`: rows go and come in batches, over restarts too.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from dashapp.actions import changes
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.domain.fleet import Role
from db.commands import audit, tenants
from db.commands.installation import DemoState, demo_state, keep_demo_state
from db.engine import Database
from db.notify import tell_names_changed
from db.queries import people
from db.tenancy import tenant_reading, tenant_transaction


@dataclass(frozen=True, slots=True)
class DemoPlant:
    """What would go with the demo plant."""

    tenant_id: int
    name: str
    devices: int
    sensors: int
    readings: int
    people: int
    keys: int
    log_entries: int


def preview_removal(database: Database, actor: Actor) -> DemoPlant:
    """What would go. Raises ActionError 404 where there is no demo plant, Forbidden for people of a plant."""
    _require_platform(actor)
    tenant = _demo(database)
    with tenant_reading(database.engine, tenant.id) as connection:
        row = connection.execute(
            text(
                "select (select count(*) from devices) as devices, (select count(*) from sensors) as sensors,"
                " (select coalesce(sum(readings), 0)::bigint from sensor_state) as readings, (select count(*) from users) as people,"
                " (select count(*) from api_keys where revoked_at is null) as keys, (select count(*) from audit_log) as log_entries"
            )
        ).one()
    return DemoPlant(tenant.id, tenant.name, **row._mapping)


def remove_demo(database: Database, actor: Actor, now: datetime) -> int:
    """Takes the demo plant away for everybody; its rows follow in the background. The id that it had.

    The simulator stops, its keys end, its own people are signed out, those who look at it are back at their own plant, and a start with
    ANDON_DEMO=1 does not make it again. Raises ActionError 404 where there is none, 409 for somebody whose own plant it is.
    """
    _require_platform(actor)
    tenant = _demo(database)
    if actor.kind == "user" and actor.home == tenant.id:
        raise ActionError("tenant", "your own account belongs to the demo plant; somebody of another plant can remove it", status=409)
    with tenant_transaction(database.engine, tenant.id) as connection:
        if demo_state(connection).changes:
            raise ActionError("tenant", "the demo plant is being made or removed already", status=409)
        keep_demo_state(connection, DemoState("removing", "readings"), now)
        tenants.leave(connection)
        tell_names_changed(connection, tenant.id)
        others = [each.id for each in people.tenants(connection)]
    moved = 0
    for other in others:
        with tenant_transaction(database.engine, other) as connection:
            moved += tenants.move_home(connection, tenant.id)
    _record(database, actor, others, "remove_demo", {"name": tenant.name, "sessions_moved": moved})
    changes.announce()
    return tenant.id


def bring_demo_back(database: Database, actor: Actor, now: datetime) -> None:
    """Asks for the demo plant with its history. Raises ActionError 409 where it is there, or not gone yet."""
    _require_platform(actor)
    with database.engine.begin() as connection:
        known = people.tenants(connection)
        if any(tenant.is_demo for tenant in known):
            raise ActionError("tenant", "there is a demo plant", status=409)
        if demo_state(connection).changes:
            raise ActionError("tenant", "the demo plant is being made or removed already", status=409)
        keep_demo_state(connection, DemoState("wanted"), now)
    _record(database, actor, [tenant.id for tenant in known], "bring_demo_back", {})


def _demo(database: Database) -> people.Tenant:
    with database.engine.connect() as connection:
        found = next((tenant for tenant in people.tenants(connection) if tenant.is_demo), None)
    if found is None:
        raise ActionError("tenant", "there is no demo plant", status=404)
    return found


def _record(database: Database, actor: Actor, others: list[int], action: str, detail: dict[str, object]) -> None:
    """In the log of who did it; a command's in the first plant's."""
    home = actor.home if actor.kind == "user" else next(iter(others), None)
    if home is not None:
        with tenant_transaction(database.engine, home) as connection:
            audit.record(connection, actor, action, "demo", detail)


def _require_platform(actor: Actor) -> None:
    if not (actor.is_platform or actor.kind == "command") or not actor.role.includes(Role.ADMIN):
        raise Forbidden("platform")
