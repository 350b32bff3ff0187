"""Rows of the charts: any range of a sensor's year, answered from the coarsest rollup that fills the width."""

import json
import math
import random
import time
from datetime import UTC, datetime

from benchmarks.context import Context, fleet
from benchmarks.load import percentile
from benchmarks.plant import Plant
from benchmarks.preload import SECOND_US, preload
from benchmarks.report import Goal, Row
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.analytics.choice import Picked
from dashapp.ui.figures.history_chart import Span
from dashapp.ui.figures.trend_chart import Strip, trend_chart
from db.commands.rollups import close_buckets
from db.queries.series import Series, series
from db.tenancy import tenant_reading

HOUR_S, YEAR_S = 3_600, 365 * 86_400
SENSORS = 20
WIDTH = 1_000
SENSOR = SensorEntry(1, "MX-01", "temperature", "Temperature", "°C", "gauge", 60, 90, None, 95, "high", 2)
DEVICE = DeviceEntry(1, "MX-01", "Press", "", "", False, "", "active", 0, {"temperature": SENSOR})


def ranges(context: Context) -> list[Row]:
    """Queries of ranges from an hour to a year, spread evenly over the logarithm of their length, ends anywhere in the year."""
    rows, queries = (1_000_000, 60) if context.quick else (50_000_000, 600)
    with Plant() as plant:
        sensor_ids = plant.add_devices(fleet(SENSORS // 5, 5))
        began = time.perf_counter()
        first_us, last_us = preload(plant, sensor_ids, rows, period_s=YEAR_S * SENSORS / rows, rolled_up=False)
        written_s = time.perf_counter() - began
        while not close_buckets(plant.database, plant.tenant_id, datetime.now(UTC)).moved:
            time.sleep(0.5)
        with plant.superuser() as connection:
            connection.execute("vacuum analyze")
        context.say(f"{rows:,} readings of a year in {written_s:.0f} s, rolled up in {time.perf_counter() - began - written_s:.0f} s")
        chance = random.Random(7)
        taken: dict[str, list[float]] = {}
        drawn, most_points = list[float](), 0
        for _ in range(queries):
            length_us = int(math.exp(chance.uniform(math.log(HOUR_S), math.log(YEAR_S))) * SECOND_US)
            end_us = last_us - int(chance.uniform(0, max(0, last_us - first_us - length_us)))
            took_ms, found = _ask(plant, chance.choice(sensor_ids), end_us - length_us, end_us)
            taken.setdefault(found.resolution, []).append(took_ms)
            began = time.perf_counter()
            _draw(found, end_us - length_us, end_us)
            drawn.append(took_ms + 1000 * (time.perf_counter() - began))
            most_points = max(most_points, len(found))
    every = [took for part in taken.values() for took in part]
    what = f"any chart range from 1 h to 1 year over {rows / 1e6:.0f} M readings, query p95"
    parts = ", ".join(f"{name} {percentile(part, 95):.0f} ms" for name, part in sorted(taken.items()))
    figures = f"the same to the figure as JSON, at most {most_points:,} points a line, p95"
    return [
        Row(
            "ranges", what, percentile(every, 95), "ms", Goal(50),
            f"{len(every)} queries of {SENSORS} sensors, p50 {percentile(every, 50):.0f} ms; p95 by resolution: {parts}",
            starred=True, detail={name: len(part) for name, part in taken.items()},
        ),
        Row(
            "trend-figure", figures, percentile(drawn, 95), "ms", Goal(80),
            f"p50 {percentile(drawn, 50):.0f} ms, most {max(drawn):.0f} ms; building and writing the figure costs"
            f" {percentile(drawn, 50) - percentile(every, 50):.0f} ms of it",
            starred=True,
        ),
    ]  # fmt: skip


def _draw(found: Series, start_us: int, end_us: int) -> str:
    """The page of trends' figure of one line, as it goes to the browser."""
    strip = Strip(Picked(DEVICE, SENSOR), found, None, 0, ())
    return json.dumps(trend_chart([strip], Span(start_us, end_us, "UTC")), separators=(",", ":"))


def _ask(plant: Plant, sensor_id: int, start_us: int, end_us: int) -> tuple[float, Series]:
    """Milliseconds of one chart's query with its transaction, and the line."""
    began = time.perf_counter()
    with tenant_reading(plant.database.engine, plant.tenant_id) as connection:
        found = series(connection, sensor_id, start_us, end_us, width=WIDTH)
    return 1000 * (time.perf_counter() - began), found
