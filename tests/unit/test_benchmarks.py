"""The benchmarks' own arithmetic: what wrk said, percentiles, goals, and the table that README quotes."""

import re

import pytest

from benchmarks.__main__ import KEYS, PARTS, chosen
from benchmarks.load import MARK, SCRIPTS, Load, parse_load, percentile
from benchmarks.memory import grown
from benchmarks.report import Goal, Row, as_json, cells, document, line, number
from benchmarks.wall import Sample, leaks, slope

SAID = (
    "Running 5s test @ http://127.0.0.1:8050\n  1 threads and 32 connections\n"
    'figures {"requests": 5010, "seconds": 5.01, "refused": 10, "broken": 0, "p50_ms": 2.0, "p90_ms": 3.5,'
    ' "p95_ms": 4.5, "p99_ms": 9.25, "max_ms": 20}\n'
)
FASTER = Row("posts", "posts/s", 5_500, "/s", Goal(5, at_least=True, of_ratio=True), "the lock", 1_000, "the ORM")
SLOWER = Row("delay", "delay", 12.0, "ms", Goal(10), "the disk | the flush", starred=True)


def test_figures_of_a_run_are_read_from_the_scripts_last_line():
    load = parse_load(SAID)

    assert load == Load(5010, 5.01, 10, 0, 2.0, 3.5, 4.5, 9.25, 20)
    assert (load.accepted, round(load.per_s)) == (5_000, 998)


def test_a_run_without_figures_says_what_wrk_said_instead():
    with pytest.raises(ValueError, match="unable to connect"):
        parse_load("unable to connect to 127.0.0.1:1 Connection refused")


def test_the_scripts_write_the_line_that_is_read():
    written = (SCRIPTS / "common.lua").read_text()

    assert f"'\\n{MARK}{{" in written
    assert re.findall(r'"(\w+)": %', written) == list(Load.__dataclass_fields__)


@pytest.mark.parametrize(("share", "value"), [(0, 1.0), (50, 3.0), (95, 4.8), (100, 5.0)])
def test_a_percentile_lies_between_its_neighbours(share, value):
    assert percentile([5, 1, 4, 2, 3], share) == pytest.approx(value)


def test_a_percentile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 95)


def test_growth_is_what_a_line_through_the_samples_rises_by():
    assert grown([(0, 100), (10, 101), (20, 102), (30, 103)]) == pytest.approx(3)
    assert grown([(0, 100), (10, 104), (20, 96), (30, 100)]) == pytest.approx(-2.4)
    assert grown([(0, 100)]) == 0


def test_a_slope_is_the_median_between_any_two_points_which_a_strange_one_does_not_move():
    assert slope([(0, 5), (10, 10), (20, 900), (30, 20), (40, 25)]) == pytest.approx(0.5)
    assert slope([(3, 1)]) == 0


def test_what_grows_with_the_ticks_is_named_and_what_only_moves_is_not():
    moving = [Sample(ticks, 8e6 + 30_000 * (ticks % 3), 300 + ticks % 5, 200) for ticks in range(0, 1_000, 70)]
    leaking = [Sample(one.ticks, one.heap + 4_000 * one.ticks, one.nodes + one.ticks, one.listeners) for one in moving]
    assert leaks(moving) == []
    assert leaks(leaking) == ["heap", "nodes"]


def test_a_goal_is_of_the_ratio_or_of_the_figure_itself():
    assert FASTER.ratio == 5.5
    assert FASTER.met
    assert SLOWER.ratio is None
    assert not SLOWER.met
    assert Goal(0.4, of_ratio=True).met_by(1.0, 0.4)
    with pytest.raises(ValueError, match="baseline"):
        Goal(0.4, of_ratio=True).met_by(1.0, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [(88_312.4, "88,300"), (1_004.0, "1,000"), (999.6, "1,000"), (5.812, "5.81"), (0.5741, "0.574"), (37, "37"), (0, "0")],
)
def test_a_number_has_three_digits_that_count(value, text):
    assert number(value) == text


def test_a_row_says_figure_baseline_ratio_goal_and_whether_it_is_met():
    assert cells(FASTER) == ["`posts`", "posts/s", "5,500 /s", "1,000 /s (the ORM)", "5.5 ×", "≥ 5 ×", "met", "the lock"]
    assert cells(SLOWER)[0] == "`delay` *"
    assert cells(SLOWER)[3:7] == ["–", "–", "≤ 10 ms", "**missed**"]
    assert line(cells(SLOWER)).count("|") == 9


def test_the_document_keeps_the_rows_that_were_not_run_again():
    order = ["posts", "delay"]
    before = document([SLOWER], "", "2 cores", order)

    after = document([FASTER], before, "2 cores", order)

    rows = [text for text in after.splitlines() if text.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == order
    assert rows[1] == line(cells(SLOWER))
    assert document([SLOWER], after, "2 cores", order) == after


def test_json_holds_ratio_and_met():
    assert [(row["key"], row["ratio"], row["met"]) for row in as_json([FASTER, SLOWER])] == [("posts", 5.5, True), ("delay", None, False)]


def test_every_part_can_be_loaded_and_every_row_has_a_key_of_its_own():
    assert len(set(KEYS)) == len(KEYS)
    assert all(callable(part.measure()) for part in PARTS)


def test_starred_rows_run_only_in_full_or_when_they_are_asked_for():
    every, usual = ({part.keys[0] for part in chosen([], full=full)} for full in (True, False))
    assert every - usual == {"oee-50", "ranges", "export-csv", "memory", "wall-day"}
    assert [part.keys[0] for part in chosen(["latency-beside", "ranges"], full=False)] == ["latency-alone", "ranges"]
    with pytest.raises(ValueError, match="no row nonsense"):
        chosen(["nonsense"], full=False)
