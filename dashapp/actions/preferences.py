"""What a person sets for themselves: the zone of times, keys without a modifier."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from dashapp.actions import changes
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import people as commands
from db.engine import Database
from db.tenancy import tenant_transaction

BROWSERS, PLANTS = "", "plant"


def set_preferences(database: Database, actor: Actor, wanted: Mapping[str, Any]) -> None:
    """Merges `zone` (an IANA name, "" for the browser's, "plant" for the plant's) and `shortcuts` (bool) into the actor's own.

    Raises ActionError for any other name or value, Forbidden for who is no person.
    """
    if actor.kind != "user":
        raise Forbidden(Role.VIEWER)
    for name, value in wanted.items():
        _check(name, value)
    with tenant_transaction(database.engine, actor.home) as connection:
        commands.prefer(connection, actor.id, dict(wanted))
        audit.record(connection, actor, "set_preferences", actor.label, dict(wanted))
    changes.announce()


def _check(name: str, value: Any) -> None:
    if name == "zone":
        if value not in (BROWSERS, PLANTS) and value not in available_timezones():
            raise ActionError("zone", "this is no time zone")
    elif name == "shortcuts":
        if not isinstance(value, bool):
            raise ActionError("shortcuts", "on or off is expected")
    else:
        raise ActionError("preference", f"there is no preference {name[:40]}")
