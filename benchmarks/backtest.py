"""Row of the backtest: one sensor's thirty days, read and replayed, as the page of rules does it before a rule is saved."""

import time

from benchmarks.context import Context, fleet
from benchmarks.load import percentile
from benchmarks.plant import Plant
from benchmarks.preload import SECOND_US, preload
from benchmarks.report import Goal, Row
from dashapp.domain.backtest import replay, would_be
from dashapp.domain.rule_settings import RuleSettings
from dashapp.domain.rules import offline_limit_us
from db.queries.backtest import stored_track
from db.tenancy import tenant_reading

DAYS, PERIOD_S = 30, 2
RUNS = 5


def backtest(context: Context) -> list[Row]:
    """Every reading of a month at one in two seconds, against a limit that one in a thousand crosses."""
    rows = (2 if context.quick else DAYS) * 86_400 // PERIOD_S
    with Plant() as plant:
        (sensor_id, *_) = plant.add_devices(fleet(1, 1))
        first_us, last_us = preload(plant, [sensor_id], rows, period_s=PERIOD_S, rolled_up=False)
        with plant.superuser() as connection:
            connection.execute("vacuum analyze readings")
        taken, raised, readings = [], 0, 0
        for _ in range(RUNS):
            began = time.perf_counter()
            with tenant_reading(plant.database.engine, plant.tenant_id) as connection:
                track = stored_track(connection, sensor_id, first_us, last_us + SECOND_US).track
            ordered = sorted(track.values[:: max(1, len(track.values) // 1000)].tolist())
            settings = RuleSettings(high=ordered[-2], deadband=(ordered[-1] - ordered[0]) / 20)
            alerts = would_be(replay(settings, track, offline_limit_us(PERIOD_S)), first_us)
            taken.append(time.perf_counter() - began)
            raised, readings = len(alerts), len(track.values)
    return [
        Row(
            "backtest", f"a rule tried on one sensor's {DAYS} days, {readings:,} readings", percentile(taken, 50), "s", Goal(2),
            f"{RUNS} runs, the slowest {max(taken):.2f} s; {raised:,} alerts would have been raised",
        )
    ]  # fmt: skip
