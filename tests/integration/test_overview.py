"""The overview as a signed-in person's browser asks for it, on a real database: whole at first, then only what moved."""

import threading
import time
from typing import Any

import pytest

from dashapp.domain.fleet import DeviceSpec, Role, SensorKind, SensorSpec, Severity
from dashapp.ui import snapshot
from db.commands.devices import insert_device
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import new_tenant
from tests.integration.browsing import Visitor, visit
from tests.integration.overviewing import CHANGES, cards, new_limited_press, page_poll
from tests.integration.plant import START_US, Press, now_s, store

pytestmark = pytest.mark.requirement("UI-1")


@pytest.fixture
def press(database: Database) -> Press:
    return new_limited_press(database)


def tiles(page: Visitor) -> dict[str, str]:
    """Label → value and unit of the row of figures."""
    return {parts[0]: "".join(map(str, parts[1])) for parts in map(_tile, page.page["overview-figures"]["children"])}


def _tile(part: dict[str, Any]) -> tuple[str, list[Any]]:
    label, value = part["props"]["children"][:2]
    number, unit = value["props"]["children"]
    return label["props"]["children"], [number, unit["props"]["children"]]


def add(press: Press, *devices: DeviceSpec) -> None:
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        for device in devices:
            insert_device(connection, press.tenant_id, device)


def poll(page: Visitor) -> dict[str, Any]:
    """The whole answer to a question for changes, empty where nothing is new."""
    answer = page.client.post("/_dash-update-component", json=page_poll(page))
    return answer.get_json() if answer.status_code == 200 else {}


# ---- What is there at once


def test_the_first_answer_holds_the_values_and_no_callback_has_run(server, services, press):
    now = now_s()
    store(services, press, *[(press.temperature, now - 60 + at, 70.0 + at / 10) for at in range(60)], (press.count, now - 2, 4.0))
    page = visit(server, press)
    shown = cards(page)["MX-01"]
    assert (shown["main"]["value"], shown["main"]["unit"], shown["state_text"]) == (75.9, "°C", "Running")
    assert shown["main"]["at_ms"] == pytest.approx((START_US / 1e6 + now - 1) * 1000, abs=1)
    assert len(shown["spark"]) >= 8
    assert tiles(page)["Machines running"] == "1 / 1"
    assert "no planned time" in page.text  # there is no shift calendar, and so no OEE
    assert tiles(page)["Devices"] == "1 / 1 reporting"
    assert page.page["shell-title"]["children"] == "Overview"


def test_units_of_today_are_those_that_were_counted(server, services, press):
    now = now_s()
    midnight = (START_US / 1e6 + now) // 86_400 * 86_400 - START_US / 1e6
    made = [(press.count, now - 20 + at, 3.0) for at in range(20)]
    store(services, press, (press.count, midnight - 3600, 40.0), *made)
    page = visit(server, press)
    today = sum(3 for _, at, _ in made if at >= midnight)
    assert tiles(page)["Units today"] == f"{today}"
    store(services, press, (press.count, now_s(), 5.0))
    page.run(CHANGES)
    assert tiles(page)["Units today"] == f"{today + 5}"


def test_quality_reads_not_measured_where_no_machine_counts_rejects(server, services, press):
    store(services, press, (press.count, now_s(), 5.0))
    assert tiles(visit(server, press))["Rejected today"] == "not measured"


def test_a_plant_without_machines_says_what_is_reported_and_draws_no_timeline(server, services, database):
    press = Press(database, new_tenant(database), 0, 0, 0, 0)
    add(press, DeviceSpec("probe", "Probe", "", "", (SensorSpec("temperature", "Temperature", "°C"),)))
    page = visit(server, press)
    assert list(tiles(page)) == ["Devices", "Beyond a limit", "Readings", "Readings today"]
    assert "overview-timeline" not in page.page


@pytest.mark.requirement("UI-14")
def test_an_empty_plant_says_how_the_first_device_gets_in_and_shows_it_when_it_is_there(server, services, database):
    press = Press(database, new_tenant(database), 0, 0, 0, 0)
    page = visit(server, press, role=Role.MANAGER)
    assert '"href": "/devices/new"' in page.text
    assert '"href": "/import"' in page.text
    viewer = visit(server, press, role=Role.VIEWER)
    assert "/devices/new" not in viewer.text
    assert "role manager" in viewer.text
    page.run(CHANGES)
    add(press, DeviceSpec("probe", "Probe", "", "", (SensorSpec("temperature", "Temperature", "°C"),)))
    services.catalogue.forget(press.tenant_id)
    services.live.forget(press.tenant_id)
    assert '"probe"' in str(page.run(CHANGES)["overview"]).replace("'", '"')


def test_a_person_of_some_lines_sees_their_devices_alone(server, services, press):
    add(press, DeviceSpec("probe", "Probe", "", "line 7", (SensorSpec("temperature", "Temperature", "°C"),)))
    services.catalogue.forget(press.tenant_id)
    assert list(cards(visit(server, press))) == ["MX-01", "probe"]
    assert list(cards(visit(server, press, lines=["line 7"]))) == ["probe"]
    assert "limited to lines" in visit(server, press, lines=["line 8"]).text


# ---- What moved since


@pytest.mark.requirement("UI-1", "UI-13")
def test_a_change_brings_the_device_that_changed_and_no_other(server, services, press):
    add(press, DeviceSpec("probe", "Probe", "", "", (SensorSpec("temperature", "Temperature", "°C"),)))
    services.catalogue.forget(press.tenant_id)
    store(services, press, (press.temperature, now_s() - 5, 70.0))
    page = visit(server, press)
    page.run(CHANGES)
    store(services, press, (press.temperature, now_s() - 1, 71.5))
    delta = page.run(CHANGES)["overview-cards"]["delta"]
    assert list(delta["devices"]) == ["MX-01"]
    assert delta["devices"]["MX-01"]["value"] == 71.5
    assert "spark" not in delta["devices"]["MX-01"]


def test_where_nothing_changed_nothing_is_sent(server, services, press, monkeypatch):
    monkeypatch.setattr(snapshot, "LOOK_EVERY_US", 3_600_000_000)
    store(services, press, (press.temperature, now_s(), 70.0))
    page = visit(server, press)
    page.run(CHANGES)
    assert page.run(CHANGES) == {}


def test_two_viewers_are_each_told_what_they_do_not_have(server, services, press):
    store(services, press, (press.temperature, now_s() - 9, 70.0))
    first, second = visit(server, press), visit(server, press)
    first.run(CHANGES), second.run(CHANGES)
    store(services, press, (press.temperature, now_s() - 5, 71.0))
    first.run(CHANGES)
    store(services, press, (press.vibration, now_s() - 1, 5.0))
    ahead, behind = first.run(CHANGES), second.run(CHANGES)
    assert "value" not in ahead["overview-cards"]["delta"]["devices"]["MX-01"]
    assert behind["overview-cards"]["delta"]["devices"]["MX-01"]["value"] == 71.0


def test_every_point_of_a_line_reaches_a_viewer_once_whatever_the_batches(server, services, press):
    begin = now_s() - 600
    store(services, press, (press.temperature, begin, 50.0))
    page = visit(server, press)
    line = list(cards(page)["MX-01"]["spark"])
    for low, high in ((1, 40), (40, 41), (41, 300), (300, 420)):
        store(services, press, *[(press.temperature, begin + at, 50.0 + at) for at in range(low, high)])
        line += page.run(CHANGES)["overview-cards"]["delta"]["devices"]["MX-01"].get("append", [])
    times = [at for at, _ in line]
    assert times == sorted(set(times))
    whole = cards(visit(server, press))["MX-01"]["spark"]
    assert [point for point in line if point[0] >= whole[0][0]] == whole


def test_a_viewer_of_another_process_gets_everything_anew(server, services, press):
    store(services, press, (press.temperature, now_s(), 70.0))
    page = visit(server, press)
    page.set("overview-held", data={"epoch": 1, "serial": 10**6})
    answer = page.run(CHANGES)
    assert "overview" in answer
    assert "overview-cards" not in answer


def test_a_device_that_is_added_is_on_the_open_page(server, services, press):
    page = visit(server, press)
    page.run(CHANGES)
    add(press, DeviceSpec("probe", "Probe", "", "", (SensorSpec("temperature", "Temperature", "°C"),)))
    services.catalogue.forget(press.tenant_id)
    assert "probe" in str(page.run(CHANGES)["overview"])


def test_the_last_hours_are_asked_of_the_database_once_for_all_viewers(server, services, press, monkeypatch):
    asked = []
    read = snapshot.read_activity
    monkeypatch.setattr(snapshot, "read_activity", lambda *given: asked.append(1) or read(*given))
    for _ in range(3):
        visit(server, press).run(CHANGES)
    assert len(asked) == 1


def test_the_last_hours_are_read_beside_the_answers_and_arrive_when_they_are_there(server, services, press, monkeypatch):
    store(services, press, (press.temperature, now_s(), 70.0), (press.count, now_s(), 1.0))
    page = visit(server, press)
    page.run(CHANGES)
    begun, may_end = threading.Event(), threading.Event()
    read = snapshot.read_activity

    def slow(*given: Any) -> Any:
        begun.set()
        may_end.wait(30)
        return read(*given)

    monkeypatch.setattr(snapshot, "read_activity", slow)
    monkeypatch.setattr(snapshot, "ACTIVITY_EVERY_US", 0)
    monkeypatch.setattr(snapshot, "SHARE", 0)
    assert "sideUpdate" not in poll(page)  # does not wait for it
    assert begun.wait(30)
    may_end.set()
    deadline = time.monotonic() + 30
    while not (came := poll(page).get("sideUpdate")):
        assert time.monotonic() < deadline
    assert came["overview-hours"]["data"]["rows"][0]["key"] == "MX-01"
    assert set(came) == {"overview-hours", "overview-timeline", "overview-last-hours"}


# ---- What is out of order


def attention(page: Visitor) -> str:
    return str(page.page["overview-attention"]["children"])


@pytest.mark.requirement("UI-12", "UI-14")
def test_a_value_beyond_its_limit_is_on_its_card_and_in_the_list_since_it_began(server, services, press):
    now = now_s()
    store(services, press, *[(press.temperature, now - 300 + 10 * at, 85.0 + at) for at in range(30)])
    page = visit(server, press)
    shown = cards(page)["MX-01"]
    assert (shown["state"], shown["state_text"]) == ("critical", "Above 90 °C")
    assert "Temperature above 90 °C" in attention(page)
    assert "MX-01 · 114.0 °C" in attention(page)
    assert str((START_US + round((now - 300 + 60) * 1e6)) // 1000) in attention(page)


def test_what_is_in_order_again_leaves_the_list(server, services, press):
    store(services, press, (press.temperature, now_s() - 3, 95.0))
    page = visit(server, press)
    assert "1 without an alert" in str(page.page["overview-attention-count"])
    store(services, press, (press.temperature, now_s(), 80.0))
    page.run(CHANGES)
    assert "Nothing out of order" in attention(page)
    assert page.page["overview-attention-count"]["children"] == ""


def test_the_worst_comes_first_and_of_those_the_oldest(server, services, press):
    now = now_s()
    limit = {"limit_high": 90.0, "period_s": 60.0}
    slow = SensorSpec("level", "Level", "", SensorKind.GAUGE, severity=Severity.CRITICAL, **limit)
    add(press, DeviceSpec("tank", "Tank", "", "", (slow,)), DeviceSpec("probe", "Probe", "", "", (SensorSpec("t", "T"),)))
    services.catalogue.forget(press.tenant_id)
    level = services.catalogue.of(press.tenant_id).by_name["tank", "level"].id
    store(services, press, (press.temperature, now - 60, 80.0), (press.temperature, now - 1, 95.0))
    store(services, press, (level, now - 130, 80.0), (level, now - 120, 99.0))
    listed = attention(visit(server, press))
    order = [listed.index(words) for words in ("Level above 90", "Temperature above 90", "Never reported")]
    assert order == sorted(order)


def test_a_silent_device_is_said_to_be_silent_and_counted_as_not_reporting(server, services, press):
    store(services, press, (press.temperature, now_s() - 100, 70.0))
    page = visit(server, press)
    assert cards(page)["MX-01"]["state"] == "stale"
    assert "No data" in attention(page)
    assert tiles(page)["Devices"] == "0 / 1 reporting"


def test_a_machine_with_a_fault_is_down_on_the_timeline_and_on_its_card(server, services, press):
    now = now_s()
    minutes = [(press.count, now - 600 + 60 * at, 0.0 if at >= 6 else 5.0) for at in range(10)]
    faults = [(press.fault, now - 600 + 60 * at, 1.0 if at == 6 else 0.0) for at in range(10)]
    store(services, press, *minutes, *faults, (press.temperature, now, 70.0), (press.count, now, 0.0), (press.fault, now, 0.0))
    page = visit(server, press)
    assert [span[2] for span in page.page["overview-timeline"]["rows"][0]["spans"]] == ["run", "down"]
    assert cards(page)["MX-01"]["state_text"] == "Stopped"  # the flag is reset, the machine is not running yet
    assert tiles(page)["Machines running"] == "0 / 1"
