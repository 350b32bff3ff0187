"""Reads of products, their planned run times and what runs when, inside a tenant's transaction. Times are microseconds since 1970 UTC."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from db.columns import to_us


@dataclass(frozen=True, slots=True)
class Rate:
    """Planned run time per item on a machine, in seconds, from a time on."""

    device_id: int
    since_us: int
    pri_s: float


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its planned run times, by machine and then by time. `on` are the machines that make it now."""

    id: int
    key: str
    name: str
    rates: tuple[Rate, ...] = field(default=())
    on: tuple[int, ...] = field(default=())

    def pri_s(self, device_id: int) -> float | None:
        """The planned run time that holds now; None where there is none."""
        return next((rate.pri_s for rate in reversed(self.rates) if rate.device_id == device_id), None)


@dataclass(frozen=True, slots=True)
class ProductRun:
    """A machine makes a product (0: none) from a time to another, None: still. `by` said so."""

    device_id: int
    product_id: int
    product: str
    since_us: int
    until_us: int | None
    by: str


def products(connection: Connection, *, removed: bool = False) -> list[Product]:
    """The plant's products by name; with those that were removed where that is asked for."""
    rates: dict[int, list[Rate]] = {}
    for row in connection.execute(text("select product_id, device_id, since, pri_s from product_rates order by device_id, since")):
        rates.setdefault(row.product_id, []).append(Rate(row.device_id, to_us(row.since), row.pri_s))
    on: dict[int, list[int]] = {}
    for run in product_runs(connection):
        if run.until_us is None:
            on.setdefault(run.product_id, []).append(run.device_id)
    rows = connection.execute(text("select id, key, name from products where removed_at is null or :removed order by name, id"),
                              {"removed": removed})  # fmt: skip
    return [Product(row.id, row.key, row.name, tuple(rates.get(row.id, ())), tuple(on.get(row.id, ()))) for row in rows]


_RUNS = text("""
select device_id, coalesce(product_id, 0) as product_id, coalesce(p.name, '') as product, since, by,
  lead(since) over (partition by device_id order by since) as until
from (select * from (select distinct on (device_id, since) * from product_runs
        where cast(:ids as int[]) is null or device_id = any(:ids) order by device_id, since, id desc) said where not withdrawn) r
left join products p on p.id = r.product_id order by device_id, since""")


def product_runs(connection: Connection, device_ids: Sequence[int] | None = None) -> list[ProductRun]:
    """What machines made when, by machine and then by time."""
    return [
        ProductRun(row.device_id, row.product_id, row.product, to_us(row.since), None if row.until is None else to_us(row.until), row.by)
        for row in connection.execute(_RUNS, {"ids": None if device_ids is None else list(device_ids)})
    ]
