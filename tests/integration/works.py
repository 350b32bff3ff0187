"""A plant with machines that count, shifts, products and reasons, for tests of production."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import text

from dashapp.actions.actor import Actor
from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.fleet import DeviceSpec, Role, SensorKind, SensorSpec
from dashapp.domain.oee import ProductionSums
from db.columns import from_us
from db.commands.devices import insert_device
from db.commands.production import recompute_production
from db.commands.products import insert_product, insert_product_run, set_rates
from db.commands.reasons import ensure_default_reasons
from db.commands.rollups import close_buckets, recompute_dirty
from db.commands.shifts import insert_shift_calendar
from db.engine import Database
from db.queries.production import production_sums
from db.queries.stops import StopRow, stops_between
from db.tenancy import tenant_reading, tenant_transaction
from tests.integration.stored import new_tenant, store, utc_us

START_US = utc_us("2026-03-02T00:00")  # a Monday
EARLY = {"name": "Early", "days": [1, 2, 3, 4, 5], "start": "06:00", "end": "14:00", "breaks": [["09:00", "09:15"]]}
LATE = {"name": "Late", "days": [1, 2, 3, 4, 5], "start": "14:00", "end": "22:00", "breaks": []}
SENSORS = (
    SensorSpec("production_count", "Produced", "units", SensorKind.INCREMENT, period_s=60.0),
    SensorSpec("reject_count", "Rejected", "units", SensorKind.INCREMENT, period_s=60.0),
    SensorSpec("fault", "Fault", "", SensorKind.FLAG, period_s=60.0),
)


@dataclass
class Works:
    """A tenant's plant. `sensors` are by (device key, sensor key)."""

    database: Database
    tenant_id: int
    devices: dict[str, int]
    sensors: dict[tuple[str, str], int]
    reasons: dict[str, int]

    @property
    def manager(self) -> Actor:
        """Somebody who may do everything here that is about production."""
        return self.actor(Role.MANAGER)

    def actor(self, role: Role, lines: tuple[str, ...] | None = None) -> Actor:
        """Somebody of a role."""
        return Actor("command", 0, self.tenant_id, role, lines, name="somebody")

    def at(self, moment: str) -> int:
        """`06:30` on the first day, `2 06:30` on the second, in microseconds."""
        day, _, clock = moment.rpartition(" ")
        hour, minute = clock.split(":")
        return START_US + ((int(day or 1) - 1) * 1440 + int(hour) * 60 + int(minute)) * MINUTE_US

    def make(self, machine: str, start: str, units: Sequence[float | None], *, rejects: float = 0.0, fault: float = 0.0) -> None:
        """Reports units minute by minute (None: nothing is reported), each in the middle of its minute."""
        times = self.at(start) + np.arange(len(units)) * MINUTE_US + MINUTE_US // 2
        known = np.array([one is not None for one in units])
        values = np.array([one or 0.0 for one in units])[known]
        columns = {"production_count": values, "reject_count": np.where(values > 0, rejects, 0.0), "fault": np.full(len(values), fault)}
        for key, column in columns.items():
            if (machine, key) in self.sensors:
                store(self.database, self.tenant_id, self.sensors[machine, key], times[known], column)

    def settle(self, until: str | int) -> None:
        """Rolls up to a time, and computes all that is left to compute."""
        until_us = self.at(until) if isinstance(until, str) else until
        close_buckets(self.database, self.tenant_id, from_us(until_us), lag_s=0)
        while recompute_dirty(self.database, self.tenant_id):
            pass
        while recompute_production(self.database, self.tenant_id).more:
            pass

    def sums(self, machine: str, start: str | int, end: str | int) -> ProductionSums:
        """The sums of a machine."""
        edges = [self.at(edge) if isinstance(edge, str) else edge for edge in (start, end)]
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            device_id = self.devices[machine]
            return production_sums(connection, [device_id], *edges)[device_id]

    def stops(self, machine: str, start: str = "00:00", end: str = "9 00:00") -> list[StopRow]:
        """The stops of a machine in order, with what was said of them."""
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            found = stops_between(connection, self.at(start), self.at(end), device_ids=[self.devices[machine]], with_edits=True)
        return found[::-1]

    def rows(self, table: str) -> list[Mapping[str, Any]]:
        """A table's rows of this tenant."""
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            return [row._mapping for row in connection.execute(text(f'select * from "{table}"'))]


def new_works(
    database: Database, machines: Sequence[str] = ("M1",), *, zone: str = "UTC", calendar: Mapping[str, Any] | None = None,
    sensors: Sequence[SensorSpec] = SENSORS, pri_s: float | None = 2.0, line: str = "Line",
) -> Works:  # fmt: skip
    """A plant of its own with two shifts on weekdays; every machine makes one product, at 2 s an item."""
    tenant_id = new_tenant(database)
    with tenant_transaction(database.engine, tenant_id) as connection:
        connection.execute(text("update tenants set zone = :zone"), {"zone": zone})
        for key in machines:
            insert_device(connection, tenant_id, DeviceSpec(key, key, "Hall", line, tuple(sensors), is_machine=True))
        insert_shift_calendar(connection, "Two shifts", zone, calendar or {"shifts": [EARLY, LATE]}, date(2020, 1, 1), line=line)
        ensure_default_reasons(connection)
        devices = dict(connection.execute(text("select key, id from devices")).all())
        names = connection.execute(text("select d.key, s.key as sensor, s.id from sensors s join devices d on d.id = s.device_id"))
        found = {(row.key, row.sensor): row.id for row in names}
        reasons = dict(connection.execute(text("select code, id from downtime_reasons")).all())
        if pri_s is not None:
            product_id = insert_product(connection, "cap", "Cap")
            assert product_id is not None
            set_rates(connection, product_id, dict.fromkeys(devices.values(), pri_s), None)
            for device_id in devices.values():
                insert_product_run(connection, device_id, product_id, 0, by="system")
    return Works(database, tenant_id, devices, found, reasons)


def usual_day(works: Works, machine: str = "M1", day: int = 1) -> None:
    """Makes 24 units a minute from 06:00 to 22:00 but for a minor stop and two longer ones, of which one has a fault."""
    works.make(machine, f"{day} 06:00", [24] * 60 + [0] * 2 + [24] * 28, rejects=1)
    works.make(machine, f"{day} 07:30", [0] * 20, fault=1)
    works.make(machine, f"{day} 07:50", [24] * 250, rejects=1)
    works.make(machine, f"{day} 12:00", [0] * 30)
    works.make(machine, f"{day} 12:30", [24] * 570, rejects=1)


def pair_at_work(database: Database) -> Works:
    """Two machines through a whole day, each with a stop of twenty minutes; the name of one begins as a formula does."""
    made = new_works(database, ("=M1", "M2"))
    for machine in ("=M1", "M2"):
        made.make(machine, "06:00", [24] * 90 + [0] * 20 + [24] * 850, rejects=1)
    made.settle("2 00:00")
    return made
