"""Rows of the HTTP door: readings in batches and one by one, durable, on top of millions that are there."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from benchmarks.baselines import copy_rate, orm_rate
from benchmarks.context import Context
from benchmarks.load import Load, Wrk
from benchmarks.plant import KEY, Plant
from benchmarks.report import Goal, Row

BATCH = 1_000
DEVICES, SENSORS = 100, 5
T = TypeVar("T")


def batches(context: Context) -> list[Row]:
    """Readings a second through the door in batches of 1,000, four connections, a checkpoint in the middle."""
    seconds, base_s = (12, 5) if context.quick else (60, 20)
    loaded = context.loaded()
    plant, sensor_ids = loaded.plant, loaded.sensor_ids

    def copying() -> float:
        return _with_checkpoint(plant, base_s, lambda: copy_rate(plant, sensor_ids, base_s))

    before = copying()
    stored, cpu_s = plant.readings_stored(), plant.server_cpu_s()
    load = _with_checkpoint(plant, seconds, lambda: post("batches", plant, connections=4, seconds=seconds))
    cpu_s, stored = plant.server_cpu_s() - cpu_s, plant.readings_stored() - stored
    after = copying()
    check(load, stored, BATCH)
    rate, copied = load.per_s * BATCH, (before + after) / 2
    bound = f"the server takes {cpu_s / load.seconds:.2f} of a core, PostgreSQL's writer the rest; p99 of a batch {load.p99_ms:.0f} ms"
    return [
        Row(
            "ingest-batches", f"readings/s over HTTP in batches of 1,000, durable, {seconds} s with a checkpoint", rate, "/s",
            Goal(0.5, at_least=True, of_ratio=True), bound, copied,
            f"binary COPY, 1,000 rows a transaction, same table with {loaded.rows / 1e6:.0f} M rows",
            detail={"baseline_before": before, "baseline_after": after, "server_cores": cpu_s / load.seconds, "p99_ms": load.p99_ms},
        )
    ]  # fmt: skip


def singles(context: Context) -> list[Row]:
    """Posts of one reading a second at 32 connections."""
    seconds, base_s = (5, 3) if context.quick else (20, 8)
    plant = context.loaded().plant
    before = orm_rate(plant, base_s)
    post("singles", plant, connections=32, seconds=2)
    stored, cpu_s = plant.readings_stored(), plant.server_cpu_s()
    load = post("singles", plant, connections=32, seconds=seconds)
    cpu_s, stored = plant.server_cpu_s() - cpu_s, plant.readings_stored() - stored
    after = orm_rate(plant, base_s)
    check(load, stored, 1)
    bound = (
        f"Python: {cpu_s / load.accepted * 1e6:.0f} µs of processor a post, {cpu_s / load.seconds:.2f} of a core,"
        f" in one process under one interpreter lock; p99 {load.p99_ms:.0f} ms"
    )
    return [
        Row(
            "ingest-singles", "posts/s of one reading, 32 connections, durable", load.per_s, "/s", Goal(5, at_least=True, of_ratio=True),
            bound, (before + after) / 2, "SQLAlchemy ORM, one row a transaction, trigger, no HTTP",
            detail={"baseline_before": before, "baseline_after": after, "server_cores": cpu_s / load.seconds, "p99_ms": load.p99_ms},
        )
    ]  # fmt: skip


def post(script: str, plant: Plant, *, connections: int, seconds: float, per_s: int = 0) -> Load:
    """One run of wrk against the plant's door."""
    return start(script, plant, connections=connections, seconds=seconds, per_s=per_s).result()


def start(script: str, plant: Plant, *, connections: int, seconds: float, per_s: int = 0) -> Wrk:
    """The same, under way."""
    return Wrk(script, plant.url, KEY, connections=connections, seconds=seconds, devices=DEVICES, sensors=SENSORS, per_s=per_s)


def check(load: Load, stored: int, rows: int) -> None:
    """Every reading that was answered 201 is counted as new, and nothing was refused. Raises RuntimeError."""
    if load.refused or load.broken:
        raise RuntimeError(f"{load.refused} posts were refused and {load.broken} connections broke")
    if stored < load.accepted * rows:
        raise RuntimeError(f"{load.accepted * rows} readings were answered 201 and {stored} were stored")


def _with_checkpoint(plant: Plant, seconds: float, measure: Callable[[], T]) -> T:
    """Measures with a checkpoint before and one half-way."""
    plant.checkpoint()
    over = threading.Event()

    def halfway() -> None:
        if not over.wait(seconds / 2):
            plant.checkpoint()

    thread = threading.Thread(target=halfway)
    thread.start()
    try:
        return measure()
    finally:
        over.set()
        thread.join()
        time.sleep(0.2)
