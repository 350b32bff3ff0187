"""Writes of the reasons that a stop can have, inside a tenant's transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from dashapp.domain.oee import Loss
from db.commands.production_marks import mark_production

DEFAULT_REASONS: tuple[tuple[str, str, Loss], ...] = (
    ("breakdown", "Breakdown", Loss.FAILURE),
    ("tool", "Tool or fixture", Loss.FAILURE),
    ("changeover", "Changeover", Loss.SETUP),
    ("adjustment", "Adjustment", Loss.SETUP),
    ("material", "No material", Loss.WAITING),
    ("staff", "Nobody at the machine", Loss.WAITING),
    ("blocked", "Blocked downstream", Loss.WAITING),
    ("maintenance", "Planned maintenance", Loss.PLANNED),
)
"""What a new plant begins with: eight codes, one tap each."""


def ensure_default_reasons(connection: Connection) -> int:
    """Gives a plant that never had any the usual ones; how many were made."""
    connection.execute(text("select id from tenants for update"))  # two replicas that start at once
    if connection.execute(text("select exists (select 1 from downtime_reasons)")).scalar_one():
        return 0
    for code, name, loss in DEFAULT_REASONS:
        insert_reason(connection, code, name, loss)
    return len(DEFAULT_REASONS)


def insert_reason(connection: Connection, code: str, name: str, loss: Loss) -> int | None:
    """The new reason's id, last in the order; None where there is one of this code. One that was removed comes back."""
    reason_id: int | None = connection.execute(
        text(
            "insert into downtime_reasons as r (tenant_id, code, name, loss, position) values (current_setting('andon.tenant')::int, :code,"
            " :name, :loss, (select coalesce(max(position), 0) + 1 from downtime_reasons)) on conflict (tenant_id, code) do update"
            " set name = excluded.name, loss = excluded.loss, position = excluded.position, removed_at = null"
            " where r.removed_at is not null returning id"
        ),
        {"code": code, "name": name, "loss": str(loss)},
    ).scalar_one_or_none()
    if reason_id is not None:
        mark_production(connection)
    return reason_id


def update_reason(connection: Connection, reason_id: int, name: str, loss: Loss) -> None:
    """Sets name and loss; stops of another loss are counted anew."""
    before = connection.execute(text("select loss from downtime_reasons where id = :id for update"), {"id": reason_id}).scalar_one()
    connection.execute(
        text("update downtime_reasons set name = :name, loss = :loss where id = :id"), {"id": reason_id, "name": name, "loss": str(loss)}
    )
    if before != loss:
        mark_production(connection)


def remove_reason(connection: Connection, reason_id: int) -> None:
    """It is not offered any more; stops that have it keep it."""
    connection.execute(text("update downtime_reasons set removed_at = now() where id = :id"), {"id": reason_id})


def order_reasons(connection: Connection, reason_ids: Sequence[int]) -> None:
    """Gives the reasons the order of this list."""
    connection.execute(
        text(
            "update downtime_reasons set position = o.n from unnest(cast(:ids as int[])) with ordinality as o (id, n)"
            " where downtime_reasons.id = o.id"
        ),
        {"ids": list(reason_ids)},
    )
