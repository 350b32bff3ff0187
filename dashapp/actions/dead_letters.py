"""What someone can do with dead letters: replay or drop them. Managers and administrators."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import dead_letters as commands
from db.engine import Database
from db.queries.dead_letters import Letter, letters_by_id
from db.tenancy import tenant_reading, tenant_transaction

MOST_AT_ONCE = 1_000
Replay = Callable[[int, Sequence[Letter]], dict[int, tuple[str, str] | None]]  # tenant, letters → by id why not, None where stored


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replay: letters stored, letters refused again, and the first reason of those."""

    stored: int
    refused: int
    reason: str


def replay_letters(database: Database, actor: Actor, ids: Sequence[int], replay: Replay) -> Replayed:
    """Puts letters through the pipeline again, by `replay`; those that are stored are settled, the others stay with the new reason.

    Doing it twice stores nothing twice. Raises ActionError for more than a thousand, and where none is open.
    """
    require(actor, Role.MANAGER)
    _check(ids)
    with tenant_reading(database.engine, actor.tenant_id) as connection:
        letters = letters_by_id(connection, ids)
    if not letters:
        raise ActionError("letters", "none of them is open any more", status=404)
    found = replay(actor.tenant_id, letters)
    stored = [number for number, why in found.items() if why is None]
    refused = {number: why for number, why in found.items() if why is not None}
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        commands.settle_letters(connection, stored, "replayed")
        commands.refuse_again(connection, refused)
        detail = {"stored": len(stored), "refused": len(refused), "ids": list(found)[:100]}
        audit.record(connection, actor, "replay_dead_letters", "", detail)
    first = next(iter(refused.values()), ("", ""))
    return Replayed(len(stored), len(refused), first[1])


def drop_letters(database: Database, actor: Actor, ids: Sequence[int]) -> int:
    """Settles letters that nobody wants; they stay to be looked at for a while. How many were open."""
    require(actor, Role.MANAGER)
    _check(ids)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        dropped = commands.settle_letters(connection, ids, "dropped")
        if dropped:
            audit.record(connection, actor, "drop_dead_letters", "", {"count": dropped, "ids": list(ids)[:100]})
    return dropped


def _check(ids: Sequence[int]) -> None:
    if not ids:
        raise ActionError("letters", "choose at least one")
    if len(ids) > MOST_AT_ONCE:
        raise ActionError("letters", f"at most {MOST_AT_ONCE} at once")
