"""The tables of the device page (statistics, readings, alerts and stops) and the list of devices, on a real database."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from db.tenancy import tenant_transaction
from tests.integration.access import new_user
from tests.integration.browsing import Visitor, visit
from tests.integration.plant import now_s, store

pytestmark = pytest.mark.requirement("UI-2")


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


@pytest.mark.requirement("UI-13")
@pytest.mark.parametrize(("asked", "newest", "before"), [("2", "26.0", 1), ("3", "51.0", 2), ("99", "51.0", 2), ("x", "1.0", 0)])
def test_an_address_names_the_page_of_readings(server, services, press, asked, newest, before):
    now = now_s()
    store(services, press, *[(press.temperature, now - at, float(at)) for at in range(1, 61)])
    page = visit(server, press, f"/devices/MX-01?page={asked}")
    page.run("device-readings.children")
    assert readings(page)["rows"][0][1] == newest
    assert len(page.page["device-page-cursor"]["data"]) == before


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
