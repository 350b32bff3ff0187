"""What someone can do with groups of devices: make, rename, fill and remove one. Rules and maintenance go by them. Managers and above."""

from collections.abc import Sequence

from sqlalchemy import Connection

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import groups as commands
from db.engine import Database
from db.notify import tell_rules_changed
from db.queries import groups as queries
from db.queries.groups import GroupRow
from db.tenancy import tenant_reading, tenant_transaction

MOST_GROUPS = 1_000


def list_groups(database: Database, actor: Actor) -> list[GroupRow]:
    """Every group by name, with the keys of its devices: those on the actor's lines, where they are narrowed."""
    with tenant_reading(database.engine, actor.tenant_id) as connection:
        return queries.groups(connection, lines=actor.lines)


def create_group(database: Database, actor: Actor, name: str, devices: Sequence[str]) -> int:
    """Makes a group; its id. Raises ActionError, 409 where the name is taken, 404 for a device that is not there."""
    _whole(actor)
    name = _checked_name(name)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if commands.count_groups(connection) >= MOST_GROUPS:
            raise ActionError("name", f"there are {MOST_GROUPS:,} groups; remove one first", status=409)
        group_id = commands.insert_group(connection, name)
        if group_id is None:
            raise _taken(name)
        _fill(connection, group_id, devices)
        audit.record(connection, actor, "create_group", name, {"id": group_id, "devices": list(devices)})
        tell_rules_changed(connection, actor.tenant_id)
    return group_id


def change_group(database: Database, actor: Actor, group_id: int, name: str, devices: Sequence[str]) -> None:
    """Gives a group a name and the devices that are in it. Raises ActionError likewise."""
    _whole(actor)
    name = _checked_name(name)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _found(connection, group_id)
        if not commands.rename_group(connection, group_id, name):
            raise _taken(name)
        _fill(connection, group_id, devices)
        detail = {"id": group_id, "from": before.name, "devices": list(devices)}
        audit.record(connection, actor, "change_group", name, detail)
        tell_rules_changed(connection, actor.tenant_id)


def remove_group(database: Database, actor: Actor, group_id: int) -> None:
    """Removes a group; its devices stay. 409 while a rule or a planned window goes by it."""
    _whole(actor)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, group_id)
        used = queries.users_of(connection, group_id)
        if used:
            raise ActionError("group", f"{used} goes by this group; change it first", status=409)
        commands.delete_group(connection, group_id)
        audit.record(connection, actor, "remove_group", found.name, {"id": group_id, "devices": list(found.devices)})
        tell_rules_changed(connection, actor.tenant_id)


def _whole(actor: Actor) -> None:
    """A group may reach over lines, so that whoever is narrowed to some makes none."""
    require(actor, Role.MANAGER)
    if actor.lines is not None:
        raise ActionError("group", "groups are made by people of the whole plant", status=403)


def _found(connection: Connection, group_id: int) -> GroupRow:
    commands.lock_group(connection, group_id)
    found = next((group for group in queries.groups(connection) if group.id == group_id), None)
    if found is None:
        raise ActionError("group", "there is no such group", status=404)
    return found


def _fill(connection: Connection, group_id: int, devices: Sequence[str]) -> None:
    missing = commands.replace_members(connection, group_id, list(dict.fromkeys(devices)))
    if missing:
        raise ActionError("devices", f"there is no device {missing[0]}", status=404)


def _checked_name(name: str) -> str:
    cleaned = " ".join(audit.clean(name).split())
    if not 1 <= len(cleaned) <= 200:
        raise ActionError("name", "1 to 200 characters are expected")
    return cleaned


def _taken(name: str) -> ActionError:
    return ActionError("name", f"there is a group “{name}” already", status=409)
