"""The overview as a signed-in person's browser asks for it, on a real database: whole at first, then only what moved."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import text

from dashapp.actions import passwords
from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec, Severity
from dashapp.ingest.services import Services
from dashapp.ui import snapshot
from dashapp.ui.web import create_web
from db.commands.devices import insert_device
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import new_platform_user, new_tenant, new_user
from tests.integration.browsing import Visitor
from tests.integration.plant import START_US, Press, Reading, Sent, make_pipeline, new_press, running
from tests.integration.web import clean_dash

pytestmark = pytest.mark.requirement("UI-1")
CHANGES = "overview.children"


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
    """A machine with a limit on its temperature."""
    made = new_press(database)
    with tenant_transaction(database.engine, made.tenant_id) as connection:
        connection.execute(text("update sensors set limit_high = 90, severity = 'critical' where key in ('temperature', 'fault')"))
        connection.execute(text("update sensors set limit_high = null where key = 'fault'"))
        connection.execute(text("update devices set is_machine = true"))
    return made


def now_s() -> float:
    """Now in seconds after START_US: what `Sent` counts in."""
    return time.time() - START_US / 1e6


def store(services: Services, press: Press, *readings: Reading) -> None:
    Sent(press, list(readings)).to(services.pipeline).outcome()


def visit(server: Flask, press: Press, **person: Any) -> Visitor:
    return Visitor(server, new_user(press.database, press.tenant_id, **person)).open("/")


def cards(page: Visitor) -> dict[str, Any]:
    return {one["key"]: one for one in page.page["overview-cards"]["devices"]}


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
    page = visit(server, press)
    assert "curl http://localhost/api/v1/readings" in page.text
    assert "python app.py add-device" in page.text
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
    assert str(int((START_US / 1e6 + now - 300 + 60) * 1000)) in attention(page)


def test_what_is_in_order_again_leaves_the_list(server, services, press):
    store(services, press, (press.temperature, now_s() - 3, 95.0))
    page = visit(server, press)
    assert "1 now" in str(page.page["overview-attention-count"])
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


# ---- The shell around it


@pytest.mark.requirement("UI-12")
def test_an_unknown_address_is_a_page_that_says_so_with_status_404(server, services, press):
    page = visit(server, press)
    assert page.client.get("/no/such/page", headers={"Accept": "text/html"}).status_code == 404
    assert page.client.get("/", headers={"Accept": "text/html"}).status_code == 200
    assert "There is no page at this address" in page.open("/no/such/page").text


@pytest.mark.requirement("UI-15")
def test_the_index_page_names_its_language_sets_the_theme_first_and_asks_no_other_host(server, services, press):
    page = visit(server, press).client.get("/", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert '<html lang="en">' in page
    assert page.index("/assets/00-theme.js") < page.index('rel="stylesheet"')
    assert page.count("/assets/00-theme.js") == 1
    assert "deps/polyfill" not in page
    assert "dash_table/bundle" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_a_layout_that_fails_is_a_page_that_says_so(server, services, press, monkeypatch, caplog):
    def broken(_self: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(snapshot.Overview, "view", broken)
    page = visit(server, press)
    assert "This page could not be shown" in page.text
    assert "disk is full" not in page.text
    assert "disk is full" in caplog.text


def test_a_page_of_which_the_browser_does_not_say_the_address_is_left_to_the_router(server, services, press):
    page = visit(server, press)
    layout = page.client.get("/_dash-layout").get_json()
    content = str(layout)
    assert "overview-cards" not in content
    assert "_pages_location" in content


def test_the_notice_of_the_demo_plant_is_shown_until_it_is_dismissed(server, services, database):
    press = Press(database, new_tenant(database, demo=True), 0, 0, 0, 0)
    page = visit(server, press)
    assert "This is the demo plant" in page.text
    name, value = page.page["shell-demo-dismiss"]["data-cookie"].split("=")
    page.client.set_cookie(name, value)
    assert "This is the demo plant" not in page.open("/").text


@pytest.mark.requirement("FL-4")
def test_somebody_of_the_platform_goes_from_plant_to_plant_and_nobody_else(server, services, press):
    other = new_tenant(press.database)
    page = Visitor(server, new_platform_user(press.database, press.tenant_id)).open("/")
    body = {
        "output": "shell-goto.href", "outputs": {"id": "shell-goto", "property": "href"}, "state": [],
        "inputs": [[{"id": {"type": "shell-plant", "tenant": other, "place": "menu"}, "property": "n_clicks", "value": 1}]],
        "changedPropIds": ['{"place":"menu","tenant":' + str(other) + ',"type":"shell-plant"}.n_clicks'],
    }  # fmt: skip
    answer = page.client.post("/_dash-update-component", json=body)
    assert answer.get_json()["response"]["shell-goto"]["href"] == "/"
    assert answer.headers["Andon-Plant"] == str(press.tenant_id)
    assert "Connect the first device" in page.open("/").text
    assert page.client.post("/_dash-update-component", json=page_poll(page)).headers["Andon-Plant"] == str(other)
    stranger = visit(server, press)
    assert "shell-plant" not in stranger.text
    assert stranger.client.post("/_dash-update-component", json=body).status_code == 403


def poll(page: Visitor) -> dict[str, Any]:
    """The whole answer to a question for changes, empty where nothing is new."""
    answer = page.client.post("/_dash-update-component", json=page_poll(page))
    return answer.get_json() if answer.status_code == 200 else {}


def page_poll(page: Visitor) -> dict[str, Any]:
    """A question for changes, as the browser puts it."""
    callback = page._callback(CHANGES)
    values = [{**one, "value": page.page.get(one["id"], {}).get(one["property"])} for one in callback["inputs"] + callback["state"]]
    return {
        "output": callback["output"], "outputs": page._outputs(callback["output"]), "inputs": values[:1], "state": values[1:],
        "changedPropIds": ["shell-pulse.data"],
    }  # fmt: skip


def test_an_answer_says_when_it_was_given(server, services, press):
    page = visit(server, press)
    answer = page.client.post("/_dash-update-component", json=page_poll(page))
    assert abs(int(answer.headers["Andon-Time"]) - time.time() * 1000) < 10_000


def test_large_answers_go_out_compressed_and_small_ones_as_they_are(server, services, press):
    page = visit(server, press)
    packed = {"Accept-Encoding": "gzip, br", "Referer": "http://localhost/"}
    assert page.client.get("/_dash-layout", headers=packed).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in page.client.get("/_dash-layout", headers={"Accept-Encoding": "gzip;q=0"}).headers
    assert "Content-Encoding" not in page.client.get("/_dash-layout").headers
    assert "Accept-Encoding" in page.client.get("/_dash-layout").headers["Vary"]


def test_the_application_can_be_made_more_than_once_in_a_process(services, press):
    for _ in range(2):
        with clean_dash():
            page = visit(create_web(services), press)
            assert "MX-01" in cards(page)
            assert page.client.get("/_dash-dependencies").get_json()
