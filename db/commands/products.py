"""Writes of products, their planned run times, and what runs when; inside a tenant's transaction. Each marks what it changes.

Times are microseconds since 1970 UTC.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from db.columns import from_us
from db.commands.production_marks import FIRST_US, mark_production


def insert_product(connection: Connection, key: str, name: str) -> int | None:
    """The new product's id; None where the key is taken. One that was removed comes back."""
    product_id: int | None = connection.execute(
        text(
            "insert into products as p (tenant_id, key, name) values (current_setting('andon.tenant')::int, :key, :name)"
            " on conflict (tenant_id, key) do update set name = excluded.name, removed_at = null where p.removed_at is not null"
            " returning id"
        ),
        {"key": key, "name": name},
    ).scalar_one_or_none()
    return product_id


def rename_product(connection: Connection, product_id: int, name: str) -> None:
    """Sets its name."""
    connection.execute(text("update products set name = :name where id = :id"), {"id": product_id, "name": name})


def remove_product(connection: Connection, product_id: int) -> None:
    """It is not offered any more; what was made of it stays."""
    connection.execute(text("update products set removed_at = now() where id = :id"), {"id": product_id})


def set_rates(connection: Connection, product_id: int, pri_s: Mapping[int, float | None], since_us: int | None) -> None:
    """Sets the planned run time per item on machines (device id → seconds; None: none any more) from a time on.

    Without a time it has always been so: what was set before is replaced.
    """
    for device_id, seconds in pri_s.items():
        names = {"product": product_id, "device": device_id, "since": from_us(FIRST_US if since_us is None else since_us)}
        connection.execute(
            text("delete from product_rates where product_id = :product and device_id = :device and since >= :since"), names
        )
        if seconds is not None:
            connection.execute(
                text(
                    "insert into product_rates (tenant_id, product_id, device_id, since, pri_s)"
                    " values (current_setting('andon.tenant')::int, :product, :device, :since, :pri)"
                ),
                {**names, "pri": seconds},
            )
        mark_production(connection, FIRST_US if since_us is None else since_us, device_ids=[device_id])


def insert_product_run(
    connection: Connection, device_id: int, product_id: int | None, since_us: int, *, by: str, withdrawn: bool = False
) -> int:
    """From this time on the machine makes this product (None: none), until the next entry."""
    run_id: int = connection.execute(
        text(
            "insert into product_runs (tenant_id, device_id, product_id, since, by, withdrawn)"
            " values (current_setting('andon.tenant')::int, :device, :product, :since, :by, :withdrawn) returning id"
        ),
        {"device": device_id, "product": product_id, "since": from_us(since_us), "by": by, "withdrawn": withdrawn},
    ).scalar_one()
    mark_production(connection, since_us, device_ids=[device_id])
    return run_id
