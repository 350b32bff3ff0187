"""The device page as a signed-in person's browser asks for it, on a real database: values, the live chart, any range, whose it is."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text

from dashapp.domain.fleet import DeviceSpec, SensorSpec
from dashapp.ingest.services import Services
from db.commands.devices import insert_device
from db.commands.rollups import close_buckets
from db.commands.shifts import insert_shift_calendar
from db.tenancy import tenant_transaction
from tests.integration.access import new_platform_user, new_user
from tests.integration.browsing import Visitor, visit
from tests.integration.plant import Press, new_press, now_s, store

pytestmark = pytest.mark.requirement("UI-2")
HOUR_S, DAY_S = 3600.0, 86_400.0


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
    command = page.page["device-curl"]["children"]
    assert "/api/v1/readings" in command
    assert "http://localhost/api/v1/readings" in command
    assert '"device_id": "MX-01", "temperature": 71.2' in command
    assert page.run("device-arrived.children") == {}
    store(services, press, (press.temperature, now_s(), 70.0))
    assert page.run("device-arrived.children")["device-arrived"]["children"]["props"]["href"] == "/devices/MX-01"


@pytest.mark.requirement("UI-14")
def test_a_device_that_is_not_there_leads_back_to_those_that_are(server, services, press):
    page = visit(server, press, "/devices/nobody")
    assert "There is no device nobody here" in page.text
    assert "/devices" in page.text
    html = {"Accept": "text/html"}
    assert [page.client.get(path, headers=html).status_code for path in ("/devices/nobody", "/devices/nobody/settings")] == [404, 404]
    assert [page.client.get(path, headers=html).status_code for path in ("/devices/MX-01", "/devices/MX-01/settings")] == [200, 200]


def test_a_key_may_hold_any_character(server, services, press):
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        insert_device(connection, press.tenant_id, DeviceSpec("press 1/é?", "Odd", "", "", (SensorSpec("t", "T"),)))
    services.catalogue.forget(press.tenant_id)
    page = visit(server, press, "/devices/press%201%2F%C3%A9%3F")
    assert "press 1/é? has no readings yet" in page.text


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
    page.set("device-view", data={"sensor": "temperature", "range": None, "from": ends[0], "to": ends[1]})
    figure, says = history(page)
    assert "Raw readings" in says
    assert {one["name"] for one in figure["data"]} >= {"readings"}
    assert page.page["device-csv"]["href"].startswith("/api/v1/readings/export?device=MX-01&sensor=temperature&from=")


@pytest.mark.requirement("UI-13", "PR-3")
def test_a_shift_of_the_line_is_a_range_and_a_line_without_a_calendar_says_so(server, services, press):
    now = now_s()
    store(services, press, *[(press.temperature, now - 60 * at, 20.0) for at in range(1, 60)])
    page = visit(server, press, "/devices/MX-01?range=this-shift")
    history(page)
    assert "no shift calendar" in page.page["device-history-note"]["children"]
    assert page.page["device-range"]["shifts"] == []
    day = {"name": "All day", "days": [1, 2, 3, 4, 5, 6, 7], "start": "00:00", "end": "24:00"}
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        insert_shift_calendar(connection, "Usual", "UTC", {"shifts": [day]}, date(2020, 1, 1))
    page = visit(server, press, "/devices/MX-01?range=this-shift")
    figure, says = history(page)
    assert says.startswith("All day shift of ")
    shown = figure["layout"]["meta"]["shown"]
    assert (shown["range"], shown["shift"], shown["counts"], shown["later"]) == ("this-shift", True, True, None)
    assert shown["earlier"].startswith("All day@")
    assert page.page["device-range"]["shifts"] == ["All day"]
    assert page.page["device-history-note"]["hidden"] is True


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
    link = f"/devices/only-here?tenant={plant}"
    assert link in page.text
    moved = page.client.get(f"{link}&range=7d", headers={"Accept": "text/html"})
    assert (moved.status_code, moved.headers["Location"]) == (302, "/devices/only-here?range=7d")
    assert live_points(page.open("/devices/only-here?range=7d")) == [71.5]


def test_somebody_of_one_line_sees_the_devices_of_that_line_alone(server, services, press):
    store(services, press, (press.temperature, now_s(), 70.0))
    page = visit(server, press, "/devices/MX-01", lines=["another line"])
    assert "There is no device MX-01 here" in page.text
    assert page.set("shell-pulse", data=2) is page
