"""Readings as CSV, Parquet and workbooks: the same numbers, of one's own lines alone, whatever the pieces; stopped when nobody reads on."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from dashapp.actions import exports
from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.exports import Wish, export_pieces, plan_export, running_exports
from dashapp.api import problems, security
from dashapp.api.rest.exports import router
from dashapp.api.tokens import issue_token
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec
from dashapp.ingest.services import make_services
from dashapp.settings import Settings
from db.commands.devices import insert_device
from db.commands.partitions import PartitionKeeper, ensure_partitions
from db.engine import Database
from db.queries import exports as queries
from db.tenancy import tenant_transaction
from tests.integration.access import new_user
from tests.integration.plant import START_US, Press, new_press

pytestmark = pytest.mark.requirement("EX-1")
HOUR_US = 3_600_000_000
END_US = START_US + 24 * HOUR_US
RANGE = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
COUNT = 2_500  # readings of each of two sensors


@pytest.fixture(scope="module")
def press(database: Database) -> Press:
    """2,500 temperatures a second apart, 2,500 vibrations 333 µs apart, and another device on a line of its own."""
    made = new_press(database)
    ensure_partitions(database, np.array([START_US], np.int64))
    with tenant_transaction(database.engine, made.tenant_id) as connection:
        spec = DeviceSpec("=PX, \"1\"", "Press", "", "line-2", (SensorSpec("temperature", "T", "=°C"),))
        insert_device(connection, made.tenant_id, spec)
        other = connection.execute(text("select max(id) from sensors")).scalar_one()
        insert = text(
            "insert into readings (tenant_id, sensor_id, time, value, flags) select :tenant, :sensor,"
            " timestamptz '2026-01-01 00:00+00' + i * cast(:step as interval), i / 7.0 - 100, i % 4 from generate_series(0, :last) i"
        )
        for sensor, step, count in ((made.temperature, "1 s", COUNT), (made.vibration, "333 us", COUNT), (other, "1 h", 3)):
            connection.execute(insert, {"tenant": made.tenant_id, "sensor": sensor, "step": step, "last": count - 1})
    return made


def person(press: Press, **more: Any) -> Actor:
    return Actor("user", more.pop("id", 1), press.tenant_id, Role.VIEWER, **more)


def file_of(press: Press, who: Actor | None = None, **wish: Any) -> bytes:
    engine = press.database.engine
    planned = plan_export(engine, who or person(press), Wish(**{"start_us": START_US, "end_us": END_US, **wish}))
    return b"".join(export_pieces(engine, who or person(press), planned))


class Client:
    """Asks the routes themselves, without a socket."""

    def __init__(self, api: FastAPI, token: str) -> None:
        self._api, self._headers = api, {"Authorization": f"Bearer {token}"}

    def get(self, path: str, params: dict[str, str]) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._api)
            async with httpx.AsyncClient(transport=transport, base_url="http://andon.example", headers=self._headers) as client:
                return await client.get(path, params=params)

        return asyncio.run(ask())


@pytest.fixture
def client(press: Press, database: Database, tmp_path: Path) -> Client:
    api, settings = FastAPI(), Settings(data_dir=tmp_path, rate_strangers=0)
    security.register(api, make_services(settings, database, PartitionKeeper(database, settings.partition_by)))
    problems.register(api)
    api.include_router(router)
    return Client(api, issue_token(database, new_user(database, press.tenant_id, Role.VIEWER)))


def test_csv_parquet_and_workbook_hold_the_same_numbers(press):
    wish = {"devices": ("MX-01",), "sensors": ("temperature", "vibration")}
    csv = pd.read_csv(io.BytesIO(file_of(press, **wish)), keep_default_na=False, converters={"value": float})
    parquet = pd.read_parquet(io.BytesIO(file_of(press, format="parquet", **wish)))
    sheet = pd.read_excel(io.BytesIO(file_of(press, format="xlsx", **wish)), keep_default_na=False)
    stored = press.readings()
    expected = [stored[press.temperature, START_US + i * 1_000_000] for i in range(COUNT)]
    for frame in (csv, parquet, sheet):
        assert len(frame) == 2 * COUNT
        exact = frame is not sheet  # a workbook keeps sixteen digits
        assert list(frame["value"][:COUNT]) == (expected if exact else pytest.approx(expected, rel=1e-15))
        assert list(frame["sensor"].unique()) == ["temperature", "vibration"]
        assert list(frame["note"][:4]) == ["", "late", "delayed", "late delayed"]
    times = pd.to_datetime(csv["time"], format="ISO8601")
    assert (times == parquet["time"]).all()
    assert str(parquet["time"].dt.tz) == "UTC"
    assert abs(sheet["time (UTC)"] - times.dt.tz_localize(None)).max() < pd.Timedelta("1ms")  # as fine as a workbook counts


@pytest.mark.parametrize("rows", [1, 7, 999, COUNT, COUNT + 1])
def test_nothing_is_lost_or_doubled_between_pieces(press, rows, monkeypatch):
    sensor = queries.ExportSensor(press.vibration, "MX-01", "vibration", "mm/s")
    last_us = START_US + 333 * 60 if rows == 1 else END_US  # one row a piece: the first of them
    engine = press.database.engine
    whole = list(queries.csv_pieces(engine, press.tenant_id, sensor, "MX-01,vibration", "mm/s", START_US, last_us, rows=rows))
    lines = b"".join(piece.text for piece in whole).decode().splitlines()
    count = sum(piece.rows for piece in whole)
    assert count == len(lines) == len(set(lines)) == (60 if rows == 1 else COUNT)
    assert [float(line.split(",")[3]) for line in lines] == pytest.approx([i / 7 - 100 for i in range(count)])
    columns = list(queries.column_pieces(press.database.engine, press.tenant_id, press.vibration, START_US, last_us, rows=rows))
    assert np.concatenate([piece.time_us for piece in columns]).tolist() == [START_US + 333 * i for i in range(count)]


def test_times_are_as_fine_as_they_were_stored(press):
    assert b"2026-01-01T00:00:01.000Z,MX-01,temperature," in file_of(press, sensors=("MX-01/temperature",))
    assert b"2026-01-01T00:00:00.000333Z,MX-01,vibration," in file_of(press, sensors=("vibration",))


def test_no_name_in_a_file_runs_as_a_formula(press):
    lines = file_of(press, sensors=("temperature",)).decode("utf-8-sig").splitlines()
    assert lines[1] == "2026-01-01T00:00:00.000Z,\"'=PX, \"\"1\"\"\",temperature,-100,'=°C,192,"
    frame = pd.read_excel(io.BytesIO(file_of(press, format="xlsx", lines=("line-2",))))
    assert set(frame["device"]) == {'=PX, "1"'}


def test_a_person_of_one_line_gets_its_sensors_alone(press):
    narrowed = person(press, lines=("line-2",))
    frame = pd.read_csv(io.BytesIO(file_of(press, narrowed)))
    assert len(frame) == 3
    with pytest.raises(ActionError) as refused:
        file_of(press, narrowed, devices=("MX-01",))
    assert refused.value.status == 404


def test_another_plants_readings_are_not_in_it(press, database):
    stranger = new_press(database)
    mine = file_of(stranger, Actor("user", 1, stranger.tenant_id, Role.VIEWER))
    assert mine.count(b"\n") == 1  # the head: it has sensors of the same names and no readings
    foreign = queries.ExportSensor(press.temperature, "MX-01", "temperature", "")
    assert list(queries.csv_pieces(database.engine, stranger.tenant_id, foreign, "a,b", "", START_US, END_US)) == []


def test_a_parquet_file_has_a_row_group_a_piece(press, monkeypatch):
    file = pq.ParquetFile(io.BytesIO(file_of(press, format="parquet")))
    assert file.metadata.num_rows == 2 * COUNT + 3
    assert file.metadata.num_row_groups == 3
    assert file.schema_arrow.field("time").type.tz == "UTC"


def test_the_number_of_readings_is_told_before(press, client):
    answer = client.get("/api/v1/readings/export/expected", params={**RANGE, "device": "MX-01"}).json()
    assert answer["expected_rows"] == 2 * COUNT
    assert (answer["devices"], answer["sensors"]) == (1, 4)
    downloaded = client.get("/api/v1/readings/export", params={**RANGE, "device": "MX-01"})
    assert downloaded.headers["X-Expected-Rows"] == str(2 * COUNT)
    assert downloaded.text.count("\n") == 2 * COUNT + 1
    assert "MX-01_4-sensors_2026-01-01T0000Z_2026-01-02T0000Z.csv" in downloaded.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"device": "nobody"}, 404, "device"), ({"sensor": "nothing"}, 404, "sensor"), ({"line": "none"}, 404, "line"),
        ({"format": "pdf"}, 422, "format"), ({"to": "2025-01-01T00:00Z"}, 422, "to"), ({"from": "yesterday"}, 422, "from"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_said(client, asked, status, field):
    answer = client.get("/api/v1/readings/export", params={**RANGE, **asked})
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_too_many_readings_for_a_workbook_are_refused_before_it_begins(press, monkeypatch):
    monkeypatch.setattr(exports, "SHEET_ROWS", COUNT)
    with pytest.raises(ActionError, match="CSV or Parquet"):
        file_of(press, format="xlsx")
    assert running_exports(person(press)) == 0


def test_each_person_has_places_of_their_own(press):
    engine = press.database.engine
    planned = plan_export(engine, person(press), Wish(START_US, END_US))
    held = [export_pieces(engine, person(press), planned) for _ in range(exports.AT_ONCE_EACH)]
    with pytest.raises(ActionError) as refused:
        export_pieces(engine, person(press), planned)
    assert refused.value.status == 429
    export_pieces(engine, person(press, id=2), planned).close()
    for pieces in held:
        next(pieces)
        pieces.close()
    assert running_exports() == 0


def test_a_reader_that_goes_stops_the_export_and_frees_its_place(press, monkeypatch):
    monkeypatch.setattr(queries, "PIECE_ROWS", 10)
    asked: list[int] = []
    whole = queries.csv_pieces

    def counted(*arguments: Any, **options: Any) -> Iterator[queries.Lines]:
        for piece in whole(*arguments, rows=10):
            asked.append(piece.rows)
            yield piece

    monkeypatch.setattr(exports, "csv_pieces", counted)
    planned = plan_export(press.database.engine, person(press), Wish(START_US, END_US))
    pieces = export_pieces(press.database.engine, person(press), planned)
    for _ in range(4):
        next(pieces)
    pieces.close()
    assert len(asked) == 3  # and none after it
    assert running_exports(person(press)) == 0
    with pytest.raises(StopIteration):
        next(pieces)
