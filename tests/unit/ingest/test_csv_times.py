"""Times of a CSV file: fractions, offsets, zones, the hour that comes twice and the one that is skipped."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.unit.ingest.csv_chunks import GOOD, HEADER, one, read, refusals, times

pytestmark = pytest.mark.requirement("IN-5")


@pytest.mark.parametrize(
    "cell", ["", "yesterday", "2024-02-30 00:00:00", "2024-01-01 25:00:00", "0001-01-01 00:00:00", "1704067200"]
)
def test_a_time_that_cannot_be_read_costs_its_row_alone(tmp_path: Path, cell: str) -> None:
    chunk = one(tmp_path, HEADER + GOOD + f"{cell};5;5\n" + GOOD)
    assert refusals(chunk) == [(4, "time")]
    assert chunk.line_numbers.tolist() == [2, 3, 5, 6]
    assert "2024-12-31" in chunk.refused[0].reason or "1900 to 2199" in chunk.refused[0].reason


def test_fractions_may_be_missing_from_some_cells(tmp_path: Path) -> None:
    chunk = one(tmp_path, "time;a\n2020-03-09 10:14:33;1\n2020-03-09 10:14:33.25;1\n2020-03-09 10:14:34,125;1\n")
    assert [time % 1_000_000 for time in chunk.time_us.tolist()] == [0, 250_000, 125_000]


def test_offsets_are_obeyed_and_the_zone_is_for_times_without(tmp_path: Path) -> None:
    content = "time;a\n2024-07-01T12:00:00Z;1\n2024-07-01T12:00:00+05:30;1\n2024-07-01 12:00:00;1\n"
    assert times(one(tmp_path, content, zone="Europe/Berlin")) == [
        "2024-07-01T12:00:00",
        "2024-07-01T06:30:00",
        "2024-07-01T10:00:00",
    ]


def autumn(step_min: int) -> str:
    """Local rows of Berlin's night of 2024-10-27, when 03:00 is 02:00 again."""
    start = datetime(2024, 10, 26, 23, 0, tzinfo=UTC)
    moments = [start + timedelta(minutes=minute) for minute in range(0, 240, step_min)]
    local = [moment + timedelta(hours=2 if moment < datetime(2024, 10, 27, 1, tzinfo=UTC) else 1) for moment in moments]
    return "time;a\n" + "".join(f"{moment:%Y-%m-%d %H:%M:%S};1\n" for moment in local)


@pytest.mark.parametrize("step_min", [1, 10, 30, 60])
@pytest.mark.parametrize("rows", [3, 20_000])
def test_the_hour_that_comes_twice_is_told_apart_by_the_file_order_and_reported(
    tmp_path: Path, step_min: int, rows: int
) -> None:
    chunks = read(tmp_path, autumn(step_min), zone="Europe/Berlin", rows=rows)
    times_us = np.concatenate([chunk.time_us for chunk in chunks])
    assert (np.diff(times_us) == step_min * 60_000_000).all()
    assert sum(len(chunk.ambiguous_lines) for chunk in chunks) == 2 * 60 // step_min


def test_a_repeated_row_or_small_disorder_in_that_hour_stays_on_the_first_pass(tmp_path: Path) -> None:
    cells = ["02:00:00", "02:10:00", "02:10:00", "02:09:00", "02:20:00"]
    chunk = one(tmp_path, "time;a\n" + "".join(f"2024-10-27 {cell};1\n" for cell in cells), zone="Europe/Berlin")
    assert times(chunk)[-1] == "2024-10-27T00:20:00"
    assert chunk.ambiguous_lines.tolist() == [2, 3, 4, 5, 6]


def test_sensors_listed_one_after_the_other_each_have_their_own_first_pass(tmp_path: Path) -> None:
    content = "time;sensor;value\n" + "".join(f"2024-10-27 02:{m:02};{s};1\n" for s in ("a", "b") for m in (0, 20, 40))
    chunk = one(tmp_path, content, zone="Europe/Berlin")
    assert times(chunk)[:3] == times(chunk)[3:]


def test_a_local_time_that_the_clock_skips_is_refused_with_a_question(tmp_path: Path) -> None:
    chunk = one(
        tmp_path, "time;a\n2024-03-31 01:59:00;1\n2024-03-31 02:30:00;2\n2024-03-31 03:00:00;3\n", zone="Europe/Berlin"
    )
    assert refusals(chunk) == [(3, "time")]
    assert "does not exist in Europe/Berlin" in chunk.refused[0].reason
    assert times(chunk) == ["2024-03-31T00:59:00", "2024-03-31T01:00:00"]
