"""A historian's export, from the file to the figures: through the one pipeline, with nothing done twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from dashapp import importing
from dashapp.actions.imports import undo_import
from dashapp.administration import administrator
from dashapp.ingest.csv_dry_run import dry_run
from dashapp.ingest.csv_format import CsvError, guess_format
from dashapp.ingest.csv_import import CsvImport, ImportReport
from dashapp.ingest.csv_rows import read_chunks
from dashapp.ingest.services import Services, make_services
from dashapp.settings import Settings
from db.commands.partitions import PartitionKeeper
from db.commands.rollups import recompute_dirty
from db.engine import Database
from db.queries.imports import find_import
from db.tenancy import tenant_reading

pytestmark = pytest.mark.requirement("IN-5")
START = datetime(2014, 2, 1, tzinfo=UTC)


@pytest.fixture
def services(database):
    made = make_services(Settings(), database, PartitionKeeper(database))
    made.start()
    yield made
    made.stop()


def bring_in(services: Services, tenant: int, file: Path, device: str) -> ImportReport:
    fmt = guess_format(file.read_bytes(), file_name=file.name)
    importing.ensure_sensors(services, administrator(tenant), file, fmt, device)
    return CsvImport(services, tenant, file, fmt, device, "test").run(lambda _rows, _stored: None)


def wide_file(folder: Path, rows: int = 500) -> Path:
    file = folder / "historian.csv"
    lines = ["Zeit;Temperatur [°C];Druck (bar)"]
    for i in range(rows):
        moment = START + timedelta(minutes=5 * i)
        pressure = f"{1 + i / 100:.2f}".replace(".", ",")
        lines.append(f"{moment:%d.%m.%Y %H:%M:%S};{70 + i % 7},5;{pressure}")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def stored(database: Database, tenant: int) -> list[tuple]:
    with tenant_reading(database.engine, tenant) as connection:
        return [
            tuple(row)
            for row in connection.execute(
                text(
                    "select d.key, s.key, s.unit, count(*), min(r.time), max(r.time) from readings r join sensors s on s.id = r.sensor_id"
                    " join devices d on d.id = s.device_id group by 1, 2, 3 order by 1, 2"
                )
            )
        ]


def test_a_wide_file_makes_its_device_and_sensors_and_stores_every_cell(database, tenant, services, tmp_path):
    report = bring_in(services, tenant, wide_file(tmp_path), "press-9")
    assert (report.rows, report.stored, report.duplicates, report.conflicts, report.refused) == (500, 1000, 0, 0, 0)
    end = START + timedelta(minutes=5 * 499)
    rows = stored(database, tenant)
    assert [(row[0], row[3], row[4], row[5]) for row in rows] == [("press-9", 500, START, end)] * 2
    assert {row[2] for row in rows} == {"°C", "bar"}


def test_importing_again_changes_nothing(database, tenant, services, tmp_path):
    file = wide_file(tmp_path)
    bring_in(services, tenant, file, "press-9")
    before = stored(database, tenant)
    again = bring_in(services, tenant, file, "press-9")
    assert (again.stored, again.duplicates, again.conflicts) == (0, 1000, 0)
    assert stored(database, tenant) == before


def test_the_first_of_two_values_for_one_moment_stays_and_the_second_is_reported_with_its_line(database, tenant, services, tmp_path):
    file = tmp_path / "oven.csv"
    file.write_text("time,temp\n2014-02-01 00:00:00,71\n2014-02-01 00:05:00,72\n2014-02-01 00:00:00,99\n2014-02-01 00:05:00,72\n")
    report = bring_in(services, tenant, file, "oven")
    assert (report.stored, report.duplicates, report.conflicts) == (2, 1, 1)
    assert report.conflict_examples == [(4, "oven temp", 99.0, 71.0)]


def test_a_cell_that_is_no_number_costs_only_itself_and_is_kept_as_a_dead_letter(database, tenant, services, tmp_path):
    file = tmp_path / "oven.csv"
    lines = [f"{START + timedelta(minutes=i):%Y-%m-%d %H:%M:%S},{i},{2 * i}" for i in range(50)]
    lines[20] = lines[20].replace(",20,", ",broken,")
    file.write_text("time,temp,speed\n" + "\n".join(lines) + "\n")
    report = bring_in(services, tenant, file, "oven")
    assert (report.rows, report.stored, report.refused) == (50, 99, 1)
    with tenant_reading(database.engine, tenant) as connection:
        letter = connection.execute(text("select door, field, reason, raw from dead_letters")).one()
    assert letter.door == "csv"
    assert "temp" in letter.field
    assert "line 22" in letter.reason
    assert b"broken" in bytes(letter.raw)


def test_a_dry_run_says_what_the_import_then_does_and_writes_nothing(database, tenant, services, tmp_path):
    file = tmp_path / "oven.csv"
    file.write_text("time,temp\n2014-02-01 00:00:00,71\n2014-02-01 00:05:00,72\n2014-02-01 00:00:00,99\n2014-02-01 00:10:00,x\n")
    fmt = guess_format(file.read_bytes(), file_name=file.name)
    planned, new = dry_run(database.engine, tenant, file, fmt, "oven", {})
    assert new == [("oven", "temp")]
    assert stored(database, tenant) == []
    done = bring_in(services, tenant, file, "oven")
    for name in ("rows", "stored", "duplicates", "conflicts", "refused", "first_us", "last_us", "conflict_examples", "refused_examples"):
        assert getattr(planned, name) == getattr(done, name), name
    known = {name: sensor.id for name, sensor in services.catalogue.refreshed(tenant).by_name.items()}
    again, new = dry_run(database.engine, tenant, file, fmt, "oven", known)
    assert (again.stored, again.duplicates, again.conflicts, new) == (0, 2, 1, [])


def test_a_long_file_names_its_devices_and_sensors_in_its_rows(database, tenant, services, tmp_path):
    file = tmp_path / "export.csv"
    names = [(device, sensor) for device in ("p1", "p2") for sensor in ("temp", "rpm")]
    lines = [f"{START + timedelta(minutes=i):%Y-%m-%dT%H:%M:%SZ},{d},{s},{i}.5" for i in range(40) for d, s in names]
    file.write_text("timestamp,device,sensor,value\n" + "\n".join(lines) + "\n")
    report = bring_in(services, tenant, file, "unused")
    assert report.stored == 160
    assert [(row[0], row[1], row[3]) for row in stored(database, tenant)] == [
        ("p1", "rpm", 40), ("p1", "temp", 40), ("p2", "rpm", 40), ("p2", "temp", 40),
    ]  # fmt: skip


@pytest.mark.requirement("IN-8", "DB-3")
def test_history_is_rolled_up_and_its_partitions_are_pinned(database, tenant, services, tmp_path):
    bring_in(services, tenant, wide_file(tmp_path), "press-9")
    from jobs import aggregation

    aggregation.run(database, datetime.now(UTC))
    while recompute_dirty(database, tenant):
        pass
    with tenant_reading(database.engine, tenant) as connection:
        raw = connection.execute(text("select value from readings")).scalars().all()
        days = connection.execute(text("select count, mean, m2, min, max from rollup_day")).all()
        pinned = connection.execute(text("select name from pinned_partitions where name like 'readings%'")).scalars().all()
    assert sum(day.count for day in days) == len(raw) == 1000
    assert sum(day.count * day.mean for day in days) == pytest.approx(np.sum(raw))
    assert any("201402" in name for name in pinned)


def test_a_mapping_to_a_column_that_is_not_there_names_those_that_are(tmp_path):
    file = wide_file(tmp_path, rows=20)
    fmt = guess_format(file.read_bytes(), file_name=file.name)
    with pytest.raises(CsvError, match="Temperatur"):
        importing.with_overrides(fmt, {"mapping": ("pressure=p",)})
    changed = importing.with_overrides(fmt, {"mapping": ("Druck (bar)=pressure:bar", "Temperatur [°C]=")})
    assert [column.sensor_key for column in changed.columns[1:]] in ([None, "pressure"], ["pressure"])


def test_a_dry_run_of_more_than_fits_in_memory_says_the_same(database, tenant, services, tmp_path, monkeypatch):
    """In any order of the file: what is of one sensor and time is counted together, from piles on disk."""
    lines = [f"{START + timedelta(minutes=7 * i):%Y-%m-%d %H:%M:%S},{i % 50},{i % 3}" for i in range(400)]
    lines += [lines[i].split(",")[0] + f",{i % 40},{i % 3}" for i in range(0, 400, 5)]
    lines = [lines[(i * 181) % len(lines)] for i in range(len(lines))]
    file = tmp_path / "shuffled.csv"
    file.write_text("time,temp,mode\n" + "\n".join(lines) + "\n")
    fmt = guess_format(file.read_bytes(), file_name=file.name)
    whole, _ = dry_run(database.engine, tenant, file, fmt, "oven", {})
    monkeypatch.setattr("dashapp.ingest.csv_dry_run.IN_MEMORY", 100)
    monkeypatch.setattr("dashapp.ingest.csv_dry_run.read_chunks", lambda path, fmt, **more: read_chunks(path, fmt, rows=60, **more))
    piled, new = dry_run(database.engine, tenant, file, fmt, "oven", {}, folder=tmp_path)
    assert piled == whole
    assert (piled.rows, piled.stored, len(new)) == (480, 800, 2)
    assert piled.conflicts > 0 < piled.duplicates
    assert [each.name for each in tmp_path.iterdir()] == ["shuffled.csv"]
    done = bring_in(services, tenant, file, "oven")
    assert (done.stored, done.duplicates, done.conflicts) == (piled.stored, piled.duplicates, piled.conflicts)


def test_an_import_is_undone_from_the_command_line_too(database, tenant, services, tmp_path):
    report = bring_in(services, tenant, wide_file(tmp_path), "press-9")
    undo_import(database, administrator(tenant), report.import_id)
    assert importing._undo(services, tenant, report.import_id) == 1000
    with tenant_reading(database.engine, tenant) as connection:
        row = find_import(connection, report.import_id)
    assert (row.state, row.removed) == ("undone", 1000)
    assert stored(database, tenant) == []
