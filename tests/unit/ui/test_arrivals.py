"""What a plant reports: counted when a count is worth its time, and moved on by what arrives."""

from datetime import UTC, datetime

import pytest

from dashapp.ui import arrivals
from dashapp.ui.arrivals import Arrivals
from db.queries.activity import Reported

pytestmark = pytest.mark.requirement("UI-1")
SECOND = 1_000_000
NOON = round(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()) * SECOND


@pytest.fixture
def counts(monkeypatch) -> list[int]:
    """The moments at which the database was asked; it says 1,000 readings today and 60 in the last minute."""
    asked: list[int] = []

    def counted(_connection, _sensors, _since_us, now_us):
        asked.append(now_us)
        return Reported(1_000, 60)

    monkeypatch.setattr(arrivals, "readings_reported", counted)
    return asked


def count(made: Arrivals, *, ever: int, at_us: int) -> None:
    made.count(None, [1], ever, at_us, "UTC")


def test_what_arrives_after_a_count_is_added_to_it(counts):
    made = Arrivals()
    count(made, ever=5_000, at_us=NOON)
    assert made.now(5_000, NOON) == Reported(1_000, 60)
    assert made.now(5_040, NOON + 20 * SECOND) == Reported(1_040, 60)  # of the last minute nothing else is known yet
    assert made.now(5_090, NOON + 60 * SECOND) == Reported(1_090, 90)
    assert made.now(5_100, NOON + 80 * SECOND) == Reported(1_100, 60)


def test_a_quiet_plant_is_counted_each_time_and_a_flood_is_not(counts):
    made = Arrivals()
    count(made, ever=0, at_us=NOON)
    count(made, ever=1_000, at_us=NOON + 30 * SECOND)
    assert len(counts) == 2
    count(made, ever=1_000 + 5_000_000, at_us=NOON + 60 * SECOND)  # two seconds of a core to count, for what is known already
    assert len(counts) == 2
    assert made.now(1_000 + 5_000_000, NOON + 60 * SECOND).since == 5_001_000
    count(made, ever=1_000 + 5_000_000, at_us=NOON + 600 * SECOND)
    assert len(counts) == 3


def test_a_new_day_is_counted_whatever_it_takes(counts):
    made = Arrivals()
    count(made, ever=1_000, at_us=NOON + 43_190 * SECOND)
    count(made, ever=9_000_000, at_us=NOON + 43_199 * SECOND)
    assert len(counts) == 1
    count(made, ever=9_000_000, at_us=NOON + 43_201 * SECOND)
    assert len(counts) == 2


def test_readings_that_were_taken_back_are_counted_anew(counts):
    made = Arrivals()
    count(made, ever=9_000_000, at_us=NOON)
    count(made, ever=8_000_000, at_us=NOON + SECOND)
    assert len(counts) == 2


def test_nothing_is_less_than_none(counts):
    made = Arrivals()
    count(made, ever=1_000, at_us=NOON)
    made.now(1_000, NOON)
    assert made.now(400, NOON + 61 * SECOND) == Reported(1_000, 0)
