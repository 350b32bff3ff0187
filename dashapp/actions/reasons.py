"""What someone can do with the reasons that a stop can have: six to nine codes, one tap each, and each says what it costs. Managers."""

from collections.abc import Sequence

from sqlalchemy import Connection

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from dashapp.domain.oee import OF_REASONS, Loss
from db.commands import audit
from db.commands import reasons as commands
from db.engine import Database
from db.queries.stops import Reason, reasons
from db.tenancy import tenant_transaction

FEWEST, MOST = 6, 9  # that a thumb finds on a phone


def create_reason(database: Database, actor: Actor, code: str, name: str, loss: Loss) -> int:
    """The new reason's id, last in the order."""
    require(actor, Role.MANAGER)
    code, name = _word(code, "code", 30), _word(name, "name", 60)
    _check_loss(loss)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if len(reasons(connection)) >= MOST:
            raise ActionError("code", f"{MOST} reasons at most: people choose among them with one tap", status=409)
        made = commands.insert_reason(connection, code, name, loss)
        if made is None:
            raise ActionError("code", "there is a reason of this code", status=409)
        audit.record(connection, actor, "create_reason", code, {"id": made, "name": name, "loss": loss})
    return made


def change_reason(database: Database, actor: Actor, reason_id: int, name: str, loss: Loss) -> None:
    """Sets its name and what it costs. Another loss holds for the past as well: its stops are counted anew."""
    require(actor, Role.MANAGER)
    name = _word(name, "name", 60)
    _check_loss(loss)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, reason_id)
        commands.update_reason(connection, reason_id, name, loss)
        audit.record(connection, actor, "change_reason", before.code, {"id": reason_id, "name": name, "loss": loss, "was": before.loss})


def remove_reason(database: Database, actor: Actor, reason_id: int) -> None:
    """Takes it off the list; stops that have it keep it."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, reason_id)
        if len(reasons(connection)) <= FEWEST:
            raise ActionError("reason", f"{FEWEST} reasons at least are expected: change this one instead", status=409)
        commands.remove_reason(connection, reason_id)
        audit.record(connection, actor, "remove_reason", before.code, {"id": reason_id})


def order_reasons(database: Database, actor: Actor, reason_ids: Sequence[int]) -> None:
    """Gives them this order. Raises ActionError unless it names each of them once."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if sorted(reason_ids) != sorted(one.id for one in reasons(connection)):
            raise ActionError("order", "each reason is expected once", status=409)
        commands.order_reasons(connection, reason_ids)
        audit.record(connection, actor, "order_reasons", "", {"ids": list(reason_ids)})


def _there(connection: Connection, reason_id: int) -> Reason:
    found = next((one for one in reasons(connection) if one.id == reason_id), None)
    if found is None:
        raise ActionError("reason", "there is no such reason", status=404)
    return found


def _word(value: str, field: str, longest: int) -> str:
    word = audit.clean(value).strip()
    if not 1 <= len(word) <= longest:
        raise ActionError(field, f"1 to {longest} characters are expected")
    return word


def _check_loss(loss: Loss) -> None:
    if loss not in OF_REASONS:
        raise ActionError("loss", "a stop cannot have this loss")
