"""Any order of readings, edits, late arrivals and changes gives the same figures, on PostgreSQL and through the ingest pipeline."""

import random
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.production import Said
from db.columns import from_us
from db.commands.production_edits import insert_stop_edit
from db.commands.production_marks import mark_production
from db.commands.products import insert_product, insert_product_run, set_rates
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.plant import START_US as PLANT_START_US
from tests.integration.plant import Press, Sent, make_pipeline, running
from tests.integration.works import EARLY, LATE, Works, new_works

pytestmark = pytest.mark.requirement("PR-1", "PR-2", "PR-4")
UNTIL = "2 02:00"


@dataclass(frozen=True)
class Story:
    """What there is in the end: readings as (sensor key, second, value), edits, the calendar's shifts, from which minute on
    lids are made."""

    readings: tuple[tuple[str, int, float], ...]
    edits: tuple[dict[str, Any], ...]
    shifts: tuple[dict[str, Any], ...]
    lid_minute: int | None


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Twelve hours of a machine that reports twice a minute, around the middle of the day."""
    readings = []
    second = 9 * 3600
    while second < 21 * 3600:
        length = draw(st.sampled_from([60, 120, 180, 600, 3_000, 7_200]))
        made = draw(st.sampled_from([None, 0.0, 0.0, 5.0, 9.0, 12.0]))
        fault = float(made == 0.0 and draw(st.booleans()))
        for at in range(second, second + length, 30):
            if made is not None:
                readings += [("production_count", at, made), ("fault", at + 1, fault)]
                if at % 120 == 0:
                    readings.append(("reject_count", at + 2, 1.0))
        second += length
    edits = []
    for number in range(draw(st.integers(0, 5))):
        low = draw(st.integers(8 * 60, 22 * 60))
        what = draw(st.sampled_from(list(Said)))
        reason = draw(st.sampled_from([None, "changeover", "maintenance", "tool"])) if what is Said.REASON else None
        edits.append({"what": what, "low": low, "high": low + draw(st.integers(1, 180)), "reason": reason, "number": number,
                      "open": (draw(st.booleans()), draw(st.booleans()))})  # fmt: skip
    shifts = draw(st.sampled_from([(EARLY, LATE), (EARLY,), ({**LATE, "start": "13:20", "end": "23:10"},)]))
    product = draw(st.none() | st.integers(8 * 60, 22 * 60))
    return Story(tuple(readings), tuple(edits), shifts, product)


def told(works: Works, story: Story, services: Any, order: random.Random | None) -> None:
    """Tells a story: in one go and in order of time, or in pieces in any order with settling in between."""
    offset_s = (works.at("00:00") - PLANT_START_US) // 1_000_000
    press = Press(works.database, works.tenant_id, 0, 0, works.sensors["M1", "production_count"], works.sensors["M1", "fault"])
    readings = [(works.sensors["M1", key], float(at + offset_s), value) for key, at, value in story.readings]
    pieces: list[Any] = [("readings", readings)]
    if order is not None:
        order.shuffle(readings)
        size = max(1, len(readings) // order.randrange(1, 5))
        pieces = [("readings", readings[at : at + size]) for at in range(0, len(readings), size)]
    pieces += [("edit", edit) for edit in story.edits] + [("shifts", story.shifts)]
    if story.lid_minute is not None:
        pieces.append(("product", story.lid_minute))
    if order is not None:
        order.shuffle(pieces)
        pieces.insert(order.randrange(len(pieces) + 1), ("settle", "14:37"))
        pieces.insert(order.randrange(len(pieces) + 1), ("settle", UNTIL))
    latest = ""
    for kind, what in pieces:
        if kind == "readings" and what:
            Sent(press, what).to(services.pipeline).outcome()
        elif kind == "settle":
            latest = max(latest, what, key=lambda moment: works.at(moment) if moment else 0)
            works.settle(latest)
        elif kind != "readings":
            with tenant_transaction(works.database.engine, works.tenant_id) as connection:
                change(works, connection, kind, what)
    works.settle(UNTIL)


def change(works: Works, connection: Any, kind: str, what: Any) -> None:
    """Says something of the machine, plans its shifts, or what it makes."""
    machine = works.devices["M1"]
    if kind == "edit":
        low, high = (works.at("00:00") + what[edge] * MINUTE_US for edge in ("low", "high"))
        insert_stop_edit(connection, machine, what["what"], low, high, by="user:1", at=from_us(high + what["number"] * 1_000),
                         open_edges=what["open"], reason_id=works.reasons.get(what["reason"]))  # fmt: skip
    elif kind == "shifts":
        pattern = text("update shift_calendars set pattern = jsonb_build_object('shifts', cast(:shifts as jsonb))")
        import json

        connection.execute(pattern, {"shifts": json.dumps(list(what))})
        mark_production(connection)
    else:
        product_id = insert_product(connection, "lid", "Lid")
        set_rates(connection, product_id, {machine: 3.5}, None)
        insert_product_run(connection, machine, product_id, works.at("00:00") + what * MINUTE_US, by="user:1")


def computed(works: Works) -> dict[str, list[Any]]:
    """Everything that was computed; products and reasons by name, no ids."""
    names = {row["id"]: row["key"] for row in works.rows("products")} | {0: ""}
    codes = {reason_id: code for code, reason_id in works.reasons.items()} | {0: "", None: ""}
    found = {}
    for table in ("production_hours", "production_days", "production_spans", "downtimes"):
        rows = [dict(row) for row in works.rows(table) if not row.get("gone_at")]
        for row in rows:
            for name in ("id", "tenant_id", "device_id", "version", "gone_at"):
                row.pop(name, None)
            if "product_id" in row:
                row["product_id"] = names[row["product_id"]]
            if "reason_id" in row:
                row["reason_id"] = codes[row["reason_id"]]
        found[table] = sorted(rows, key=lambda row: (str(row.get("starts_at") or row["started_at"]), row.get("product_id", "")))
    return found


@given(stories(), st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_order_of_readings_edits_and_changes_gives_the_same_figures(database: Database, story: Story, order: random.Random) -> None:
    in_order, jumbled = new_works(database), new_works(database)
    services = make_pipeline(database)
    with running(services):
        told(in_order, story, services, None)
        told(jumbled, story, services, order)
    wanted = computed(in_order)
    for table, rows in computed(jumbled).items():
        assert rows == wanted[table], table


def test_the_stories_are_not_empty(database: Database) -> None:
    works = new_works(database)
    readings = tuple(("production_count", 9 * 3600 + at, 0.0 if 600 <= at < 1_200 else 5.0) for at in range(0, 3_600, 30))
    edit = {"what": Said.REASON, "low": 556, "high": 557, "reason": "tool", "number": 1, "open": (True, True)}
    story = Story(readings, (edit,), (EARLY,), 570)
    services = make_pipeline(database)
    with running(services):
        told(works, story, services, random.Random(1))
    found = computed(works)
    assert [(row["reason_id"], row["planned_s"], row["loss"]) for row in found["downtimes"]] == [("tool", 300.0, "failure")]
    assert {row["product_id"] for row in found["production_hours"]} == {"cap", "lid"}
    assert date(2026, 3, 2) == found["production_days"][0]["starts_at"].date()
