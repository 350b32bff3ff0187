"""The demo plant: a tenant of its own with the seeded fleet and a history, made before the first page is served.

Older days are thinned to a reading a minute, the last hours are at full rate. A later start fills the gap since the last one.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np
import psycopg
from sqlalchemy import text

from dashapp.domain.fleet import SEEDED_FLEET, DeviceSpec
from dashapp.domain.simulation import due_times
from dashapp.domain.simulation_control import Control
from dashapp.ingest.catalogue import Catalogue, TenantCatalogue
from db.binary import register
from db.columns import from_us
from db.commands import readings as commands
from db.commands.devices import insert_device
from db.commands.partitions import ensure_partitions
from db.commands.rollups import close_buckets
from db.commands.rules import ensure_default_rules
from db.engine import Database, connect_raw
from db.tenancy import tenant_reading, tenant_transaction
from jobs.demo_alerts import write_past_alerts
from jobs.demo_production import ensure_calendars, ensure_products, explain_and_compute
from jobs.simulator import EPISODES_MATTER, NOTHING, Due, own_period_s, read_controls, simulated_rows

log = logging.getLogger("andon.demo")
KEY = "demo"
THIN_S = 60.0
FULL_RATE_US = 8 * 3_600_000_000
FULL_RATE_AGAIN_US = 900_000_000  # after a pause of days nobody needs each second of it
DAY_US = 86_400_000_000
CHUNK_US = 6 * 3_600_000_000
SLICE = 20_000
SHORT_US = 5_000_000
Progress = Callable[[float, str], None]


def ensure_demo(database: Database, *, days: int, span: str, now: datetime, progress: Progress) -> int:
    """Makes the demo tenant, its fleet and its history, each where it is missing. The tenant's id."""
    with database.engine.begin() as connection:
        tenant_id: int = connection.execute(text("select andon_create_tenant('demo', 'Demo plant', 'UTC', true)")).scalar_one()
    with tenant_transaction(database.engine, tenant_id) as connection:
        first_time = connection.execute(text("select count(*) from devices")).scalar_one() == 0
        for device in SEEDED_FLEET if first_time else ():
            insert_device(connection, tenant_id, device)
        ensure_default_rules(connection, tenant_id)
        ensure_calendars(connection)
    now_us = int(now.timestamp() * 1_000_000)
    with tenant_reading(database.engine, tenant_id) as connection:
        last = connection.execute(text("select max(time) from sensor_state")).scalar_one()
    start_us = now_us - days * DAY_US if last is None else int(last.timestamp() * 1_000_000)
    full_us = FULL_RATE_US if last is None else FULL_RATE_AGAIN_US
    with tenant_transaction(database.engine, tenant_id) as connection:
        ensure_products(connection, start_us, now_us)
    began = time.monotonic()
    fill_history(database, tenant_id, start_us, now_us, full_from_us=now_us - full_us, span=span, progress=progress)
    if (took_us := round((time.monotonic() - began) * 1e6)) > SHORT_US:  # what fell due meanwhile: a sparkline would show the gap
        fill_history(database, tenant_id, now_us, now_us + took_us, full_from_us=now_us, span=span, progress=lambda _share, _note: None)
    if last is None:
        progress(1.0, "alerts of the past")
        write_past_alerts(database, tenant_id, start_us, now_us)
    progress(1.0, "stops and their reasons")
    explain_and_compute(database, tenant_id)
    return tenant_id


def fill_history(
    database: Database, tenant_id: int, start_us: int, end_us: int, *, full_from_us: int, span: str, progress: Progress
) -> int:
    """Simulates (start, end] and rolls it up; what is there already stays. The number of new readings."""
    if end_us - start_us < 1_000_000:
        return 0
    began = time.monotonic()
    ensure_partitions(database, (start_us, end_us), span=span)
    catalogue = Catalogue(database).of(tenant_id)
    with tenant_reading(database.engine, tenant_id) as reading:
        controls = read_controls(reading, from_us(start_us) - EPISODES_MATTER)
    stored = 0
    with connect_raw(database.engine.url) as connection:
        register(connection)
        for low in range(start_us, end_us, CHUNK_US):
            high = min(low + CHUNK_US, end_us)
            for piece_low, piece_high, period_s in _pieces(low, high, full_from_us):
                stored += _store(connection, catalogue, controls, piece_low, piece_high, period_s)
            progress(0.85 * (high - start_us) / (end_us - start_us), f"{stored:,} readings of history")
    progress(0.87, "minutes, hours and days")
    close_buckets(database, tenant_id, datetime.fromtimestamp(end_us / 1e6, UTC))
    progress(1.0, f"{stored:,} readings of history in {time.monotonic() - began:.0f} s")
    return stored


def _pieces(low: int, high: int, full_from_us: int) -> list[tuple[int, int, float | None]]:
    split = min(max(full_from_us, low), high)
    pieces: list[tuple[int, int, float | None]] = [(low, split, THIN_S), (split, high, None)]
    return [piece for piece in pieces if piece[1] > piece[0]]


def _store(
    connection: "psycopg.Connection[tuple[object, ...]]",
    catalogue: TenantCatalogue,
    controls: Mapping[str, Control],
    low: int,
    high: int,
    period_s: float | None,
) -> int:
    def due_of(device: DeviceSpec) -> Due:
        control = controls.get(device.key, Control())
        if not control.running:
            return NOTHING
        stands_for_s = period_s or control.period_s
        return Due(due_times(low, high, stands_for_s or own_period_s(device)), stands_for_s, control.episodes)

    rows = simulated_rows(catalogue, due_of)
    increments = np.array([catalogue.sensors[i].kind == "increment" for i in rows.sensor_ids.tolist()], bool)
    # In order of time, as they would have come: rollups over rows in time order are forty times as fast.
    order = np.argsort(rows.times_us, kind="stable")
    stored = 0
    for start in range(0, len(order), SLICE):
        part = order[start : start + SLICE]
        commands.enter(connection, catalogue.tenant_id)
        stored += int(commands.store(connection, catalogue.tenant_id, rows.take(part), increments[part]).new.sum())
        connection.execute("commit")
    return stored
