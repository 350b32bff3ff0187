"""What figures of production are made of: machines with their sensors, minutes, products, reasons, edits. Inside a tenant's transaction.

Times are microseconds since 1970 UTC, ranges are start ≤ time < end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from dashapp.domain.downtime import MINUTE_US, Floats, Minutes, filled, silence_minutes
from dashapp.domain.oee import OF_REASONS, Loss
from dashapp.domain.production import Declared, MachineMinutes, Said, StopEdit
from db.columns import DAY_US, fetch_columns, from_us, ids_array, to_us


@dataclass(frozen=True, slots=True)
class Counter:
    """A sensor that counts, or a fault flag."""

    id: int
    kind: str
    period_s: float


@dataclass(frozen=True, slots=True)
class ProducingMachine:
    """A machine that counts what it makes. `rejected` None: rejects are not measured."""

    id: int
    key: str
    name: str
    line: str
    produced: Counter
    rejected: Counter | None
    fault: Counter | None

    @property
    def sensor_ids(self) -> list[int]:
        """Those that its figures depend on."""
        return [one.id for one in (self.produced, self.rejected, self.fault) if one is not None]

    @property
    def silence_us(self) -> int:
        """How long it may say nothing without being unknown."""
        return silence_minutes(self.produced.period_s) * MINUTE_US


_MACHINES = text("""
select d.id, d.key, d.name, d.line, s.id as sensor_id, s.key as sensor, s.kind, s.period_s
from devices d join sensors s on s.device_id = d.id and s.kind in ('increment', 'totalizer', 'flag')
where d.is_machine and (cast(:ids as int[]) is null or d.id = any(:ids))
order by d.position, d.id, s.position, s.id""")


def producing_machines(
    connection: Connection, device_ids: Sequence[int] | None = None, *, lines: Sequence[str] | None = None
) -> list[ProducingMachine]:
    """Machines that count what they make, in the order of the plant; those of `lines` alone where they are given."""
    rows = connection.execute(_MACHINES, {"ids": None if device_ids is None else list(device_ids)}).all()
    devices = {row.id: row for row in rows if lines is None or row.line in lines}
    found = []
    for device_id, device in devices.items():
        mine = [row for row in rows if row.id == device_id]
        counts = [row for row in mine if row.kind != "flag"]
        bad = [row for row in counts if "reject" in row.sensor or "scrap" in row.sensor]
        good = [row for row in counts if row not in bad]
        faults = [row for row in mine if row.kind == "flag" and "fault" in row.sensor]
        if good:
            produced, rejected, fault = (_counter(rows) for rows in (good, bad, faults))
            assert produced is not None
            found.append(ProducingMachine(device_id, device.key, device.name, device.line, produced, rejected, fault))
    return found


def _counter(rows: Sequence[Any]) -> Counter | None:
    return Counter(rows[0].sensor_id, rows[0].kind, rows[0].period_s) if rows else None


# ---- What was measured

_MINUTES = """
select sensor_id, bucket, sum, max, last from rollup_minute
where sensor_id = any(%(ids)b) and bucket >= %(start)s and bucket < %(end)s"""
_LAST_BEFORE = """
select bucket, last from rollup_minute where sensor_id = any(%(ids)b) and bucket < %(start)s and bucket >= %(least)s
order by bucket desc limit 1"""


def machine_minutes(
    connection: Connection, machine: ProducingMachine, start_us: int, end_us: int, rejects_from_us: int | None
) -> MachineMinutes:
    """The minutes of a range of whole minutes, from what is rolled up."""
    margin_us = machine.silence_us
    sensor, time_us, *values = fetch_columns(
        connection, ("sensor_id", "bucket", "sum", "max", "last"), _MINUTES,
        {"ids": ids_array(machine.sensor_ids), "start": from_us(start_us - margin_us), "end": from_us(end_us + margin_us)},
    )  # fmt: skip
    first, count = (start_us - margin_us) // MINUTE_US, (end_us - start_us + 2 * margin_us) // MINUTE_US
    at = time_us // MINUTE_US - first
    sums, highs, lasts = values

    def column(counter: Counter | None, source: Floats) -> Floats:
        found = np.full(count, np.nan)
        if counter is not None:
            mine = sensor == counter.id
            found[at[mine]] = source[mine]
        return found

    def counted(counter: Counter | None) -> Floats:
        if counter is None or counter.kind != "totalizer":
            return column(counter, sums)
        return _differences(connection, counter, column(counter, highs), column(counter, lasts), start_us - margin_us)

    units, rejects, fault = counted(machine.produced), counted(machine.rejected), column(machine.fault, highs)
    known = Minutes((first + np.arange(count)) * MINUTE_US, units, fault)
    known_units, known_fault = filled(known, first, count, margin_us // MINUTE_US)
    inside = slice(margin_us // MINUTE_US, count - margin_us // MINUTE_US)
    return MachineMinutes(start_us, units[inside], rejects[inside], known_units[inside], known_fault[inside], rejects_from_us)


def _differences(connection: Connection, counter: Counter, highs: Floats, lasts: Floats, start_us: int) -> Floats:
    """What a running total grew by in each minute that has a reading. A total that falls was reset: it counts from 0 again."""
    known = np.flatnonzero(~np.isnan(lasts))
    units = np.full(len(lasts), np.nan)
    if len(known) == 0:
        return units
    before = fetch_columns(
        connection, ("last",), _LAST_BEFORE,
        {"ids": ids_array([counter.id]), "start": from_us(start_us), "least": from_us(start_us - 35 * DAY_US)},
    )  # fmt: skip
    earlier = np.concatenate([before[0][:1] if len(before[0]) else lasts[known[:1]], lasts[known[:-1]]])
    last, high = lasts[known], highs[known]
    reset = last < earlier
    units[known] = np.where(reset, np.maximum(high - earlier, 0) * (high > last) + last, last - earlier)
    return units


_FIRST_HOURS = text("""
select s.id, (select min(bucket) from rollup_hour r where r.sensor_id = s.id) as first from unnest(cast(:ids as int[])) as s (id)""")


def first_hours(connection: Connection, sensor_ids: Sequence[int]) -> dict[int, int]:
    """The hour (UTC) of each sensor's first reading; those without any are left out. Hours outlive minutes (retention)."""
    rows = connection.execute(_FIRST_HOURS, {"ids": list(sensor_ids)})
    return {row.id: to_us(row.first) for row in rows if row.first is not None}


# ---- What was declared and said


def declared(connection: Connection, device_id: int, start_us: int, end_us: int) -> Declared:
    """Products, planned run times, reasons and edits that matter to a machine in a range."""
    return Declared(product_changes(connection, device_id), planned_run_times(connection, device_id), losses(connection),
                    stop_edits(connection, device_id, start_us, end_us))  # fmt: skip


def product_changes(connection: Connection, device_id: int) -> list[tuple[int, int]]:
    """(since, product id or 0), in order: what was said last of each time."""
    rows = connection.execute(
        text(
            "select since, product_id, withdrawn from (select distinct on (since) since, product_id, withdrawn from product_runs"
            " where device_id = :device order by since, id desc) said order by since"
        ),
        {"device": device_id},
    )
    return [(to_us(row.since), row.product_id or 0) for row in rows if not row.withdrawn]


def planned_run_times(connection: Connection, device_id: int) -> dict[int, list[tuple[int, float]]]:
    """Product id → (since, seconds an item), in order."""
    rows = connection.execute(
        text("select product_id, since, pri_s from product_rates where device_id = :device order by product_id, since"),
        {"device": device_id},
    )
    found: dict[int, list[tuple[int, float]]] = {}
    for row in rows:
        found.setdefault(row.product_id, []).append((to_us(row.since), row.pri_s))
    return found


def losses(connection: Connection) -> dict[int, Loss]:
    """The loss that each reason declares, also of reasons that are not offered any more."""
    rows = connection.execute(text("select id, loss from downtime_reasons"))
    known = {str(loss): loss for loss in OF_REASONS}
    return {row.id: known[row.loss] for row in rows if row.loss in known}


def stop_edits(connection: Connection, device_id: int, start_us: int, end_us: int) -> list[StopEdit]:
    """Edits that touch a range, in the order in which they hold."""
    rows = connection.execute(
        text(
            "select id, at, what, starts_at, ends_at, open_start, open_end, reason_id, comment, by from downtime_edits"
            " where device_id = :device and ends_at > :start and starts_at < :end order by at, id"
        ),
        {"device": device_id, "start": from_us(start_us), "end": from_us(end_us)},
    )
    return [
        StopEdit(
            row.id, to_us(row.at), Said(row.what), to_us(row.starts_at), to_us(row.ends_at), row.open_start, row.open_end, row.reason_id,
            row.comment, row.by,
        )
        for row in rows
    ]  # fmt: skip


# ---- Days


def plant_zone(connection: Connection) -> str:
    """The zone that the plant's days are of."""
    zone: str = connection.execute(text("select zone from tenants")).scalar_one()
    return zone
