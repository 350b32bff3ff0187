"""What people do with devices and sensors: by role, audited, inside their own plant; and what a blank device takes by itself."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.devices import add_sensors, change_device, create_device, register_unknown
from dashapp.actions.sensors import MOST_CONVERTED, arrange_sensors, change_sensor
from dashapp.domain.device_templates import from_template
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec, Severity
from dashapp.ingest.catalogue import Catalogue, DeviceEntry
from db.columns import DAY_US, HOUR_US, MINUTE_US, from_us
from db.commands.rollups import close_buckets
from db.engine import Database
from db.tenancy import tenant_reading
from tests.integration.access import new_tenant
from tests.integration.door import READING, Door, Grant
from tests.integration.plant import START_US, Press, Sent, make_pipeline, running
from tests.integration.stored import expected_rollups, rollups

pytestmark = pytest.mark.requirement("FL-1")
PRESS = from_template("machine", "press 4?", "Press 4", "Hall 2", "Line A")


def manager(tenant: int, **more: object) -> Actor:
    return Actor("user", 1, tenant, Role.MANAGER, name="Line lead", address="192.0.2.7", **more)  # type: ignore[arg-type]


def device(database: Database, tenant: int, key: str) -> DeviceEntry:
    return Catalogue(database).of(tenant).devices[key]


def audited(database: Database, tenant: int) -> list[tuple[str, str, dict]]:
    with tenant_reading(database.engine, tenant) as connection:
        rows = connection.execute(text("select action, target, detail from audit_log order by id"))
        return [(row.action, row.target, row.detail) for row in rows]


def test_a_device_is_made_from_a_template(database: Database, tenant: int) -> None:
    create_device(database, manager(tenant), PRESS)
    made = device(database, tenant, "press 4?")
    assert (made.name, made.place, made.line, made.is_machine, made.template, made.accepts_new) == (
        "Press 4", "Hall 2", "Line A", True, "machine", False,
    )  # fmt: skip
    assert list(made.sensors) == ["temperature", "vibration", "production_count", "reject_count", "fault"]
    assert (made.sensors["vibration"].limit_high, made.sensors["vibration"].unit) == (7.1, "mm/s")
    assert audited(database, tenant)[0][:2] == ("create_device", "press 4?")


@pytest.mark.parametrize("key", ["", "new", "a/b", " a"])
def test_a_key_that_could_not_be_opened_is_refused(database: Database, tenant: int, key: str) -> None:
    with pytest.raises(ActionError) as refused:
        create_device(database, manager(tenant), replace(PRESS, key=key))
    assert (refused.value.field, refused.value.status) == ("key", 422)


def test_a_device_is_renamed_moved_and_put_out_of_use_and_the_log_says_from_what_to_what(database: Database, tenant: int) -> None:
    create_device(database, manager(tenant), PRESS)
    wish = {"name": "Press four", "place": "Hall 3", "line": "Line A", "status": "maintenance", "accepts_new": True}
    change_device(database, manager(tenant), "press 4?", **wish)  # type: ignore[arg-type]
    change_device(database, manager(tenant), "press 4?", **wish)  # type: ignore[arg-type]
    made = device(database, tenant, "press 4?")
    assert (made.name, made.place, made.status, made.accepts_new) == ("Press four", "Hall 3", "maintenance", True)
    changes = [entry for entry in audited(database, tenant) if entry[0] == "change_device"]
    assert len(changes) == 1, "a change that changes nothing is none"
    assert changes[0][2]["place"] == {"from": "Hall 2", "to": "Hall 3"}
    assert "line" not in changes[0][2]


def test_an_operator_changes_nothing_and_nobody_reaches_into_another_plant(database: Database, tenant: int) -> None:
    create_device(database, manager(tenant), PRESS)
    sensor = PRESS.sensors[0]
    as_it_is = {"name": "X", "place": "", "line": "", "status": "active", "accepts_new": False}
    operator, stranger = Actor("user", 2, tenant, Role.OPERATOR), manager(new_tenant(database))
    for who, refusal in ((operator, Forbidden), (stranger, ActionError)):
        for act in (
            lambda who=who: change_device(database, who, "press 4?", **as_it_is),
            lambda who=who: change_sensor(database, who, "press 4?", sensor),
            lambda who=who: arrange_sensors(database, who, "press 4?", []),
            lambda who=who: add_sensors(database, who, "press 4?", [SensorSpec("load", "Load")]),
        ):
            with pytest.raises(refusal):
                act()
    assert device(database, tenant, "press 4?").name == "Press 4"


def test_somebody_limited_to_lines_stays_within_them(database: Database, tenant: int) -> None:
    create_device(database, manager(tenant), PRESS)
    elsewhere, here = manager(tenant, lines=("Line B",)), manager(tenant, lines=("Line A", "Line B"))
    as_it_is = {"name": "Press 4", "place": "Hall 2", "status": "active", "accepts_new": False}
    with pytest.raises(ActionError) as refused:
        change_device(database, elsewhere, "press 4?", line="Line B", **as_it_is)  # type: ignore[arg-type]
    assert refused.value.status == 404
    with pytest.raises(ActionError) as refused:
        change_device(database, here, "press 4?", line="Line C", **as_it_is)  # type: ignore[arg-type]
    assert (refused.value.field, refused.value.status) == ("line", 403)
    with pytest.raises(ActionError):
        create_device(database, elsewhere, replace(PRESS, key="other"))
    change_device(database, here, "press 4?", line="Line B", **as_it_is)  # type: ignore[arg-type]
    assert device(database, tenant, "press 4?").line == "Line B"


def test_limits_and_ranges_of_a_sensor_are_changed(database: Database, tenant: int) -> None:
    create_device(database, manager(tenant), PRESS)
    wish = replace(PRESS.sensors[0], name="Oil", limit_high=75.0, normal_high=70.0, limit_low=None, severity=Severity.HIGH, period_s=5.0)
    assert change_sensor(database, manager(tenant), "press 4?", wish) == 0
    entry = device(database, tenant, "press 4?").sensors["temperature"]
    assert (entry.name, entry.limit_high, entry.normal_high, entry.severity, entry.period_s) == ("Oil", 75.0, 70.0, "high", 5.0)
    action, target, detail = audited(database, tenant)[-1]
    assert (action, target, detail["limit_high"]) == ("change_sensor", "press 4?/temperature", {"from": 90.0, "to": 75.0})
    with pytest.raises(ActionError) as refused:
        change_sensor(database, manager(tenant), "press 4?", replace(wish, normal_low=70.0))
    assert refused.value.field == "normal_high"


def test_sensors_take_another_order_unless_they_changed_meanwhile(database: Database, tenant: int) -> None:
    create_device(database, manager(tenant), PRESS)
    order = ["vibration", "temperature", "fault", "production_count", "reject_count"]
    arrange_sensors(database, manager(tenant), "press 4?", order)
    assert list(device(database, tenant, "press 4?").sensors) == order
    with pytest.raises(ActionError) as refused:
        arrange_sensors(database, manager(tenant), "press 4?", order[1:])
    assert refused.value.status == 409
    add_sensors(database, manager(tenant), "press 4?", [SensorSpec("load", "Load")])
    assert list(device(database, tenant, "press 4?").sensors) == [*order, "load"]


# --- Units


@pytest.fixture
def stored(database: Database, press: Press) -> Press:
    """Two days of temperatures at irregular times, all but the last hour rolled up."""
    services = make_pipeline(database)
    with running(services):
        Sent(press, [(press.temperature, at * 700.0, 20.0 + at % 17) for at in range(240)]).to(services.pipeline).outcome()
        Sent(press, [(press.vibration, 10.0, 4.0)]).to(services.pipeline).outcome()
    close_buckets(database, press.tenant_id, from_us(START_US + 2 * DAY_US))
    return press


TEMPERATURE = SensorSpec("temperature", "Temperature", "°C", period_s=2.0)


def test_range_and_limits_go_along_unless_they_were_changed_too(database: Database, stored: Press) -> None:
    in_celsius = replace(TEMPERATURE, normal_low=20.0, normal_high=80.0, limit_high=90.0)
    change_sensor(database, manager(stored.tenant_id), "MX-01", in_celsius)
    wish = replace(in_celsius, unit="°F", limit_high=200.0)
    change_sensor(database, manager(stored.tenant_id), "MX-01", wish, unit_change="convert")
    entry = device(database, stored.tenant_id, "MX-01").sensors["temperature"]
    assert (entry.normal_low, entry.normal_high, entry.limit_high, entry.limit_low) == (68.0, 176.0, 200.0, None)


def test_a_converted_sensor_has_all_its_history_in_the_new_unit(database: Database, stored: Press) -> None:
    before = stored.readings()
    wish = replace(TEMPERATURE, unit="fahrenheit", limit_high=194.0)
    assert change_sensor(database, manager(stored.tenant_id), "MX-01", wish, unit_change="convert") == 240
    after = stored.readings()
    for (sensor, at), value in before.items():
        assert after[sensor, at] == pytest.approx(value * 1.8 + 32 if sensor == stored.temperature else value)
    last = max(key for key in before if key[0] == stored.temperature)
    assert stored.states()[stored.temperature][1] == pytest.approx(before[last] * 1.8 + 32)
    for level, width in (("minute", MINUTE_US), ("hour", HOUR_US), ("day", DAY_US)):
        expected = expected_rollups(after, width)
        made = rollups(database, stored.tenant_id, level)
        assert made.keys() == expected.keys()
        for bucket, row in made.items():
            assert row == pytest.approx(expected[bucket], rel=1e-9, abs=1e-6), (level, bucket)
    assert device(database, stored.tenant_id, "MX-01").sensors["temperature"].unit == "°F"
    assert audited(database, stored.tenant_id)[-1][2]["converted"] == 240


def test_a_mislabelled_sensor_keeps_its_numbers(database: Database, stored: Press) -> None:
    before = stored.readings()
    change_sensor(database, manager(stored.tenant_id), "MX-01", replace(TEMPERATURE, unit="bar"), unit_change="relabel")
    assert stored.readings() == before
    assert device(database, stored.tenant_id, "MX-01").sensors["temperature"].unit == "bar"


@pytest.mark.parametrize(("unit", "how"), [("°F", None), ("bar", "convert"), ("", "convert")])
def test_a_unit_is_not_changed_without_saying_how_nor_converted_where_that_means_nothing(
    database: Database, stored: Press, unit: str, how
) -> None:
    before = stored.readings()
    with pytest.raises(ActionError) as refused:
        change_sensor(database, manager(stored.tenant_id), "MX-01", replace(TEMPERATURE, unit=unit), unit_change=how)
    assert refused.value.field == "unit"
    assert stored.readings() == before
    assert device(database, stored.tenant_id, "MX-01").sensors["temperature"].unit == "°C"


def test_too_long_a_history_is_not_converted_at_once(database: Database, stored: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_CONVERTED >= 100_000
    monkeypatch.setattr("dashapp.actions.sensors.MOST_CONVERTED", 239)
    with pytest.raises(ActionError) as refused:
        change_sensor(database, manager(stored.tenant_id), "MX-01", replace(TEMPERATURE, unit="°F"), unit_change="convert")
    assert refused.value.status == 409
    assert "second sensor" in refused.value.reason


# --- What a blank device takes by itself


def test_a_blank_device_takes_the_sensors_of_its_messages_and_no_other_device_does(database: Database, press: Press) -> None:
    services = make_pipeline(database)
    actor = manager(press.tenant_id)
    blank = create_device(database, actor, from_template("blank", "blank-1", "Blank", "", ""))

    def register(_services, tenant_id, wanted) -> None:
        register_unknown(database, actor, wanted)
        services.catalogue.forget(tenant_id)

    grants = {"plant": Grant(press.tenant_id), "own": Grant(press.tenant_id, 2, device_id=blank)}
    with running(services):
        door = Door(services, grants, register)
        first = {**READING, "device_id": "blank-1", "sensor_type": "oil_temperature", "unit": "celsius"}
        assert door.post(first, key="own").status_code == 201
        assert door.post({"device_id": "blank-1", "rpm": 900, "piece_count": 2}, key="plant").json()["stored"] == 2
        assert door.post({**READING, "sensor_type": "load"}, key="plant").status_code == 422
        assert door.post({**READING, "device_id": "unknown"}, key="plant").status_code == 404
        assert door.post(first | {"device_id": "unknown"}, key="own").status_code == 404
    made = device(database, press.tenant_id, "blank-1").sensors
    assert {key: (entry.name, entry.unit, entry.kind) for key, entry in made.items()} == {
        "oil_temperature": ("Oil temperature", "°C", "gauge"), "rpm": ("Rpm", "", "gauge"),
        "piece_count": ("Piece count", "", "increment"),
    }  # fmt: skip
    assert set(Catalogue(database).of(press.tenant_id).devices) == {"MX-01", "blank-1"}


def test_a_device_does_not_gain_sensors_without_end(database: Database, tenant: int, monkeypatch: pytest.MonkeyPatch) -> None:
    create_device(database, manager(tenant), DeviceSpec("b", "B", "", "", (SensorSpec("one", "One"),), accepts_new=True))
    monkeypatch.setattr("dashapp.actions.devices.MOST_SELF_REGISTERED", 3)
    register_unknown(database, manager(tenant), [("b", f"s{at}", "") for at in range(9)])
    assert list(device(database, tenant, "b").sensors) == ["one", "s0", "s1"]


