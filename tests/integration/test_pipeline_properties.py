"""However readings arrive – in any order, repeated, split into any batches – what is stored and computed is the same."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashapp.ingest.services import Services
from db.columns import DAY_US, HOUR_US, MINUTE_US, from_us
from db.commands.rollups import close_buckets, recompute_dirty
from db.engine import Database
from tests.integration.plant import START_US, Press, Sent, new_press
from tests.integration.stored import expected_rollups, rollups

LEVELS = {"minute": MINUTE_US, "hour": HOUR_US, "day": DAY_US}
END = from_us(START_US) + timedelta(days=3)
Arrival = tuple[int, int]  # which sensor, seconds after the start

# Around the edges of minutes, hours and days as well as anywhere.
SECONDS = st.sampled_from([0, 1, 59, 60, 61, 3_599, 3_600, 3_661, 7_199, 86_399, 86_400, 90_000]) | st.integers(0, 2 * 86_400)
READINGS = st.dictionaries(st.tuples(st.integers(0, 2), SECONDS), st.integers(-1_000, 1_000), min_size=1, max_size=40)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[dict[Arrival, int], list[list[Arrival]], int]:
    """(values, the batches that they arrive in, after which of them the buckets are closed): every reading once or more."""
    values = draw(READINGS)
    names = sorted(values)
    order = draw(st.permutations(names + draw(st.lists(st.sampled_from(names), max_size=20))))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=6)))
    batches = [order[low:high] for low, high in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return values, batches, draw(st.integers(0, len(batches)))


@pytest.mark.requirement("IN-8", "DB-3")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(arrivals())
def test_order_duplication_and_splitting_change_nothing(
    database: Database, services: Services, arrived: tuple[dict[Arrival, int], list[list[Arrival]], int]
) -> None:
    values, batches, closed_after = arrived
    press = new_press(database)
    sensors = (press.count, press.temperature, press.vibration)
    # An increment is never negative.
    readings = {(sensors[i], second): float(abs(value) if i == 0 else value) for (i, second), value in values.items()}

    sent = []
    for number, batch in enumerate(batches):
        if number == closed_after:  # what comes now for these two days is late
            _ = [each.outcome() for each in sent]
            close_buckets(database, press.tenant_id, END - timedelta(days=1))
        wanted = [(sensors[i], float(second), readings[sensors[i], second]) for i, second in batch]
        sent.append(Sent(press, wanted, source=f"key:{number % 2}").to(services.pipeline))
    outcomes = [each.outcome() for each in sent]
    close_buckets(database, press.tenant_id, END)
    while recompute_dirty(database, press.tenant_id):
        pass

    expected = {(sensor, START_US + second * 1_000_000): value for (sensor, second), value in readings.items()}
    assert press.readings() == expected
    assert press.states() == expected_states(press, expected)
    assert sum(each.stored for each in outcomes) == len(readings)
    assert sum(each.duplicates for each in outcomes) == sum(map(len, batches)) - len(readings)
    for level, width_us in LEVELS.items():
        found, wanted_rollups = rollups(database, press.tenant_id, level), expected_rollups(expected, width_us)
        assert found.keys() == wanted_rollups.keys()
        for bucket, row in wanted_rollups.items():
            assert found[bucket] == pytest.approx(row, abs=1e-6), (level, bucket)


def expected_states(press: Press, readings: dict[tuple[int, int], float]) -> dict[int, tuple[int | None, float | None, float, int]]:
    """Sensor → (time of the newest, its value, total of an increment, number), from the set alone."""
    found: dict[int, tuple[int | None, float | None, float, int]] = {}
    for sensor in (press.temperature, press.vibration, press.count, press.fault):
        mine = sorted((time_us, value) for (other, time_us), value in readings.items() if other == sensor)
        total = sum(value for _, value in mine) if sensor == press.count else 0.0
        found[sensor] = (*(mine[-1] if mine else (None, None)), total, len(mine))
    return found
