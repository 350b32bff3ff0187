"""Alarm performance: the example of docs/alarm-performance.md as it stands there, and the edges of each figure."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashapp.domain.alarm_performance import MINUTE_US, SECOND_US, Happening, performance, split
from dashapp.domain.fleet import Severity

pytestmark = pytest.mark.requirement("AL-7")
DOCUMENT = Path(__file__).parents[3] / "docs" / "alarm-performance.md"
HOUR_US = 60 * MINUTE_US


def table(first: str) -> list[list[str]]:
    """The rows of the table whose head begins with these cells."""
    lines = DOCUMENT.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(first))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def instant(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_US


def example() -> list[Happening]:
    rows = table("| Time | Source |")
    numbers = {name: n for n, name in enumerate(dict.fromkeys(row[1] for row in rows))}
    states: dict[str, str] = {}
    found = []
    for at, source, severity, what in rows:
        answered = states.get(source) == "C"
        states[source] = {"raised": "B", "re_raised": "B", "returned": "A" if answered else "D"}.get(what) or (
            "C" if states[source] == "B" else "A"
        )
        found.append(Happening(instant(at), numbers[source], what, states[source], severity))
    return found


@pytest.mark.parametrize("column", [1, 2, 3], ids=["shift", "day", "30 days"])
def test_the_example_by_hand_comes_out(column: int) -> None:
    wanted = {row[0]: row[column] for row in table("| Figure | Shift |")}
    found = performance(example(), instant(wanted.pop("From")), instant(wanted.pop("To")))
    shares = split(found.priorities)
    figures = {
        "Announcements": found.count,
        "Mean in 10 min": found.mean_per_ten_minutes,
        "Mean in an hour": found.mean_per_hour,
        "Most in 10 min": found.peak_ten_minutes,
        "Most in an hour": found.peak_hour,
        "Time in flood, %": found.flood_share,
        "Top ten, %": found.top_share,
        "Chattering": len(found.chattering),
        "Fleeting": found.fleeting,
        "Stale": len(found.stale),
        "Low, %": shares[Severity.LOW],
        "Medium, %": shares[Severity.MEDIUM],
        "High, %": shares[Severity.HIGH],
        "Asked": found.asked,
        "Never acknowledged": found.never_acknowledged,
        "MTTA mean, s": found.mtta_mean_s,
        "MTTA median, s": found.mtta_median_s,
    }

    assert {name: round(value, 4) for name, value in figures.items()} == {name: float(value) for name, value in wanted.items()}


def raised(at_us: int, source: int = 0, what: str = "raised", **more: object) -> Happening:
    return Happening(at_us, source, what, "B", "low", **more)  # type: ignore[arg-type]


def test_nine_in_ten_minutes_are_no_flood_and_ten_are() -> None:
    nine = [raised(n * MINUTE_US, n) for n in range(9)]

    assert performance(nine, 0, HOUR_US).floods == ()
    ((began, ended),) = performance([*nine, raised(9 * MINUTE_US, 9)], 0, HOUR_US).floods
    assert (began / MINUTE_US, ended / MINUTE_US) == (9, 15)
    late = [*nine, raised(10 * MINUTE_US, 9)]  # the first is ten minutes old by then
    assert performance(late, 0, HOUR_US).floods == ()


def test_a_flood_goes_on_while_five_are_left_and_two_operators_bear_twice_as_many() -> None:
    many = [raised(n * MINUTE_US, n) for n in range(10)] + [raised((15 + n) * MINUTE_US, 20 + n) for n in range(5)]

    ((began, ended),) = performance(many, 0, HOUR_US).floods
    assert (began / MINUTE_US, ended / MINUTE_US) == (9, 25)
    assert performance(many, 0, HOUR_US, operators=2).floods == ()
    assert performance(many, 0, 20 * MINUTE_US).floods == ((9 * MINUTE_US, 20 * MINUTE_US),)


def test_three_within_a_minute_chatter_and_three_in_a_minute_and_more_do_not() -> None:
    def times(last_s: int) -> list[Happening]:
        return [raised(0), raised(30 * SECOND_US, what="re_raised"), raised(last_s * SECOND_US, what="re_raised")]

    assert performance(times(59), 0, HOUR_US).chattering == (0,)
    assert performance(times(60), 0, HOUR_US).chattering == ()


def test_what_is_silent_is_not_counted_until_it_is_told() -> None:
    told = [
        raised(0, silent=True),
        Happening(MINUTE_US, 0, "shelving_ended", "B", "high"),
        Happening(2 * MINUTE_US, 0, "acknowledged", "C", "high"),
    ]

    found = performance(told, 0, HOUR_US)
    assert (found.count, found.mtta_mean_s, found.priorities[Severity.HIGH]) == (1, 60.0, 1)


def test_stale_counts_from_before_the_range_and_what_stands_for_a_day_is_not_yet() -> None:
    standing = [raised(0)]

    assert performance(standing, 24 * HOUR_US, 25 * HOUR_US).stale == (0,)
    assert performance(standing, 0, 24 * HOUR_US).stale == ()
    over = [*standing, Happening(25 * HOUR_US, 0, "returned", "D", "low")]
    assert performance(over, 26 * HOUR_US, 27 * HOUR_US).stale == ()


def test_an_empty_range_says_nothing_of_means() -> None:
    found = performance([], 0, HOUR_US)

    assert (found.count, found.mtta_mean_s, found.top_share, found.flood_share) == (0, None, None, 0)
    assert split(found.priorities) == {}
    assert (len(found.per_ten_minutes), len(found.per_hour)) == (6, 1)
    with pytest.raises(ValueError, match="range"):
        performance([], 5, 5)
