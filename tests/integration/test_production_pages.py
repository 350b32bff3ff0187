"""The pages of production as a signed-in person's browser asks for them, on a real database: figures, what is behind them, stops, edits."""

import csv
import io
from typing import Any

import numpy as np
import openpyxl
import pytest
from flask import Flask

from dashapp.actions.production import assign_reason
from dashapp.domain.fleet import Role
from dashapp.domain.oee import FIELDS, ProductionSums, figures
from dashapp.ui.production import scope as scopes
from dashapp.ui.production.calendar_parts import breaks_of, breaks_words, days_of, days_words
from dashapp.ui.production.sheet import oee_grid
from db.engine import Database
from db.queries.stops import reasons
from db.tenancy import tenant_reading
from tests.integration.access import new_user
from tests.integration.browsing import Visitor
from tests.integration.works import Works, new_works

pytestmark = pytest.mark.requirement("UI-5")
DAY = "from=2026-03-02T00:00Z&to=2026-03-03T00:00Z"
NIGHT = "from=2026-03-02T00:00Z&to=2026-03-02T06:00Z"


@pytest.fixture
def works(database: Database, monkeypatch: pytest.MonkeyPatch) -> Works:
    """Two machines: M1 made 20 a minute but for 30 minutes of fault, M2 10 a minute from 06:00 to 12:00; the next morning is now."""
    made = new_works(database, ("M1", "M2"))
    made.make("M1", "06:00", [20.0] * 180, rejects=1.0)
    made.make("M1", "09:00", [0.0] * 45, fault=1.0)
    made.make("M1", "09:45", [20.0] * 735, rejects=1.0)
    made.make("M2", "06:00", [10.0] * 360)
    made.settle("2 08:00")
    monkeypatch.setattr(scopes, "clock_us", lambda: made.at("2 08:00"))
    return made


def visitor(server: Flask, works: Works, role: Role = Role.MANAGER) -> Visitor:
    return Visitor(server, new_user(works.database, works.tenant_id, role))


def rows_of(someone: Visitor, path: str) -> list[dict[str, str]]:
    answer = someone.client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))


def test_the_page_shows_the_figures_that_its_files_have_and_the_stored_sums_give(server: Flask, works: Works) -> None:
    someone = visitor(server, works).open(f"/oee?{DAY}")
    whole = works.sums("M1", "00:00", "2 00:00") + works.sums("M2", "00:00", "2 00:00")
    found = figures(whole)
    assert found.oee.value is not None
    assert f'"value": {round(100 * found.oee.value, 1)}' in someone.text
    machines = rows_of(someone, f"/oee.csv?table=machines&{DAY}")
    assert [row["machine"] for row in machines] == ["M1", "M2"]
    for row in machines:
        sums = works.sums(row["machine"], "00:00", "2 00:00")
        assert float(row["oee_percent"]) == pytest.approx(100 * (figures(sums).oee.value or 0), abs=1e-9)
        assert [float(row[name]) for name in FIELDS] == [getattr(sums, name) for name in FIELDS]
    hours = rows_of(someone, f"/oee.csv?table=trend&{DAY}")
    assert len(hours) == 24
    assert sum(float(row["produced"]) for row in hours) == whole.produced
    losses = {row["step"]: float(row["seconds"]) for row in rows_of(someone, f"/oee.csv?table=losses&{DAY}")}
    assert losses["Planned busy time"] == whole.known_s
    assert losses["Equipment failure"] == 30 * 60


def test_where_nothing_was_planned_it_says_so_instead_of_a_number(server: Flask, works: Works) -> None:
    someone = visitor(server, works).open(f"/oee?{NIGHT}")
    assert "no planned time" in someone.text
    assert '"type": "Gauge"' not in someone.text
    assert rows_of(someone, f"/oee.csv?table=losses&{NIGHT}") == []
    assert {row["why"] for row in rows_of(someone, f"/oee.csv?table=machines&{NIGHT}")} == {"no planned time"}


@pytest.mark.requirement("PR-3")
def test_yesterday_and_the_shifts_of_the_line_are_ranges(server: Flask, works: Works) -> None:
    someone = visitor(server, works)
    by_name = rows_of(someone, "/oee.csv?table=machines&range=yesterday")
    assert by_name == rows_of(someone, f"/oee.csv?table=machines&{DAY}")
    early = rows_of(someone, "/oee.csv?table=machines&line=Line&range=Early@2026-03-02")
    sums = works.sums("M1", "06:00", "14:00")
    assert float(early[0]["planned_s"]) == sums.planned_s
    shifts = rows_of(someone, f"/oee.csv?table=trend&by=shift&machine=M1&{DAY}")
    assert [row["shift"] for row in shifts] == ["Early", "Late"]


@pytest.mark.requirement("PR-5")
def test_what_is_behind_a_figure_names_the_edit_and_the_file_is_enough_to_compute_it_again(server: Flask, works: Works) -> None:
    stop = works.stops("M1")[0]
    someone = visitor(server, works)
    before = works.sums("M1", "00:00", "2 00:00")
    assign_reason(works.database, works.manager, stop.id, works.reasons["changeover"], "Format 38")
    text = someone.open(f"/oee/explain?machine=M1&{DAY}&figure=oee").text
    assert "gave the reason Changeover" in text
    assert "Format 38" in text
    rows = rows_of(someone, f"/oee/explain.csv?machine=M1&{DAY}")
    busy = [row for row in rows if row["state"] in ("run", "minor", "stop")]
    good = sum((float(row["produced"]) - float(row["rejected"])) * float(row["pri_s"]) for row in busy)
    after = figures(works.sums("M1", "00:00", "2 00:00"))
    assert good / sum(float(row["seconds"]) for row in busy) == pytest.approx(after.oee.value, abs=1e-9)
    assert figures(before).nee.value != after.nee.value
    assert {row["reason"] for row in rows if row["state"] == "stop" and row["loss"] == "setup"} == {"Changeover"}


@pytest.mark.requirement("PR-4")
def test_a_stop_is_found_by_its_time_split_remarked_and_shown_with_all_that_was_said(server: Flask, works: Works) -> None:
    someone = visitor(server, works).open(f"/production?{DAY}&at=M1@2026-03-02T09:20Z")
    assert "Stop of M1, 2 Mar 2026 09:15" in someone.text
    stop = works.stops("M1")[0]
    someone.open(f"/production?{DAY}&stop={stop.id}")
    wrong = submit(someone, "stop-split", {"at": "2026-03-02T12:00"})
    assert wrong["stop-split"]["errors"] == {"at": "This is not within the stop."}
    said = submit(someone, "stop-split", {"at": "2026-03-02T09:30"})
    assert said["stop-split"]["errors"] == {}
    assert "split the stop" in str(said["production-detail"])
    assert [(one.start_us, one.end_us) for one in works.stops("M1")] == [
        (works.at("09:15"), works.at("09:30")), (works.at("09:30"), works.at("09:45")),
    ]  # fmt: skip
    said = submit(someone, "stop-comment", {"comment": "Electrician called"})
    assert "Electrician called" in str(said["production-list"])
    assert "Electrician called" in str(said["production-edits"])


def submit(someone: Visitor, form: str, values: dict[str, Any], button: str = "save") -> dict[str, Any]:
    someone.set(form, submitted={"values": values, "button": button, "at": 1})
    return someone.run(f"..{form}.errors".lstrip("."), f"{form}.submitted")


@pytest.mark.requirement("PR-4")
def test_the_list_the_reasons_and_the_states_are_filtered_and_exported_alike(server: Flask, works: Works) -> None:
    someone = visitor(server, works)
    stop = works.stops("M1")[0]
    listed = rows_of(someone, f"/production.csv?table=stops&machine=M1&{DAY}")
    assert [(row["id"], float(row["planned_s"]), row["loss"]) for row in listed] == [(str(stop.id), 1800.0, "Equipment failure")]
    assert rows_of(someone, f"/production.csv?table=stops&machine=M1&loss=setup&{DAY}") == []
    bars = rows_of(someone, f"/production.csv?table=reasons&{DAY}")
    assert sum(float(row["seconds"]) for row in bars if row["loss"] == "Equipment failure") == 1800.0
    assert float(bars[-1]["cumulated_percent"]) == pytest.approx(100)
    down = [row for row in rows_of(someone, f"/production.csv?table=states&machine=M1&{DAY}") if row["state"] == "down"]
    assert [(row["from"], row["to"]) for row in down] == [("2026-03-02T09:15:00Z", "2026-03-02T09:45:00Z")]
    sheet = someone.client.get(f"/production.xlsx?table=stops&machine=M1&{DAY}")
    book = openpyxl.load_workbook(io.BytesIO(sheet.get_data()))
    assert [cell.value for cell in next(iter(book.worksheets))[2]][:2] == [stop.id, "M1"]
    assert someone.client.get(f"/production.csv?table=nothing&{DAY}").status_code == 404
    assert someone.client.get("/oee.csv?range=nonsense").status_code == 400


def test_a_viewer_sees_all_and_is_offered_nothing_to_change(server: Flask, works: Works) -> None:
    stop = works.stops("M1")[0]
    someone = visitor(server, works, Role.VIEWER).open(f"/production?{DAY}&stop={stop.id}")
    assert "Stop of M1" in someone.text
    assert "stop-reasons" not in someone.text
    assert "stop-split" not in someone.text
    assert "product-run" not in someone.open("/production/products").text
    assert "calendar-form" not in someone.open("/production/shifts?calendar=new").text
    answer = someone.client.get("/_dash-layout", headers={"Referer": "http://localhost/production/reasons"})
    assert "reason-add" not in answer.get_data(as_text=True)


@pytest.mark.requirement("PR-1")
def test_a_product_is_made_runs_and_counts(server: Flask, works: Works) -> None:
    someone = visitor(server, works).open("/production/products?product=new")
    ids = works.devices
    wrong = submit(someone, "product-form", {"key": "lid", "name": "Lid", f"pri-{ids['M1']}": "-1"})
    assert wrong["product-form"]["errors"] == {"pri_s": "Seconds above 0 are expected."}
    submit(someone, "product-form", {"key": "lid", "name": "Lid", f"pri-{ids['M1']}": "1.5", f"pri-{ids['M2']}": ""})
    text = someone.open("/production/products").text
    assert "M1 1.5 s" in text
    lid = next(row["id"] for row in works.rows("products") if row["key"] == "lid")
    before = works.sums("M1", "12:00", "13:00").ideal_s
    submit(someone, "product-run", {"machine": str(ids["M1"]), "product": str(lid), "since": "2026-03-02T12:00"})
    assert works.sums("M1", "12:00", "13:00").ideal_s == pytest.approx(before * 1.5 / 2.0)


@pytest.mark.requirement("PR-3")
def test_a_calendar_is_previewed_refused_by_its_field_and_saved(server: Flask, works: Works) -> None:
    someone = visitor(server, works).open("/production/shifts?calendar=new")
    values = {
        "name": "Nights", "line": "", "zone": "Europe/Berlin", "valid_from": "2026-01-01", "valid_to": "", "shift-0-name": "Night",
        "shift-0-days": "Sun–Thu", "shift-0-start": "22:00", "shift-0-end": "06:00", "shift-0-breaks": "01:00-01:30",
        "day-0-date": "2026-12-24", "day-0-name": "Christmas Eve", "day-0-kind": "closed",
    }  # fmt: skip
    wrong = submit(someone, "calendar-form", {**values, "shift-0-days": "Someday"})
    assert wrong["calendar-form"]["errors"] == {"shift-0-days": "Write weekdays like Mon–Fri, Sun."}
    shown = submit(someone, "calendar-form", values, "preview")
    assert "Night 22:00–06:00" in str(shown["calendar-preview"])
    assert "not saved" in str(shown["calendar-preview"])
    assert len(works.rows("shift_calendars")) == 1
    submit(someone, "calendar-form", values)
    stored = next(row for row in works.rows("shift_calendars") if row["name"] == "Nights")
    assert stored["pattern"]["shifts"][0] == {
        "name": "Night", "days": [1, 2, 3, 4, 7], "start": "22:00", "end": "06:00", "breaks": [["01:00", "01:30"]],
    }  # fmt: skip
    assert stored["pattern"]["exceptions"] == [{"date": "2026-12-24", "name": "Christmas Eve", "shifts": []}]


@pytest.mark.requirement("PR-4")
def test_reasons_are_added_moved_and_never_too_few(server: Flask, works: Works) -> None:
    someone = visitor(server, works).open("/production/reasons")
    submit(someone, "reason-add", {"code": "cleaning", "name": "Cleaning", "loss": "setup"})
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        listed = reasons(connection)
    assert (listed[-1].code, listed[-1].loss) == ("cleaning", "setup")
    twice = submit(someone, "reason-add", {"code": "cleaning", "name": "Again", "loss": "setup"})
    assert list(twice["reason-add"]["errors"]) == ["code"]


# ---- Parts of it that need no plant


def test_a_grid_has_the_figures_of_its_cells() -> None:
    rng = np.random.default_rng(7)
    grid = rng.integers(0, 4, (40, 3, len(FIELDS))).astype(float)
    derived = oee_grid(grid)
    for cell, value in zip(grid.reshape(-1, len(FIELDS)).tolist(), derived.ravel().tolist(), strict=True):
        there = figures(ProductionSums(*cell)).oee.value
        assert (there is None) == (value != value)
        assert there is None or value == pytest.approx(there, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Mon–Fri", [1, 2, 3, 4, 5]),
        ("Mon-Fri, Sun", [1, 2, 3, 4, 5, 7]),
        ("every day", [1, 2, 3, 4, 5, 6, 7]),
        ("Fri to Mon", [1, 5, 6, 7]),
        ("tu", [2]),
    ],
)
def test_weekdays_are_read_as_people_write_them(text: str, days: list[int]) -> None:
    assert days_of(text, "days") == days
    assert days_of(days_words(days), "days") == days


def test_breaks_are_read_as_people_write_them() -> None:
    assert breaks_of("9:00-09:15, 12:00 to 12:30", "breaks") == [["09:00", "09:15"], ["12:00", "12:30"]]
    assert breaks_words([["09:00", "09:15"]]) == "09:00–09:15"
