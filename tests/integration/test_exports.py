"""CSV downloads: complete, of one's own plant alone, safe in a spreadsheet, and of any length in little memory."""

import csv
import io
import tracemalloc
from datetime import datetime
from typing import Any
from urllib.parse import quote

import numpy as np
import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from dashapp.actions.exports import AT_ONCE_EACH
from dashapp.domain.fleet import DeviceSpec, SensorSpec
from dashapp.ingest.csv_format import guess_format
from dashapp.ingest.csv_import import CsvImport
from dashapp.ingest.services import Services
from dashapp.sheets import csv_cell
from db.commands.devices import insert_device
from db.commands.partitions import ensure_partitions
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import new_user
from tests.integration.plant import START_US, Press, Sent, new_press
from tests.integration.web import signed_in_client

pytestmark = pytest.mark.requirement("EX-1")
RANGE = "from=2026-01-01T00:00Z&to=2026-01-02T00:00Z"
FILE = "/devices/MX-01/readings.csv"


@pytest.fixture
def press(services: Services, database: Database) -> Press:
    """With three temperatures and a vibration on the first of January."""
    made = new_press(database)
    readings = [(made.temperature, 1.0, 71.5), (made.temperature, 2.0, -3.0), (made.temperature, 3.25, 0.1), (made.vibration, 2.0, 4.0)]
    Sent(made, readings).to(services.pipeline).outcome()
    return made


def client_of(server: Flask, press: Press, **person: Any) -> FlaskClient:
    return signed_in_client(server, new_user(press.database, press.tenant_id, **person))


def rows(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


def test_the_readings_of_a_range_are_exported_as_they_are_stored(server, press):
    answer = client_of(server, press).get(f"{FILE}?sensor=temperature&{RANGE}")
    assert answer.mimetype == "text/csv"
    assert rows(answer) == [
        ["time", "device", "sensor", "value", "unit", "quality", "note"],
        ["2026-01-01T00:00:01.000Z", "MX-01", "temperature", "71.5", "°C", "192", "delayed"],
        ["2026-01-01T00:00:02.000Z", "MX-01", "temperature", "-3", "°C", "192", "delayed"],
        ["2026-01-01T00:00:03.250Z", "MX-01", "temperature", "0.1", "°C", "192", "delayed"],
    ]


def test_without_a_sensor_all_of_the_device_are_exported(server, press):
    found = rows(client_of(server, press).get(f"{FILE}?{RANGE}"))
    assert [row[2] for row in found[1:]] == ["temperature"] * 3 + ["vibration"]
    assert len(rows(client_of(server, press).get(f"{FILE}?sensor=temperature&sensor=vibration&{RANGE}"))) == 5


def test_only_what_is_in_the_range_is_exported(server, press):
    found = rows(client_of(server, press).get(f"{FILE}?sensor=temperature&from=2026-01-01T00:00:02Z&to=2026-01-01T00:00:03.25Z"))
    assert [row[3] for row in found[1:]] == ["-3"]


def test_the_file_is_named_after_device_sensor_and_range(server, press):
    def name(query: str) -> str:
        return client_of(server, press).get(f"{FILE}?{query}&{RANGE}").headers["Content-Disposition"]

    assert "MX-01_temperature_2026-01-01T0000Z_2026-01-02T0000Z.csv" in name("sensor=temperature")
    assert "MX-01_4-sensors_2026-01-01T0000Z_2026-01-02T0000Z.csv" in name("")


def test_what_is_exported_can_be_imported_into_another_plant(server, services, press, database, tmp_path):
    file = tmp_path / "export.csv"
    file.write_bytes(client_of(server, press).get(f"{FILE}?{RANGE}").get_data())
    other = new_press(database)
    fmt = guess_format(file.read_bytes(), file_name=file.name)
    report = CsvImport(services, other.tenant_id, file, fmt, "MX-01", "test").run(lambda _rows, _stored: None)
    assert (report.stored, report.refused) == (4, 0)

    def of(plant: Press) -> list[list[str]]:
        return rows(client_of(server, plant).get(f"{FILE}?{RANGE}"))

    assert [row[:6] for row in of(other)] == [row[:6] for row in of(press)]


@pytest.mark.parametrize("key", ["=1+1", "+49 press", "-press", "@press", "\tpress", " =x", 'a "quoted", one'])
def test_no_text_of_a_device_runs_as_a_formula(server, services, press, key):
    unit = "=cmd"
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        insert_device(connection, press.tenant_id, DeviceSpec(key, "@name", "-place", "", (SensorSpec("+s", "S", unit),)))
        sensor = connection.execute(text("select id from sensors where key = '+s'")).scalar_one()
    services.catalogue.forget(press.tenant_id)
    Sent(press, [(sensor, 5.0, -1.0)]).to(services.pipeline).outcome()
    client = client_of(server, press)
    (line,) = rows(client.get(f"/devices/{quote(key, safe='')}/readings.csv?{RANGE}"))[1:]
    safe = key if key.startswith("a") else "'" + key
    assert (line[1], line[2], line[3], line[4]) == (safe, "'+s", "-1", "'=cmd")
    listed = [row for row in rows(client.get("/devices.csv")) if row[0] == safe]
    assert [(row[1], row[2], row[5]) for row in listed] == [("'@name", "'-place", "-1")]


@pytest.mark.parametrize("unit", ["%", "°C", "m/s²", ""])
def test_units_stay_what_they_are(unit):
    assert csv_cell(unit) == unit
    assert csv_cell(-5.0) == -5.0


def test_statistics_are_exported_one_row_a_sensor(server, press):
    found = rows(client_of(server, press).get(f"/devices/MX-01/statistics.csv?{RANGE}"))
    by_name = {row[1]: dict(zip(found[0], row, strict=True)) for row in found[1:]}
    assert by_name["temperature"]["readings"] == "3"
    assert float(by_name["temperature"]["mean"]) == pytest.approx((71.5 - 3 + 0.1) / 3)
    assert by_name["vibration"]["std_deviation"] == ""  # of one reading there is none
    assert by_name["fault"]["readings"] == "0"


def test_the_list_of_devices_is_exported_with_its_values(server, press):
    found = rows(client_of(server, press).get("/devices.csv"))
    assert found[1][:6] == ["MX-01", "Press", "", "", "temperature", "0.1"]


# ---- What is wrong is said, and nothing else is given


@pytest.mark.requirement("EX-1", "UI-14")
@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/devices/nobody/readings.csv", 404, "no device nobody"),
        (f"{FILE}?sensor=nothing", 404, "no sensor nothing"),
        (f"{FILE}?from=banana", 400, "banana"),
        (f"{FILE}?from=2026-01-02&to=2026-01-01", 400, "ends before it begins"),
        (f"{FILE}?range=fortnight", 400, "fortnight"),
    ],
)
def test_what_cannot_be_exported_is_said(server, press, path, status, reason):
    answer = client_of(server, press).get(path)
    assert (answer.status_code, answer.mimetype) == (status, "text/plain")
    assert reason in answer.get_data(as_text=True)


@pytest.mark.requirement("EX-1", "FL-4")
def test_another_plants_device_is_not_exported(server, press, database):
    stranger = client_of(server, new_press(database))
    assert rows(stranger.get(f"{FILE}?{RANGE}"))[1:] == []  # its own MX-01, which has no readings
    narrowed = client_of(server, press, lines=["another line"])
    assert narrowed.get(f"{FILE}?{RANGE}").status_code == 404
    assert rows(narrowed.get("/devices.csv"))[1:] == []


@pytest.mark.requirement("EX-1", "AP-4")
@pytest.mark.parametrize("path", [FILE, "/devices/MX-01/statistics.csv", "/devices.csv"])
def test_nobody_unsigned_gets_an_export(server, press, path):
    assert server.test_client().get(path).status_code == 401


# ---- Of any length


def test_an_export_of_any_length_takes_little_memory(server, press, database):
    count = 200_000
    ensure_partitions(database, np.array([START_US], np.int64))
    with tenant_transaction(database.engine, press.tenant_id) as connection:
        connection.execute(
            text(
                "insert into readings (tenant_id, sensor_id, time, value) select :tenant, :sensor,"
                " timestamptz '2026-01-01 01:00+00' + i * interval '0.1 s', i from generate_series(0, :last) i"
            ),
            {"tenant": press.tenant_id, "sensor": press.vibration, "last": count - 1},
        )
    client = client_of(server, press)
    answer = client.get(f"{FILE}?sensor=vibration&{RANGE}", buffered=False)
    pieces = answer.iter_encoded()
    next(pieces)
    tracemalloc.start()
    lines = 0
    for piece in pieces:
        lines += piece.count(b"\r\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    answer.close()
    assert lines > count
    assert peak < 12_000_000  # the whole is more than 11 MB as text alone, and many times that as objects


def test_an_export_that_is_broken_off_gives_its_place_back(server, press):
    client = client_of(server, press)
    for _ in range(AT_ONCE_EACH + 2):
        answer = client.get(f"{FILE}?{RANGE}", buffered=False)
        assert answer.status_code == 200
        next(answer.iter_encoded())
        answer.close()
    head = client.head(f"{FILE}?{RANGE}")
    assert head.status_code == 200


def test_more_exports_than_there_are_places_are_asked_to_come_again(server, press):
    client = client_of(server, press)
    running = [client.get(f"{FILE}?{RANGE}", buffered=False) for _ in range(AT_ONCE_EACH)]
    refused = client.get(f"{FILE}?{RANGE}")
    assert refused.status_code == 429
    assert "exports of yours are running" in refused.get_data(as_text=True)
    assert rows(client_of(server, press).get(f"{FILE}?{RANGE}")), "another person does not wait"
    for answer in running:
        answer.close()
    assert client.get(f"{FILE}?{RANGE}").status_code == 200


# ---- As a workbook


def test_a_table_is_the_same_as_csv_and_as_a_workbook(server, press):
    client = client_of(server, press)
    for table in ("/devices", "/devices/MX-01/statistics"):
        csv_rows = rows(client.get(f"{table}.csv?{RANGE}"))
        sheet = openpyxl.load_workbook(io.BytesIO(client.get(f"{table}.xlsx?{RANGE}").get_data())).active
        for ours, theirs in zip(csv_rows, sheet.iter_rows(values_only=True), strict=True):
            for text_cell, cell in zip(ours, theirs, strict=True):
                if isinstance(cell, float | int):
                    assert float(text_cell) == pytest.approx(cell, rel=1e-15)
                elif isinstance(cell, datetime):
                    assert datetime.fromisoformat(text_cell).replace(tzinfo=None) == cell
                else:
                    assert (cell or "") == text_cell


def test_what_a_page_shows_is_saved_with_its_texts_as_texts(server, press):
    client = client_of(server, press)
    shown = {"name": "Top: =alerts", "head": ["What", "Count"], "rows": [["=HYPERLINK(1)", 3], ["+1", -2.5], ["@x", None]]}
    ours = {"Sec-Fetch-Site": "same-origin"}
    found = rows(client.post("/tables/shown.csv", json=shown, headers=ours))
    assert found == [["What", "Count"], ["'=HYPERLINK(1)", "3"], ["'+1", "-2.5"], ["'@x", ""]]
    sheet = openpyxl.load_workbook(io.BytesIO(client.post("/tables/shown.xlsx", json=shown, headers=ours).get_data())).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [["=HYPERLINK(1)", 3], ["+1", -2.5], ["@x", None]]
    assert {cell.data_type for row in sheet.iter_rows(min_row=2, max_col=1) for cell in row} == {"s"}  # a text, no formula
    assert client.post("/tables/shown.csv", json=shown).status_code == 403  # who knows which page sent it
    assert client.post("/tables/shown.csv", json={"name": 3}, headers=ours).status_code == 400
