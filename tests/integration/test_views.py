"""The three views that anybody may ask by SQL, as the application's role in a tenant's transaction."""

import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from dashapp.domain.fleet import DeviceSpec, SensorSpec, machine
from db.commands import readings as commands
from db.commands.devices import insert_device
from db.commands.partitions import ensure_partitions
from db.engine import Database
from db.tenancy import tenant_reading, tenant_transaction
from jobs import aggregation
from tests.integration.stored import ingest

pytestmark = pytest.mark.requirement("DB-4")
HOUR_US = 3_600_000_000
MINUTES = 30
Ids = dict[tuple[str, str], int]  # (device, sensor) → id


@pytest.fixture
def plant(database: Database, tenant: int) -> Ids:
    """Two machines and a device that is none: sensor ids by (device, sensor)."""
    fleet = [machine(f"MX-0{i}", f"Machine {i}", "Hall 1 - Floor 1", (60, 90), (10, 40), 10) for i in (1, 2)]
    with tenant_transaction(database.engine, tenant) as connection:
        for device in [*fleet, DeviceSpec("probe", "Probe", "", "", (SensorSpec("temperature", "Temperature", "°C"),))]:
            insert_device(connection, tenant, device)
        sensors = text("select d.key as device, s.key as sensor, s.id from sensors s join devices d on d.id = s.device_id")
        return {(row.device, row.sensor): row.id for row in connection.execute(sensors)}


def store(database: Database, tenant: int, columns: dict[int, list[float]], increments: set[int], *, hours_ago: float) -> None:
    """A value a minute of each sensor, from so many hours ago on; then rolls them up."""
    now_us = time.time_ns() // 1000
    start_us = now_us - round(hours_ago * HOUR_US)
    ids = np.repeat(np.array(list(columns), np.int32), [len(values) for values in columns.values()])
    times = np.concatenate([start_us + np.arange(len(values), dtype=np.int64) * 60_000_000 for values in columns.values()])
    values = np.concatenate([np.array(values, float) for values in columns.values()])
    ensure_partitions(database, times)
    rows = commands.Rows(ids, times, values, np.full(len(ids), 192, np.int16))
    with ingest(database, tenant) as connection:
        commands.store(connection, tenant, rows, np.isin(ids, list(increments)))
    aggregation.run_for(database, tenant, datetime.fromtimestamp(now_us / 1e6, UTC))


def view(database: Database, tenant: int, query: str) -> list[dict[str, Any]]:
    with tenant_reading(database.engine, tenant) as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def test_machine_stats_cover_the_last_24_hours_of_machines_alone(database: Database, tenant: int, plant: Ids) -> None:
    warm, shaking = [70.0 + i / 10 for i in range(MINUTES)], [20.0 + i for i in range(MINUTES)]
    one = {
        plant["MX-01", "temperature"]: warm,
        plant["MX-01", "vibration"]: shaking,
        plant["MX-01", "production_count"]: [3.0] * MINUTES,
        plant["MX-01", "fault"]: [1.0, 0.0, 1.0],
        plant["probe", "temperature"]: [20.0] * MINUTES,
    }
    increments = {plant["MX-01", "production_count"]}
    store(database, tenant, {plant["MX-01", "temperature"]: [500.0]}, set(), hours_ago=26)  # yesterday's
    store(database, tenant, one, increments, hours_ago=2)

    first, second = view(database, tenant, "select * from machine_stats_24h order by machine_id")
    assert (first["machine_id"], first["name"], first["location"]) == ("MX-01", "Machine 1", "Hall 1 - Floor 1")
    assert first["total_readings"] == MINUTES
    assert first["avg_temperature"] == pytest.approx(np.mean(warm))
    assert (first["max_temperature"], first["min_temperature"]) == (warm[-1], warm[0])
    assert first["avg_vibration"] == pytest.approx(np.mean(shaking))
    assert (first["max_vibration"], first["min_vibration"]) == (shaking[-1], shaking[0])
    assert first["total_production"] == 3 * MINUTES
    assert first["fault_count"] == 2
    assert (second["machine_id"], second["total_readings"], second["avg_temperature"]) == ("MX-02", 0, None)


def test_system_overview_sums_up_what_is_current(database: Database, tenant: int, plant: Ids) -> None:
    columns = {
        plant["MX-01", "temperature"]: [70.0, 80.0],
        plant["MX-02", "temperature"]: [60.0],
        plant["MX-01", "vibration"]: [12.0],
        plant["MX-02", "vibration"]: [30.0],
        plant["MX-01", "production_count"]: [4.0, 5.0],
        plant["MX-02", "production_count"]: [1.0],
    }
    increments = {plant["MX-01", "production_count"], plant["MX-02", "production_count"]}
    store(database, tenant, columns, increments, hours_ago=1)
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update devices set status = 'maintenance' where key = 'MX-02'"))
    (overview,) = view(database, tenant, "select * from system_overview")
    assert overview == {
        "active_machines": 2, "total_machines": 3, "active_alerts": 0, "current_total_production": 10.0, "avg_system_temperature": 70.0,
        "max_system_vibration": 30.0,
    }  # fmt: skip


def test_active_alerts_are_those_that_have_not_ended_the_most_urgent_first(database: Database, tenant: int, plant: Ids) -> None:
    insert = text(
        "insert into alerts (tenant_id, device_id, type, code, severity, state, message, raised_at, ended_at)"
        " select :tenant, id, 'threshold_exceeded', 'high_temperature', :severity, :state, :message,"
        " now() - :minutes * interval '1 min', case when :over then now() end from devices where key = 'MX-01'"
    )
    alerts = [("low", 90, False), ("critical", 5, False), ("high", 7, True), ("medium", 30, False), ("critical", 12, False)]
    with tenant_transaction(database.engine, tenant) as connection:
        for severity, minutes, over in alerts:
            values = {"tenant": tenant, "severity": severity, "minutes": minutes, "over": over, "state": "A" if over else "B"}
            connection.execute(insert, {**values, "message": f"{severity} {minutes}"})
    found = view(database, tenant, "select * from active_alerts")
    assert [row["message"] for row in found] == ["critical 12", "critical 5", "medium 30", "low 90"]
    assert [row["minutes_open"] for row in found] == [12, 5, 30, 90]
    assert {(row["machine_id"], row["machine_name"], row["alert_type"]) for row in found} == {("MX-01", "Machine 1", "threshold_exceeded")}
    assert view(database, tenant, "select active_alerts from system_overview") == [{"active_alerts": 4}]


def test_the_views_show_nothing_of_another_tenant(database: Database, tenant: int, plant: Ids) -> None:
    store(database, tenant, {plant["MX-01", "temperature"]: [70.0]}, set(), hours_ago=1)
    with database.engine.begin() as connection:
        other = connection.execute(text("select andon_create_tenant(:key, :key, 'UTC', false)"), {"key": f"other-{tenant}"}).scalar_one()
    assert view(database, other, "select * from machine_stats_24h") == []
    assert view(database, other, "select * from active_alerts") == []
    assert view(database, other, "select total_machines, current_total_production from system_overview") == [
        {"total_machines": 0, "current_total_production": None}
    ]
