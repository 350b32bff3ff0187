"""Saved views: addresses under a name, of one person or shared with the plant, and where Andon opens for somebody.

A person's views are kept where their account is, a plant's in the plant. Only what others see is in the audit log.
"""

from contextlib import AbstractContextManager

from sqlalchemy import Connection

from dashapp.actions import changes
from dashapp.actions.actor import ActionError, Actor, Forbidden, require
from dashapp.domain.addresses import TENANT, local_address, without
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import people as people_commands
from db.commands import views as commands
from db.engine import Database
from db.queries import people as people_queries
from db.queries import views as queries
from db.queries.views import SavedView
from db.tenancy import enter_tenant, tenant_reading, tenant_transaction

MOST_VIEWS = 100  # of one person in one plant, and of one plant
LONGEST_NAME = 100


def saved_views(database: Database, actor: Actor) -> list[SavedView]:
    """The actor's own views of the plant that is shown, by name, then those that are shared with it."""
    own: list[SavedView] = []
    if actor.kind == "user":
        with tenant_reading(database.engine, actor.home) as connection:
            own = queries.own_views(connection, actor.id, actor.tenant_id)
    with tenant_reading(database.engine, actor.tenant_id) as connection:
        return [*own, *queries.plant_views(connection)]


def save_view(database: Database, actor: Actor, name: str, address: str) -> int:
    """Keeps an address of the plant that is shown for the actor alone; its id. Raises ActionError, 409 where the name is taken."""
    user_id, name, path = _person(actor), _checked_name(name), _checked_address(address)
    with tenant_transaction(database.engine, actor.home) as connection:
        if len(queries.own_views(connection, user_id, actor.tenant_id)) >= MOST_VIEWS:
            raise ActionError("name", f"you have {MOST_VIEWS} saved views; remove one first", status=409)
        made = commands.insert_view(connection, user_id, actor.tenant_id, name, path, actor.label)
    if made is None:
        raise _taken(name)
    return made


def rename_view(database: Database, actor: Actor, view_id: int, name: str) -> None:
    """Gives a view another name: one's own, and managers one of the plant. Raises ActionError where the name is taken."""
    name = _checked_name(name)
    with _kept(database, actor, view_id) as connection:
        found = _found(connection, actor, view_id)
        if not commands.rename_view(connection, view_id, name):
            raise _taken(name)
        if found.is_shared:
            audit.record(connection, actor, "rename_view", f"view:{view_id}", {"from": found.name, "to": name})


def remove_view(database: Database, actor: Actor, view_id: int) -> None:
    """Removes a view: one's own, and managers one of the plant."""
    with _kept(database, actor, view_id) as connection:
        found = _found(connection, actor, view_id)
        commands.delete_view(connection, view_id)
        if found.is_shared:
            audit.record(connection, actor, "remove_view", f"view:{view_id}", {"name": found.name, "path": found.path})


def share_view(database: Database, actor: Actor, view_id: int) -> int:
    """Makes one's own view the plant's: everybody there has it from now on. Managers; its new id."""
    require(actor, Role.MANAGER)
    _person(actor)
    with tenant_transaction(database.engine, actor.home) as connection:
        found = _found(connection, actor, view_id)
        if found.is_shared:
            return found.id
        commands.delete_view(connection, view_id)
        enter_tenant(connection, actor.tenant_id)
        if len(queries.plant_views(connection)) >= MOST_VIEWS:
            raise ActionError("name", f"the plant has {MOST_VIEWS} shared views; remove one first", status=409)
        made = commands.insert_view(connection, None, actor.tenant_id, found.name, found.path, actor.label)
        if made is None:
            raise _taken(found.name)
        audit.record(connection, actor, "share_view", f"view:{made}", {"name": found.name, "path": found.path})
    return made


def unshare_view(database: Database, actor: Actor, view_id: int) -> int:
    """Takes a view of the plant back and makes it the actor's own. Managers; its new id."""
    require(actor, Role.MANAGER)
    user_id = _person(actor)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, actor, view_id)
        if not found.is_shared:
            return found.id
        commands.delete_view(connection, view_id)
        audit.record(connection, actor, "unshare_view", f"view:{view_id}", {"name": found.name, "path": found.path})
        enter_tenant(connection, actor.home)
        made = commands.insert_view(connection, user_id, actor.tenant_id, found.name, found.path, actor.label)
        if made is None:
            raise _taken(found.name)
    return made


def open_here(database: Database, actor: Actor, address: str | None) -> None:
    """Makes an address what Andon opens with for the actor in this plant; None: the overview again."""
    user_id = _person(actor)
    path = None if address is None else _checked_address(address)
    with tenant_transaction(database.engine, actor.home) as connection:
        people_commands.prefer(connection, user_id, {_start_key(actor.tenant_id): path})
    changes.announce()


def start_address(database: Database, home_id: int, user_id: int, plant_id: int) -> str:
    """What Andon opens with for a person in a plant: the overview, where nothing else was chosen."""
    with tenant_reading(database.engine, home_id) as connection:
        person = people_queries.user(connection, user_id)
    chosen = person.preferences.get(_start_key(plant_id)) if person is not None else None
    return (local_address(chosen) if isinstance(chosen, str) else None) or "/"


def _start_key(plant_id: int) -> str:
    return f"start:{plant_id}"


def _person(actor: Actor) -> int:
    if actor.kind != "user":
        raise ActionError("user", "only people have views", status=403)
    return actor.id


def _checked_name(name: str) -> str:
    cleaned = " ".join(audit.clean(name).split())
    if not 0 < len(cleaned) <= LONGEST_NAME:
        raise ActionError("name", f"a name has 1 to {LONGEST_NAME} characters")
    return cleaned


def _checked_address(address: str) -> str:
    local = local_address(address)
    if local is None:
        raise ActionError("address", "this is no address of Andon")
    return without(local, TENANT)


def _kept(database: Database, actor: Actor, view_id: int) -> AbstractContextManager[Connection]:
    """A transaction of the tenant that keeps the view: the actor's own, else the plant's."""
    with tenant_reading(database.engine, actor.home) as connection:
        found = queries.view(connection, view_id)
    return tenant_transaction(database.engine, actor.tenant_id if found is None else actor.home)


def _found(connection: Connection, actor: Actor, view_id: int) -> SavedView:
    """The view, where the actor may change it. What is another person's is not there."""
    found = queries.view(connection, view_id)
    if found is None or found.plant_id != actor.tenant_id or (found.user_id is not None and found.user_id != actor.id):
        raise ActionError("view", "there is no such view; somebody may have removed it", status=404)
    if found.is_shared and not actor.role.includes(Role.MANAGER):
        raise Forbidden(Role.MANAGER)
    return found


def _taken(name: str) -> ActionError:
    return ActionError("name", f"there is a view “{name}” already", status=409)
