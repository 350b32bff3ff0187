"""Rows of the alarms: how long from a reading to its alert in the database, and what 2,000 rules cost the ingest.

The probe is a device of its own whose sensor goes above its limit and back. Its alert is written in the transaction that the 201 waits
for, so that what is measured is from the sending of the reading to the answer; that the alerts are there is counted afterwards.
"""

import time
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
from sqlalchemy import text

from benchmarks.context import Context, Loaded
from benchmarks.ingest import BATCH, check, post, start
from benchmarks.load import percentile
from benchmarks.plant import KEY, Plant
from benchmarks.report import Goal, Row
from dashapp.domain.fleet import DeviceSpec, SensorSpec, Severity
from dashapp.domain.rule_settings import RuleSettings
from db.commands.rules import RuleTarget, insert_rule
from db.notify import RULES
from db.tenancy import tenant_reading, tenant_transaction

RULES_A_SENSOR = 4
SINGLES_PER_S, BATCHES_PER_S = 1_000, 10_000
PROBES_PER_S = 20
CONNECTIONS = 32
PROBE = "probe"


def reading_to_alert(context: Context) -> list[Row]:
    """p99 beside 1,000 single posts a second, p95 beside 10,000 readings a second in batches, 2,000 rules."""
    seconds = 8 if context.quick else 25
    loaded = context.loaded()
    _with_rules(loaded)
    rows = []
    for key, beside_what, script, per_s, connections, share, limit in (
        ("alarm-singles", f"{SINGLES_PER_S:,} single posts/s", "singles", SINGLES_PER_S, CONNECTIONS, 99, 100),
        ("alarm-batches", f"{BATCHES_PER_S:,} readings/s in batches", "batches", BATCHES_PER_S // BATCH, 4, 95, 50),
    ):
        what = f"reading → alert row p{share}, beside {beside_what}"
        load = start(script, loaded.plant, connections=connections, seconds=seconds + 3, per_s=per_s)
        try:
            time.sleep(1.5)
            took_ms = _probe(loaded.plant, seconds)
            beside = load.result()
        finally:
            load.stop()
        check(beside, beside.accepted * BATCH, 1)
        bound = f"p50 {percentile(took_ms, 50):.1f} ms, most {max(took_ms):.0f} ms, {len(took_ms)} probes; {beside.per_s:.0f} posts/s kept"
        rows.append(Row(key, f"{what}, 2,000 rules", percentile(took_ms, share), "ms", Goal(limit), bound))
    return rows


def ingest_with_rules(context: Context) -> list[Row]:
    """Readings a second in batches of 1,000 with 2,000 rules, against the same plant with none: off, on, off, on."""
    seconds = 5 if context.quick else 20
    loaded = context.loaded()
    _with_rules(loaded)
    rates: dict[bool, list[float]] = {True: [], False: []}
    try:
        for on in (False, True, False, True):
            _switch(loaded.plant, on)
            time.sleep(0.5)
            stored = loaded.plant.readings_stored()
            load = post("batches", loaded.plant, connections=4, seconds=seconds)
            check(load, loaded.plant.readings_stored() - stored, BATCH)
            rates[on].append(load.per_s * BATCH)
    finally:
        _switch(loaded.plant, True)
    with_rules, without = (sum(rates[on]) / len(rates[on]) for on in (True, False))
    bound = "one pass over columns for each slice, and what the rules wait for, asked with the lock of the state"
    return [
        Row(
            "alarm-ingest", "readings/s in batches of 1,000 with 2,000 rules", with_rules, "/s",
            Goal(0.85, at_least=True, of_ratio=True), bound, without, "the same with no rule",
            detail={"with": rates[True], "without": rates[False]},
        )
    ]  # fmt: skip


def _with_rules(loaded: Loaded) -> None:
    """Four rules a sensor that nothing of the load crosses, and the probe with its own; made once."""
    plant = loaded.plant
    with tenant_transaction(plant.database.engine, plant.tenant_id) as connection:
        if connection.execute(text("select exists (select 1 from devices where key = :key)"), {"key": PROBE}).scalar_one():
            return
    plant.add_devices([DeviceSpec(PROBE, "Probe", "", "", (SensorSpec("s0", "Probe", "°C"),))])
    with tenant_transaction(plant.database.engine, plant.tenant_id) as connection:
        for sensor_id in loaded.sensor_ids:
            for n in range(RULES_A_SENSOR):
                settings = RuleSettings(severity=Severity.HIGH, high=1_000.0 + n, low=-1_000.0 - n, deadband=5, on_delay_s=n)
                insert_rule(connection, plant.tenant_id, f"rule {sensor_id}.{n}", settings, RuleTarget(sensor_id=sensor_id))
        probe = connection.execute(
            text("select s.id from sensors s join devices d on d.id = s.device_id where d.key = :key"), {"key": PROBE}
        ).scalar_one()
        insert_rule(connection, plant.tenant_id, "probe", RuleSettings(high=90), RuleTarget(sensor_id=probe))
    time.sleep(1)  # the server hears of it and reads its rules


def _probe(plant: Plant, seconds: float) -> list[float]:
    """Milliseconds from sending a reading above the limit to its 201. Raises RuntimeError where an alert is missing."""
    before, took_ms = _raised(plant), []
    with httpx.Client(base_url=plant.url, headers={"X-API-Key": KEY}, timeout=30) as client:
        until, n = time.monotonic() + seconds, 0
        moment = datetime.now(UTC)
        while time.monotonic() < until:
            for value in (95.0, 80.0):
                moment = max(moment + timedelta(microseconds=1), datetime.now(UTC))
                body = {"device_id": PROBE, "sensor_type": "s0", "value": value, "timestamp": moment.isoformat()}
                began = time.perf_counter()
                answer = client.post("/api/v1/readings", json=body)
                if value > 90:
                    took_ms.append(1000 * (time.perf_counter() - began))
                if answer.status_code != 201:
                    raise RuntimeError(f"a probe was answered {answer.status_code}: {answer.text[:200]}")
            n += 1
            time.sleep(max(0.0, 1 / PROBES_PER_S - (time.perf_counter() - began)))
    if (raised := _raised(plant) - before) != n:
        raise RuntimeError(f"{n} probes went above their limit and {raised} events say so")
    return took_ms


def _raised(plant: Plant) -> int:
    query = text("select count(*) from alert_events where what in ('raised', 're_raised') and value = 95")
    with tenant_reading(plant.database.engine, plant.tenant_id) as connection:
        found: int = connection.execute(query).scalar_one()
    return found


def _switch(plant: Plant, on: bool) -> None:
    """Every rule of the plant on or off, at once."""
    with plant.superuser() as connection:
        _as_superuser(connection, plant.tenant_id, on)


def _as_superuser(connection: "psycopg.Connection[tuple[object, ...]]", tenant_id: int, on: bool) -> None:
    connection.execute("update rules set enabled = %s where tenant_id = %s", (on, tenant_id))
    connection.execute("select pg_notify(%s, %s)", (RULES, f":{tenant_id}"))
