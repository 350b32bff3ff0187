"""Production from readings to sums: shifts, late readings, changed calendars and products; always what all of it says in the end."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Event

import pytest
from sqlalchemy import text

from dashapp.actions import calendars, products
from dashapp.actions.actor import ActionError, Forbidden
from dashapp.actions.calendars import CalendarDraft
from dashapp.actions.products import ProductDraft
from dashapp.domain.fleet import Role
from dashapp.domain.oee import FIELDS, Loss, figures, total
from dashapp.domain.periods import By, periods
from dashapp.domain.shifts import of_line
from db.columns import HOUR_US, from_us
from db.commands.production import PRODUCING_LOCK, recompute_machines, recompute_production
from db.commands.rollups import close_buckets, recompute_dirty
from db.engine import Database
from db.queries.production import production_table
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_reading, tenant_transaction
from tests.integration.stored import store
from tests.integration.works import EARLY, LATE, SENSORS, Works, new_works, usual_day

pytestmark = pytest.mark.requirement("PR-1", "PR-2", "PR-3", "PR-4")


def test_a_day_of_two_shifts_by_hand(works: Works) -> None:
    usual_day(works)
    works.settle("2 00:00")
    found = works.sums("M1", "00:00", "2 00:00")
    made = 24 * (960 - 2 - 20 - 30)
    assert (found.calendar_s, found.planned_s, found.known_s) == (18 * 3600, (960 - 15) * 60, (960 - 15) * 60)
    assert (found.failure_s, found.failures, found.unexplained_s, found.unexplained, found.minor_s) == (1200, 1, 1800, 1, 120)
    assert found.production_s == (960 - 15 - 50) * 60
    assert (found.produced, found.unplanned) == (made - 15 * 24, 15 * 24)
    assert found.ideal_s == 2 * found.produced
    assert found.rejected == (960 - 2 - 20 - 30) - 15
    assert figures(found).oee.value == pytest.approx(2 * (found.produced - (908 - 15)) / (945 * 60))
    assert [(stop.start_us, stop.end_us, stop.loss) for stop in works.stops("M1")] == [
        (works.at("07:30"), works.at("07:50"), Loss.FAILURE), (works.at("12:00"), works.at("12:30"), Loss.UNEXPLAINED),
    ]  # fmt: skip


def test_any_split_of_a_range_adds_up_to_the_whole(works: Works) -> None:
    usual_day(works)
    usual_day(works, day=2)
    works.settle("2 15:37")
    whole = works.sums("M1", "00:00", "3 00:00")
    chance = random.Random(3)
    for _ in range(8):
        inside = {works.at("00:00") + chance.randrange(48 * HOUR_US) for _ in range(chance.randrange(1, 12))}
        ranges = list(itertools.pairwise(sorted({works.at("00:00"), works.at("3 00:00"), *inside})))
        parts = [works.sums("M1", low, high) for low, high in ranges]
        with tenant_reading(works.database.engine, works.tenant_id) as connection:
            at_once = production_table(connection, [works.devices["M1"]], ranges)
        assert parts == at_once[works.devices["M1"]]
        for name in FIELDS:
            assert getattr(total(parts), name) == pytest.approx(getattr(whole, name), rel=1e-12)
    assert whole.calendar_s == (18 + 15) * 3600 + 37 * 60  # what lies before its first hour and after what is known is in no sum


@pytest.mark.parametrize("by", list(By))
def test_hours_days_and_shifts_add_up(works: Works, by: By) -> None:
    usual_day(works)
    works.settle("2 00:00")
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        cals = of_line(shift_calendars(connection), "Line")
        parts = periods(by, "UTC", cals, works.at("00:00"), works.at("2 00:00"))
        row = production_table(connection, [works.devices["M1"]], [(part.start_us, part.end_us) for part in parts])[works.devices["M1"]]
    whole = works.sums("M1", "00:00", "2 00:00")
    assert len(row) == {By.HOUR: 24, By.DAY: 1, By.SHIFT: 2}[by]
    for name in ("planned_s", "production_s", "produced", "ideal_s", "failure_s", "failures"):
        assert getattr(total(row), name) == pytest.approx(getattr(whole, name), rel=1e-12)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"])
def test_a_day_of_the_plant_has_the_hours_that_its_clocks_give_it(database: Database, zone: str) -> None:
    """Around the clock, over both changes of the clocks: days have 23, 24 and 25 hours (23.5 and 24.5 on Lord Howe), and all is planned."""
    every_day = {"shifts": [{"name": "Day", "days": [1, 2, 3, 4, 5, 6, 7], "start": "00:00", "end": "00:00"}]}
    works = new_works(database, zone=zone, calendar=every_day)
    known: dict[str, set[float]] = {"Europe/Berlin": {23, 24}, "America/New_York": {23, 24}, "Australia/Lord_Howe": {24, 24.5},
                                    "Asia/Kolkata": {24}, "America/Santiago": {24, 25}}  # fmt: skip
    days = 40  # 2 March to 10 April
    works.make("M1", "00:00", ([10.0] + [None] * 58 + [10.0] + [None] * 1380) * days)
    works.settle(f"{days + 1} 00:00")
    with tenant_reading(database.engine, works.tenant_id) as connection:
        parts = list(periods(By.DAY, zone, (), works.at("2 12:00"), works.at(f"{days - 1} 12:00")))[1:-1]
        table = production_table(connection, [works.devices["M1"]], [(part.start_us, part.end_us) for part in parts])
    lengths = [one.planned_s / 3600 for one in table[works.devices["M1"]]]
    assert lengths == [(part.end_us - part.start_us) / HOUR_US for part in parts]
    assert set(lengths) == known[zone]
    assert sum(one.produced for one in table[works.devices["M1"]]) == 20 * len(list(parts))


def test_rejects_that_nobody_counts_are_not_measured(database: Database) -> None:
    works = new_works(database, sensors=[sensor for sensor in SENSORS if sensor.key != "reject_count"])
    usual_day(works)
    works.settle("2 00:00")
    found = works.sums("M1", "00:00", "2 00:00")
    assert found.rejected is None
    assert (figures(found).quality.why, figures(found).oee.why) == ("not measured", "not measured")


def test_without_a_calendar_there_is_no_planned_time(database: Database) -> None:
    works = new_works(database)
    with works.database.engine.begin() as connection:
        connection.execute(text("select set_config('andon.tenant', :tenant, true)"), {"tenant": str(works.tenant_id)})
        connection.execute(text("delete from shift_calendars"))
    usual_day(works)
    works.settle("2 00:00")
    found = works.sums("M1", "00:00", "2 00:00")
    assert (found.planned_s, found.produced, found.unplanned) == (0, 0, 24 * 908)
    assert figures(found).oee.why == "no planned time"
    assert works.stops("M1") == []


# ---- Late, edited, changed: only what was touched, and as if it had always been so


def stored(works: Works) -> dict[str, list]:
    """Everything computed, in order, but for ids."""
    def plain(table: str, *without: str) -> list:
        rows = [{name: value for name, value in row.items() if name not in without} for row in works.rows(table)]
        return sorted(rows, key=lambda row: (str(row.get("starts_at") or row.get("started_at")), row.get("product_id") or 0))

    stops = [row for row in plain("downtimes", "id", "version", "reason_by") if row["gone_at"] is None]
    return {"hours": plain("production_hours"), "days": plain("production_days"), "spans": plain("production_spans"), "stops": stops}


def test_late_readings_count_as_if_they_had_come_in_time(database: Database) -> None:
    in_time, late = new_works(database), new_works(database)
    usual_day(in_time)
    in_time.settle("2 00:00")
    late.make("M1", "12:30", [24] * 570, rejects=1)
    late.settle("1 18:00")
    late.make("M1", "06:00", [24] * 60 + [0] * 2 + [24] * 28, rejects=1)
    late.settle("2 00:00")
    late.make("M1", "07:50", [24] * 250, rejects=1)
    late.make("M1", "07:30", [0] * 20, fault=1)
    late.make("M1", "12:00", [0] * 30)
    late.settle("2 00:00")
    for table, rows in stored(in_time).items():
        mine = [{**row, "device_id": 0, "tenant_id": 0, "product_id": 0} for row in rows]
        theirs = [{**row, "device_id": 0, "tenant_id": 0, "product_id": 0} for row in stored(late)[table]]
        assert mine == theirs, table


def test_only_the_hours_that_came_out_otherwise_are_written(works: Works) -> None:
    usual_day(works)
    works.settle("2 00:00")
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        before = dict(connection.execute(text("select starts_at, xmin::text from production_hours")).all())
    works.make("M1", "16:20", [None, 5.0])  # the first value of a minute stays; a second reading of it at another second adds to it
    store(works.database, works.tenant_id, works.sensors["M1", "production_count"], [works.at("16:20") + 7_000_000], [100.0])
    works.settle("2 00:00")
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        after = dict(connection.execute(text("select starts_at, xmin::text from production_hours")).all())
    assert [at for at in after if after[at] != before[at]] == [from_us(works.at("16:00"))]
    assert recompute_production(works.database, works.tenant_id).hours == 0  # safe to run again


def test_two_that_compute_at_once_agree_while_readings_come_in(works: Works) -> None:
    usual_day(works)
    close_buckets(works.database, works.tenant_id, from_us(works.at("2 00:00")), lag_s=0)
    stop = Event()

    def compute() -> int:
        hours = 0
        while not stop.is_set():
            hours += recompute_production(works.database, works.tenant_id).hours
        return hours

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(compute) for _ in range(2)]
        for minute in range(6):  # late, at a second that nobody used yet
            times = [works.at(f"{8 + minute}:10") + 9_000_000]
            store(works.database, works.tenant_id, works.sensors["M1", "production_count"], times, [100.0])
            recompute_dirty(works.database, works.tenant_id)
        stop.set()
        assert sum(one.result() for one in both) > 0
    works.settle("2 00:00")
    found = works.sums("M1", "00:00", "2 00:00")
    assert found.produced + found.unplanned == 24 * 908 + 600
    assert recompute_production(works.database, works.tenant_id).hours == 0


def test_who_says_something_does_not_wait_long_for_a_computation_under_way(works: Works) -> None:
    usual_day(works)
    works.settle("2 00:00")
    with tenant_transaction(works.database.engine, works.tenant_id) as busy:
        busy.execute(text("select pg_advisory_xact_lock(:lock, :tenant)"), {"lock": PRODUCING_LOCK, "tenant": works.tenant_id})
        assert not recompute_machines(works.database, works.tenant_id, [works.devices["M1"]], wait_s=0.05)
    assert recompute_machines(works.database, works.tenant_id, [works.devices["M1"]])


def test_a_changed_calendar_counts_anew(works: Works) -> None:
    usual_day(works)
    works.settle("2 00:00")
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        calendar_id = connection.execute(text("select id from shift_calendars")).scalar_one()
    draft = CalendarDraft("Line", "Early only", "UTC", {"shifts": [EARLY]}, date(2020, 1, 1))
    calendars.change_calendar(works.database, works.manager, calendar_id, draft)
    works.settle("2 00:00")
    found = works.sums("M1", "00:00", "2 00:00")
    assert found.planned_s == (480 - 15) * 60
    assert found.unplanned == 24 * (480 + 15)
    holiday = {**draft.pattern, "exceptions": [{"date": "2026-03-02", "name": "Feast", "shifts": []}]}
    calendars.change_calendar(works.database, works.manager, calendar_id, replace(draft, pattern=holiday))
    works.settle("2 00:00")
    assert works.sums("M1", "00:00", "2 00:00").planned_s == 0
    assert works.stops("M1") == []
    calendars.change_calendar(works.database, works.manager, calendar_id, replace(draft, pattern={"shifts": [EARLY, LATE]}))
    works.settle("2 00:00")
    assert works.sums("M1", "00:00", "2 00:00").planned_s == (960 - 15) * 60
    assert len(works.stops("M1")) == 2
    with pytest.raises(ActionError, match="overlap"):
        calendars.create_calendar(works.database, works.manager, replace(draft, pattern={"shifts": [EARLY, {**LATE, "start": "13:00"}]}))
    with pytest.raises(Forbidden):
        calendars.remove_calendar(works.database, works.actor(Role.OPERATOR), calendar_id)
    calendars.remove_calendar(works.database, works.manager, calendar_id)
    works.settle("2 00:00")
    assert figures(works.sums("M1", "00:00", "2 00:00")).availability.why == "no planned time"


def test_products_and_planned_run_times_hold_from_when_they_are_said_to(works: Works) -> None:
    usual_day(works)
    works.settle("2 00:00")
    machine = works.devices["M1"]
    other = products.create_product(works.database, works.manager, ProductDraft("lid", "Lid", {machine: 4.0}))
    products.run_product(works.database, works.manager, machine, other, from_us(works.at("14:20")))
    works.settle("2 00:00")
    whole = works.sums("M1", "00:00", "2 00:00")
    lids = 24 * 460
    assert whole.ideal_s == 2 * (whole.produced - lids) + 4 * lids
    slower = ProductDraft("lid", "Lid", {machine: 5.0})
    products.change_product(works.database, works.manager, other, slower, since=from_us(works.at("20:00")))
    works.settle("2 00:00")
    assert works.sums("M1", "00:00", "2 00:00").ideal_s == 2 * (whole.produced - lids) + 4 * 24 * 340 + 5 * 24 * 120
    with pytest.raises(ActionError, match="a machine makes it"):
        products.remove_product(works.database, works.manager, other)
    products.withdraw_run(works.database, works.manager, machine, from_us(works.at("14:20")))
    products.remove_product(works.database, works.manager, other)
    assert works.sums("M1", "00:00", "2 00:00").ideal_s == 2 * whole.produced
    wrongs = {"key": ProductDraft("cap", "x"), "pri_s": ProductDraft("x", "x", {machine: -1.0}), "device": ProductDraft("x", "x", {0: 1.0})}
    for field, wrong in wrongs.items():
        with pytest.raises(ActionError) as refused:
            products.create_product(works.database, works.manager, wrong)
        assert refused.value.field == field
