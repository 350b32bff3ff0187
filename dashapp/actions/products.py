"""What someone can do with products: make, change, remove one, and say which runs on a machine from when. Every change counts anew."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.fleet import Role
from db.columns import to_us
from db.commands import audit
from db.commands import products as commands
from db.commands.production import recompute_machines
from db.engine import Database
from db.queries.products import Product, products
from db.tenancy import tenant_transaction

LONGEST_PRI_S = 7 * 86_400.0
AHEAD = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product as somebody wants it. `pri_s`: planned run time per item in seconds by device id; None: none on this machine."""

    key: str
    name: str
    pri_s: Mapping[int, float | None] = field(default_factory=dict)


def create_product(database: Database, actor: Actor, draft: ProductDraft) -> int:
    """The new product's id; managers and above. Its planned run times hold for all time."""
    require(actor, Role.MANAGER)
    key, name = _word(draft.key, "key", 60), _word(draft.name, "name", 200)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        _check_rates(connection, actor, draft.pri_s)
        made = commands.insert_product(connection, key, name)
        if made is None:
            raise ActionError("key", "there is a product of this key", status=409)
        commands.set_rates(connection, made, draft.pri_s, None)
        audit.record(connection, actor, "create_product", key, {"id": made, "name": name, "pri_s": dict(draft.pri_s)})
    return made


def change_product(database: Database, actor: Actor, product_id: int, draft: ProductDraft, *, since: datetime | None = None) -> None:
    """Sets name and planned run times of the machines that are named; managers and above.

    `since`: from then on; without it they have always been so, and all that was made of it is counted anew. The key stays.
    """
    require(actor, Role.MANAGER)
    name = _word(draft.name, "name", 200)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, product_id)
        _check_rates(connection, actor, draft.pri_s)
        commands.rename_product(connection, product_id, name)
        changed = dict(draft.pri_s) if since is not None else _changed(before, draft.pri_s)
        commands.set_rates(connection, product_id, changed, None if since is None else _minute(since))
        detail = {"id": product_id, "name": name, "pri_s": changed, "since": None if since is None else since.isoformat()}
        audit.record(connection, actor, "change_product", before.key, detail)
    recompute_machines(database, actor.tenant_id, list(changed))


def remove_product(database: Database, actor: Actor, product_id: int) -> None:
    """Takes it off the list; managers and above. What was made of it stays. 409 while a machine makes it."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, product_id)
        if before.on:
            raise ActionError("product", "a machine makes it now: say first what it makes instead", status=409)
        commands.remove_product(connection, product_id)
        audit.record(connection, actor, "remove_product", before.key, {"id": product_id})


def run_product(
    database: Database, actor: Actor, device_id: int, product_id: int | None, since: datetime | None = None, *,
    now: datetime | None = None,
) -> None:  # fmt: skip
    """Says what a machine makes from a time on (now), until the next change; None: nothing that has a name. Operators and above."""
    _run(database, actor, device_id, product_id, since, now, withdrawn=False)


def withdraw_run(database: Database, actor: Actor, device_id: int, since: datetime) -> None:
    """Takes back that something began at this time; operators and above."""
    _run(database, actor, device_id, None, since, None, withdrawn=True)


def _run(
    database: Database, actor: Actor, device_id: int, product_id: int | None, since: datetime | None, now: datetime | None, *,
    withdrawn: bool,
) -> None:  # fmt: skip
    require(actor, Role.OPERATOR)
    moment = now or datetime.now(UTC)
    if since is not None and since > moment + AHEAD:
        raise ActionError("since", "this lies too far in the future")
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device = connection.execute(text("select key, line from devices where id = :id and is_machine"), {"id": device_id}).one_or_none()
        if device is None or (actor.lines is not None and device.line not in actor.lines):
            raise ActionError("device", "there is no such machine", status=404)
        if product_id is not None:
            _there(connection, product_id)
        since_us = _minute(since or moment)
        commands.insert_product_run(connection, device_id, product_id, since_us, by=actor.label, withdrawn=withdrawn)
        detail = {"product": product_id, "since_us": since_us}
        audit.record(connection, actor, "withdraw_run" if withdrawn else "run_product", device.key, detail)
    recompute_machines(database, actor.tenant_id, [device_id])


def _minute(moment: datetime) -> int:
    return to_us(moment) // MINUTE_US * MINUTE_US


def _changed(before: Product, pri_s: Mapping[int, float | None]) -> dict[int, float | None]:
    """Those that are not so already."""
    many = {rate.device_id for rate in before.rates if sum(one.device_id == rate.device_id for one in before.rates) > 1}
    return {device: seconds for device, seconds in pri_s.items() if device in many or before.pri_s(device) != seconds}


def _there(connection: Connection, product_id: int) -> Product:
    found = next((one for one in products(connection) if one.id == product_id), None)
    if found is None:
        raise ActionError("product", "there is no such product", status=404)
    return found


def _check_rates(connection: Connection, actor: Actor, pri_s: Mapping[int, float | None]) -> None:
    rows = connection.execute(text("select id, line from devices where is_machine and id = any(:ids)"), {"ids": list(pri_s)})
    lines = {row.id: row.line for row in rows}
    for device_id, seconds in pri_s.items():
        if device_id not in lines or (actor.lines is not None and lines[device_id] not in actor.lines):
            raise ActionError("device", "there is no such machine", status=404)
        if seconds is not None and not (math.isfinite(seconds) and 0 < seconds <= LONGEST_PRI_S):
            raise ActionError("pri_s", "seconds above 0 are expected")


def _word(value: str, field_name: str, longest: int) -> str:
    word = audit.clean(value).strip()
    if not 1 <= len(word) <= longest:
        raise ActionError(field_name, f"1 to {longest} characters are expected")
    return word
