"""The device page and the list of devices, as a signed-in person's browser asks for them, on a real database."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import text

from dashapp.actions import passwords
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec
from dashapp.ingest.services import Services
from dashapp.ui.web import create_web
from db.commands.devices import insert_device
from db.commands.rollups import close_buckets
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import new_platform_user, new_user
from tests.integration.browsing import Visitor
from tests.integration.plant import START_US, Press, Reading, Sent, make_pipeline, new_press, running
from tests.integration.web import clean_dash

pytestmark = pytest.mark.requirement("UI-2")
HOUR_S, DAY_S = 3600.0, 86_400.0


@pytest.fixture(scope="module")
def services(database: Database) -> Iterator[Services]:
    with running(make_pipeline(database)) as started:
        yield started


@pytest.fixture(scope="module")
def server(services: Services) -> Iterator[Flask]:
    with clean_dash():
        yield create_web(services)


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def press(database: Database) -> Press:
    return new_press(database)


def now_s() -> float:
    """Now in seconds after START_US: what `Sent` counts in."""
    return time.time() - START_US / 1e6


def store(services: Services, press: Press, *readings: Reading) -> None:
    Sent(press, list(readings)).to(services.pipeline).outcome()


def visit(server: Flask, press: Press, path: str, **person: Any) -> Visitor:
    return Visitor(server, new_user(press.database, press.tenant_id, **person)).open(path)


def live_points(visitor: Visitor) -> list[float]:
    return visitor.page["device-live-source"]["data"]["data"][0]["y"]


# ---- What is there at once


def test_a_device_that_reports_is_drawn_with_its_first_answer(server, services, press):
    now = now_s()
    store(services, press, *[(press.temperature, now - 10 + at, 70.0 + at) for at in range(10)], (press.fault, now - 1, 1.0))
    page = visit(server, press, "/devices/MX-01")
    assert page.page["shell-title"]["children"] == "MX-01 Press"
    assert live_points(page) == [70.0 + at for at in range(10)]
    gauges = page.page["device-delta"]["data"]["gauges"]
    assert gauges["temperature"]["value"] == 79.0
    assert gauges["vibration"] == {"value": None, "state": "no_data", "at_ms": None}
    assert page.page["device-view"]["data"]["sensor"] == "temperature"


def test_the_sensor_of_the_url_is_the_one_that_is_shown(server, services, press):
    store(services, press, (press.temperature, now_s() - 3, 70.0), (press.vibration, now_s() - 2, 4.5))
    page = visit(server, press, "/devices/MX-01?sensor=vibration")
    assert live_points(page) == [4.5]
    assert page.page["device-live-title"]["children"] == "Vibration, last 15 minutes"


def test_a_counter_shows_what_it_came_to_in_the_last_hour(server, services, press):
    now = now_s()
    counted = [(press.count, now - ago, value) for ago, value in ((60, 4.0), (30, 3.0), (2 * HOUR_S, 50.0))]
    store(services, press, (press.temperature, now, 1.0), *counted)
    gauges = visit(server, press, "/devices/MX-01").page["device-delta"]["data"]["gauges"]
    assert gauges["production_count"]["value"] == pytest.approx(7.0)


@pytest.mark.requirement("UI-14")
def test_a_device_without_readings_says_how_the_first_is_sent_and_shows_it_when_it_comes(server, services, press):
    page = visit(server, press, "/devices/MX-01")
    command = page.page["device-curl"]["children"]["props"]["children"]
    assert "/api/v1/readings" in command
    assert '"device_id": "MX-01", "sensor_type": "temperature"' in command
    assert page.run("device-arrived.children") == {}
    store(services, press, (press.temperature, now_s(), 70.0))
    assert page.run("device-arrived.children")["device-arrived"]["children"]["props"]["href"] == "/devices/MX-01"


@pytest.mark.requirement("UI-14")
def test_a_device_that_is_not_there_leads_back_to_those_that_are(server, services, press):
    page = visit(server, press, "/devices/nobody")
    assert "There is no device nobody here" in page.text
    assert "/devices" in page.text


def test_a_key_may_hold_any_character(server, services, press):
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        insert_device(connection, press.tenant_id, DeviceSpec("press 1/é?", "Odd", "", "", (SensorSpec("t", "T"),)))
    services.catalogue.forget(press.tenant_id)
    assert "press 1/é? has no readings yet" in visit(server, press, "/devices/press%201%2F%C3%A9%3F").text


# ---- The live chart goes on


@pytest.mark.requirement("UI-2", "UI-13")
def test_each_second_brings_only_what_came_since(server, services, press):
    now = now_s()
    store(services, press, (press.temperature, now - 4, 70.0))
    page = visit(server, press, "/devices/MX-01")
    page.run("device-live-source.data")  # takes the device's state along
    assert page.run("device-live-source.data") == {}
    store(services, press, (press.temperature, now - 2, 71.0), (press.temperature, now - 1, 72.0), (press.vibration, now - 1, 5.0))
    answer = page.run("device-live-source.data")
    assert "device-live-source" not in answer
    delta = answer["device-delta"]["data"]
    assert [value for _, value in delta["points"]] == [71.0, 72.0]
    assert not delta["whole"]
    assert delta["gauges"]["vibration"]["value"] == 5.0
    assert page.run("device-live-source.data") == {}


def test_a_reading_that_came_late_is_put_in_its_place(server, services, press):
    now = now_s()
    store(services, press, (press.temperature, now - 30, 70.0), (press.temperature, now - 10, 71.0))
    page = visit(server, press, "/devices/MX-01")
    page.run("device-live-source.data")
    store(services, press, (press.temperature, now - 20, 99.0))
    delta = page.run("device-live-source.data")["device-delta"]["data"]
    assert delta["whole"]
    assert [value for _, value in delta["points"]] == [70.0, 99.0, 71.0]


def test_two_viewers_of_a_sensor_cost_one_query(server, services, press, monkeypatch):
    from dashapp.ui import live_tail

    store(services, press, (press.temperature, now_s() - 4, 70.0))
    pages = [visit(server, press, "/devices/MX-01") for _ in range(2)]
    asked = []
    real = live_tail.latest_points
    monkeypatch.setattr(live_tail, "latest_points", lambda *args: asked.append(args) or real(*args))
    store(services, press, (press.temperature, now_s(), 71.0))
    for page in pages:
        assert [point[1] for point in page.run("device-live-source.data")["device-delta"]["data"]["points"]] == [71.0]
    assert len(asked) == 1


def test_another_sensor_brings_its_own_chart(server, services, press):
    store(services, press, (press.temperature, now_s() - 3, 70.0), (press.vibration, now_s() - 2, 4.5))
    page = visit(server, press, "/devices/MX-01").set("device-sensor", data="vibration")
    page.run("device-live-source.data", changed="device-sensor.data")
    assert live_points(page) == [4.5]
    assert page.run("device-live-title.children")["device-live-title"]["children"] == "Vibration, last 15 minutes"


def test_an_answer_of_a_second_is_plain_values(server, services, press):
    store(services, press, (press.temperature, now_s() - 3, 70.0))
    page = visit(server, press, "/devices/MX-01")
    page.run("device-live-source.data")
    store(services, press, (press.temperature, now_s(), 71.0))
    assert len(json.dumps(page.run("device-live-source.data"))) < 1500


# ---- Any range


def history(page: Visitor) -> tuple[dict[str, Any], str]:
    answer = page.run("device-history-source.data")
    return answer["device-history-source"]["data"], answer["device-history-says"]["children"]


@pytest.fixture
def old(services: Services, press: Press) -> Press:
    """A day of readings, one a minute, that ended more than a month ago; rolled up."""
    begin = now_s() - 40 * DAY_S
    store(services, press, *[(press.temperature, begin + 60 * at, 20.0 + (at == 700) * 60) for at in range(1440)])
    close_buckets(press.database, press.tenant_id, datetime.now(UTC))
    return press


@pytest.mark.requirement("UI-2", "UI-14")
def test_history_that_has_ended_is_shown_without_being_asked_for_and_says_why(server, old):
    page = visit(server, old, "/devices/MX-01")
    figure, says = history(page)
    drawn = next(one for one in figure["data"] if one["name"] in ("mean", "readings"))
    assert len(drawn["x"]) >= 1000
    assert "1,440" in says
    assert page.page["device-history-note"]["children"].startswith("Nothing has come since")
    assert page.page["device-history-note"]["hidden"] is False
    assert page.page["device-live-quiet"]["hidden"] is False


@pytest.mark.requirement("UI-2", "UI-13")
def test_a_shorter_range_is_answered_from_finer_data(server, services, press):
    end = now_s()
    store(services, press, *[(press.temperature, end - 5 * at, 20.0 + at % 7) for at in range(17_000)])  # a day, every 5 s
    close_buckets(press.database, press.tenant_id, datetime.now(UTC))
    page = visit(server, press, "/devices/MX-01?range=24h")
    figure, says = history(page)
    assert "1 min mean with min–max" in says
    assert {one["name"] for one in figure["data"]} >= {"min–max", "mean"}
    start, _ = figure["layout"]["xaxis"]["range"]
    ends = [datetime.fromtimestamp(start / 1000 + offset, UTC).isoformat() for offset in (HOUR_S, HOUR_S + 600)]
    page.set("device-view", data={"sensor": "temperature", "past": [], "range": None, "from": ends[0], "to": ends[1]})
    figure, says = history(page)
    assert "Raw readings" in says
    assert {one["name"] for one in figure["data"]} >= {"readings"}
    assert page.page["device-csv"]["href"].startswith("/devices/MX-01/readings.csv?sensor=temperature&from=")


@pytest.mark.requirement("UI-13", "UI-14")
def test_a_range_that_cannot_be_read_is_said(server, services, press):
    store(services, press, (press.temperature, now_s(), 70.0))
    page = visit(server, press, "/devices/MX-01?from=banana")
    history(page)
    assert "banana" in page.page["device-history-note"]["children"]


def test_a_fixed_range_is_not_asked_again_each_minute(server, old):
    page = visit(server, old, "/devices/MX-01")
    assert page.run("device-history-source.data", changed="device-minute.data") == {}


@pytest.mark.requirement("UI-14")
def test_times_are_in_the_viewers_zone(server, old):
    page = Visitor(server, new_user(old.database, old.tenant_id))
    page.client.set_cookie("andon_zone", "Asia%2FKathmandu")
    figure, says = history(page.open("/devices/MX-01"))
    assert figure["layout"]["meta"]["zone"] == "Asia/Kathmandu"
    assert "(Asia/Kathmandu)" in says
    page.client.set_cookie("andon_zone", "Nowhere/Land")
    assert history(page.open("/devices/MX-01"))[0]["layout"]["meta"]["zone"] == "UTC"


# ---- Tables


@pytest.mark.requirement("UI-2", "AN-1")
def test_statistics_cover_the_hour_the_day_and_the_range(server, services, press):
    now = now_s()
    store(services, press, *[(press.temperature, now - 10 * at, float(value)) for at, value in enumerate([3, 1, 2], 1)])
    page = visit(server, press, "/devices/MX-01?range=7d")
    table = page.run("device-statistics.children")["device-statistics"]["children"]["props"]["children"][0]["props"]
    assert table["columns"] == ["", "1 h", "24 h", "this range"]
    rows = {row[0]: row[1:] for row in table["rows"]}
    assert rows["mean"] == rows["median"] == ["2.0"] * 3
    assert rows["readings"] == ["3"] * 3
    assert rows["trend"] == ["stable"] * 3


def readings(page: Visitor) -> dict[str, Any]:
    return page.page["device-readings"]["children"]["props"]["children"][0]["props"]["children"]["props"]


def test_readings_are_leafed_through_newest_first(server, services, press):
    now = now_s()
    store(services, press, *[(press.temperature, now - at, float(at)) for at in range(1, 61)])
    page = visit(server, press, "/devices/MX-01")

    def leaf(to: str | None = None) -> list[str]:
        changed = None if to is None else json.dumps({"to": to, "type": "device-page-to"}, separators=(",", ":")) + ".n_clicks"
        page.run("device-readings.children", changed=changed)
        return [row[1] for row in readings(page)["rows"]]

    first = leaf()
    assert first[0] == "1.0"
    assert len(first) == 25
    assert [*first, *leaf("older"), *leaf("older")] == [f"{at}.0" for at in range(1, 61)]
    assert page.page['{"to":"older","type":"device-page-to"}']["disabled"] is True
    assert leaf("newer")[0] == "26.0"
    assert leaf("newest") == first
    assert page.page['{"to":"newer","type":"device-page-to"}']["disabled"] is True


def test_a_reading_that_came_late_says_so_in_the_table(server, services, press):
    now = now_s()
    store(services, press, (press.temperature, now - 10, 2.0))
    store(services, press, (press.temperature, now - 1000, 1.0))
    page = visit(server, press, "/devices/MX-01")
    page.run("device-readings.children")
    assert [(row[1], row[3]) for row in readings(page)["rows"]] == [("2.0", ""), ("1.0", "late")]


def test_alerts_and_stops_are_listed_where_there_are_any(server, services, press):
    store(services, press, (press.temperature, now_s(), 70.0))
    assert "Alerts and stops" not in visit(server, press, "/devices/MX-01").text
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        device = connection.execute(text("select id from devices")).scalar_one()
        connection.execute(
            text(
                "insert into alerts (tenant_id, device_id, type, code, severity, state, message, raised_at) values"
                " (:tenant, :device, 'threshold_exceeded', 'high_temperature', 'critical', 'B', 'Temperature above 90 °C', now())"
            ),
            {"tenant": press.tenant_id, "device": device},
        )
        connection.execute(
            text(
                "insert into downtimes (tenant_id, device_id, started_at, ended_at, comment)"
                " values (:tenant, :device, now() - interval '1 hour', now(), 'jam')"
            ),
            {"tenant": press.tenant_id, "device": device},
        )
    page = visit(server, press, "/devices/MX-01").text
    assert "Temperature above 90 °C" in page
    assert "Stopped: jam" in page


# ---- Whose devices


@pytest.mark.requirement("UI-2", "FL-4")
def test_the_device_of_another_plant_is_not_found(server, services, press, database):
    other = new_press(database)
    store(services, other, (other.temperature, now_s(), 66.6))
    with tenant_transaction(database.engine, press.tenant_id) as connection:
        connection.execute(text("update devices set key = 'MX-09'"))
    services.catalogue.forget(press.tenant_id)
    page = visit(server, press, "/devices/MX-01")
    assert "There is no device MX-01 here" in page.text
    assert "Open it in" not in page.text


@pytest.mark.requirement("FL-4")
def test_the_platforms_people_are_offered_the_plant_that_has_the_device_and_taken_there(server, services, press, database):
    home = new_press(database)
    with tenant_transaction(database.engine, home.tenant_id) as connection:
        connection.execute(text("update devices set key = 'MX-08'"))
    with tenant_transaction(database.engine, press.tenant_id) as connection:
        connection.execute(text("update devices set key = 'only-here'"))
        plant = connection.execute(text("select key from tenants")).scalar_one()
    store(services, press, (press.temperature, now_s(), 71.5))
    page = Visitor(server, new_platform_user(database, home.tenant_id)).open("/devices/only-here")
    assert f"/devices/only-here?tenant={plant}" in page.text
    moved = page.open(f"/devices/only-here?tenant={plant}&range=7d")
    assert moved.page["device-elsewhere"]["href"] == "/devices/only-here?range=7d"
    assert live_points(page.open("/devices/only-here?range=7d")) == [71.5]


@pytest.mark.requirement("FL-4")
def test_a_link_into_another_plant_moves_nobody_else(server, services, press, database):
    other = new_press(database)
    with tenant_transaction(database.engine, other.tenant_id) as connection:
        plant = connection.execute(text("select key from tenants")).scalar_one()
    store(services, press, (press.temperature, now_s(), 70.0))
    page = visit(server, press, f"/devices/MX-01?tenant={plant}", role=Role.ADMIN)
    assert live_points(page.open("/devices/MX-01")) == [70.0]


def test_somebody_of_one_line_sees_the_devices_of_that_line_alone(server, services, press):
    store(services, press, (press.temperature, now_s(), 70.0))
    page = visit(server, press, "/devices/MX-01", lines=["another line"])
    assert "There is no device MX-01 here" in page.text
    assert page.set("shell-pulse", data=2) is page


# ---- The list


def test_the_list_holds_every_device_and_goes_on_by_what_moved(server, services, press):
    store(services, press, (press.temperature, now_s(), 70.0))
    page = visit(server, press, "/devices?q=press&sort=-age")
    table = page.page["devices-table"]
    assert [(one["key"], one["main"]["value"]) for one in table["devices"]] == [("MX-01", 70.0)]
    assert (table["query"], table["sort"]) == ("press", "-age")
    store(services, press, (press.temperature, now_s() + 1, 71.0))
    delta = page.run("devices.children")["devices-table"]["delta"]["devices"]
    assert delta["MX-01"]["value"] == 71.0
    assert "append" not in delta["MX-01"]


@pytest.mark.requirement("UI-14")
def test_the_list_of_an_empty_plant_says_how_the_first_device_comes(server, database, tenant):
    page = Visitor(server, new_user(database, tenant)).open("/devices")
    assert "Connect the first device" in page.text
