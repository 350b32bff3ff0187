"""The promise table says no more than the tests do."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import features
from tests.features import Requirement, merged, page, requirements, state
from tests.outcomes import OutcomeRecorder

COMPLETE = Requirement("IN-1", "Doors", "One door.", complete=True, where="`/`")
PART = Requirement("IN-2", "Doors", "Every shape.", missing="One shape.", where="`/`")
UNTOUCHED = Requirement("IN-3", "Doors", "A broker.")


def test_a_complete_requirement_works_only_while_every_one_of_its_tests_passes() -> None:
    assert state(COMPLETE, {"a": True, "b": True}) == "works"
    assert state(COMPLETE, {"a": True, "b": False}) == "partly"
    assert state(COMPLETE, {"a": False}) == "not yet"


def test_what_no_test_carries_does_not_work_however_complete_it_is_declared() -> None:
    assert state(COMPLETE, {}) == "not yet"


def test_a_part_says_what_is_missing() -> None:
    assert state(PART, {"a": True}) == "partly"
    with pytest.raises(ValueError, match="IN-3"):
        state(UNTOUCHED, {"a": True})


def test_a_test_passes_when_it_passed_in_every_run_that_had_it() -> None:
    runs = [{"IN-1": {"a": True, "b": True}}, {"IN-1": {"a": False}}, {"DB-1": {"c": True}}]
    assert merged(runs) == {"IN-1": {"a": False, "b": True}, "DB-1": {"c": True}}


def test_the_page_lists_files_once_and_names_those_that_fail() -> None:
    outcomes = {"IN-1": {"tests/unit/test_a.py::one": True, "tests/unit/test_a.py::two": False}}
    text = page([COMPLETE, PART, UNTOUCHED], outcomes)
    row = next(line for line in text.splitlines() if line.startswith("| IN-1"))
    assert row.count("(../tests/unit/test_a.py)") == 1
    assert "| partly |" in row
    assert "Tests fail in `tests/unit/test_a.py`." in row
    assert "Of 3: 0 works, 1 partly, 2 not yet." in text


def test_the_page_is_the_same_in_whatever_order_the_tests_ran() -> None:
    there = {"IN-1": {"tests/b.py::t": True, "tests/a.py::t": True}}
    back = {"IN-1": {"tests/a.py::t": True, "tests/b.py::t": True}}
    assert page([COMPLETE], there) == page([COMPLETE], back)


def test_every_requirement_is_complete_or_says_what_is_missing_never_both() -> None:
    rows = requirements()
    assert len(rows) == len({row.id for row in rows}) == 69
    assert [row.id for row in rows if row.complete and row.missing] == []
    assert [row.id for row in rows if (row.complete or row.missing) and not row.where] == []


def test_the_recorder_takes_each_phase_of_each_marked_test(tmp_path: Path) -> None:
    recorder = OutcomeRecorder(tmp_path / "build" / "unit.json")
    for test, phase, outcome in [
        ("t::good", "setup", "passed"), ("t::good", "call", "passed"), ("t::skipped", "setup", "skipped"),
        ("t::broken", "call", "passed"), ("t::broken", "teardown", "failed"),
    ]:  # fmt: skip
        report = SimpleNamespace(nodeid=test, when=phase, outcome=outcome, user_properties=[("requirement", "IN-1"), ("other", 1)])
        recorder.pytest_runtest_logreport(report)  # type: ignore[arg-type]
    recorder.pytest_sessionfinish()
    written = json.loads((tmp_path / "build" / "unit.json").read_text())
    assert written == {"IN-1": {"t::good": True, "t::skipped": False, "t::broken": False}}


def test_a_test_may_not_carry_an_id_that_nobody_promised() -> None:
    item = SimpleNamespace(nodeid="t::x", iter_markers=lambda _name: [SimpleNamespace(args=("IN-1", "XX-9"))], user_properties=[])
    with pytest.raises(pytest.UsageError, match="XX-9"):
        OutcomeRecorder(None).pytest_collection_modifyitems([item])  # type: ignore[list-item]


def test_the_check_fails_on_a_page_that_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(features, "PAGE", tmp_path / "features.md")
    monkeypatch.setattr(features, "recorded", lambda: [{"IN-8": {"tests/unit/test_a.py::t": True}}])
    assert features.main(["--check"]) == 1
    assert features.main(["--write"]) == 0
    assert features.main(["--check"]) == 0
    monkeypatch.setattr(features, "recorded", lambda: [{"IN-8": {"tests/unit/test_a.py::t": False}}])
    assert features.main(["--check"]) == 1
    assert "IN-8" in capsys.readouterr().out


def test_without_a_run_there_is_nothing_to_say(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make test"):
        features.recorded(tmp_path)
