"""Removing a device or a sensor: what would go is told first, the rows go at once, readings and rollups in batches, nothing else."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.devices import create_device
from dashapp.actions.keys import create_key, hash_of
from dashapp.actions.removals import remove_device, remove_sensor, what_would_go
from dashapp.domain.device_templates import from_template
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from db.columns import from_us
from db.commands import removals as commands
from db.commands.removals import remove_batch
from db.commands.rollups import close_buckets
from db.engine import Database
from db.queries import people
from db.queries import removals as queries
from db.tenancy import tenant_reading, tenant_transaction
from jobs import removals as job
from tests.integration.access import new_tenant
from tests.integration.door import READING, Door, Grant
from tests.integration.plant import START_US, Press, Sent, make_pipeline, new_press, running
from tests.integration.stored import rollups

pytestmark = pytest.mark.requirement("FL-1")
TABLES = ("sensors", "sensor_state", "devices", "rules", "alerts", "downtimes")
NOW = datetime(2026, 1, 3, tzinfo=UTC)


def manager(press: Press) -> Actor:
    return Actor("user", 1, press.tenant_id, Role.MANAGER, name="Line lead")


def send(press: Press, services: Services) -> None:
    """250 temperatures over a day and a half, 40 vibrations."""
    Sent(press, [(press.temperature, at * 500.0, float(at)) for at in range(250)]).to(services.pipeline).outcome()
    Sent(press, [(press.vibration, at * 60.0, 1.0) for at in range(40)]).to(services.pipeline).outcome()


@pytest.fixture
def press(database: Database) -> Press:
    """A press with readings, rollups, an alert, a rule, a stop, a mark of a late hour and two keys."""
    made = new_press(database)
    services = make_pipeline(database)
    with running(services):
        send(made, services)
    close_buckets(database, made.tenant_id, from_us(START_US + 2 * 86_400 * 1_000_000))
    with tenant_transaction(database.engine, made.tenant_id) as connection:
        device = connection.execute(text("select id from devices")).scalar_one()
        of = {"tenant": made.tenant_id, "device": device, "sensor": made.temperature}
        rule = connection.execute(
            text("insert into rules (tenant_id, name, type, sensor_id, severity) values (:tenant, 'r', 'threshold', :sensor, 'high')"
                 " returning id"), of).scalar_one()  # fmt: skip
        alert = text(
            "insert into alerts (tenant_id, rule_id, device_id, sensor_id, type, code, severity, state, message, raised_at)"
            " values (:tenant, :rule, :device, :sensor, 'threshold', 'c', 'high', 'B', 'm', now())"
        )
        connection.execute(alert, {**of, "rule": rule})
        connection.execute(text("insert into downtimes (tenant_id, device_id, started_at) values (:tenant, :device, now())"), of)
        connection.execute(text("insert into rollup_dirty (tenant_id, sensor_id, hour) values (:tenant, :sensor, now())"), of)
    create_key(database, manager(made), "press", ["ingest"], device)
    create_key(database, manager(made), "plant", ["ingest"], None)
    return made


def count(press: Press, table: str) -> int:
    return int(press.column(f"select count(*) from {table}")[0])  # type: ignore[call-overload]


def test_what_would_go_is_counted_before(database: Database, press: Press) -> None:
    whole = what_would_go(database, manager(press), "MX-01")
    last = START_US + 249 * 500 * 1_000_000
    assert whole == queries.Holdings(4, 290, exact=True, span_us=(START_US, last), alerts=1, rules=1, stops=1, keys=1)
    one = what_would_go(database, manager(press), "MX-01", "vibration")
    assert one == queries.Holdings(1, 40, exact=True, span_us=(START_US, START_US + 39 * 60_000_000), alerts=0, rules=0, stops=0, keys=0)
    assert what_would_go(database, manager(press), "MX-01", "fault").span_us is None


def test_a_long_history_is_added_up_from_its_days(database: Database, press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "COUNTED", 100)
    found = what_would_go(database, manager(press), "MX-01")
    assert (found.readings, found.exact) == (290, False)


@pytest.mark.parametrize("batch", [7, 1_000])
def test_a_device_goes_at_once_and_its_readings_in_batches(database: Database, press: Press, batch: int) -> None:
    other = new_press(database)
    services = make_pipeline(database)
    with running(services):
        send(other, services)
    close_buckets(database, other.tenant_id, from_us(START_US + 2 * 86_400 * 1_000_000))
    kept = (other.readings(), rollups(database, other.tenant_id, "hour"))
    remove_device(database, manager(press), "MX-01", "MX-01")
    assert {table: count(press, table) for table in TABLES} == dict.fromkeys(TABLES, 0)
    assert press.column("select name from api_keys") == ["plant"]
    assert count(press, "rollup_dirty") == 0
    assert len(press.readings()) == 290, "they go by the job"

    steps = []
    while True:
        with tenant_transaction(database.engine, press.tenant_id) as connection:
            step = remove_batch(connection, press.tenant_id, batch=batch)
        if step is None:
            break
        steps.append(step)
    assert sum(step.readings for step in steps) == 290
    assert max(step.readings for step in steps) <= batch
    assert [step.finished for step in steps] == [False] * (len(steps) - 1) + [True]
    assert press.readings() == {}
    assert [rollups(database, press.tenant_id, level) for level in ("minute", "hour", "day")] == [{}, {}, {}]
    assert (other.readings(), rollups(database, other.tenant_id, "hour")) == kept
    assert press.column("select removed from removals where finished_at is not null") == [290]


def test_the_job_removes_what_is_left_and_has_nothing_to_do_afterwards(database: Database, press: Press) -> None:
    remove_device(database, manager(press), "MX-01", "MX-01")
    assert job.run(database, NOW) >= 290
    assert press.readings() == {}
    assert job.run(database, NOW) == 0


def test_one_sensor_goes_with_its_readings_and_the_others_stay(database: Database, press: Press) -> None:
    hours = {bucket for bucket in rollups(database, press.tenant_id, "hour") if bucket[0] == press.vibration}
    remove_sensor(database, manager(press), "MX-01", "temperature", " temperature ")
    job.run(database, NOW)
    assert {sensor for sensor, _ in press.readings()} == {press.vibration}
    assert rollups(database, press.tenant_id, "hour").keys() == hours
    assert press.column("select key from sensors order by key") == ["fault", "production_count", "vibration"]
    assert (count(press, "alerts"), count(press, "downtimes"), count(press, "api_keys")) == (0, 1, 2)


def test_nothing_goes_without_the_key_typed_a_role_and_the_right_plant(database: Database, press: Press) -> None:
    stranger = Actor("user", 1, new_tenant(database), Role.ADMIN)
    operator = Actor("user", 2, press.tenant_id, Role.OPERATOR)
    for typed in ("", "mx-01", "MX-02"):
        with pytest.raises(ActionError) as refused:
            remove_device(database, manager(press), "MX-01", typed)
        assert refused.value.field == "typed"
    with pytest.raises(ActionError) as refused:
        remove_sensor(database, manager(press), "MX-01", "fault", "temperature")
    assert refused.value.field == "typed"
    for remove in (remove_device, what_would_go):
        with pytest.raises(Forbidden):
            remove(database, operator, "MX-01", "MX-01")
        with pytest.raises(ActionError) as refused:
            remove(database, stranger, "MX-01", "MX-01")
        assert refused.value.status == 404
    assert len(press.readings()) == 290
    assert count(press, "devices") == 1


def test_the_log_says_who_removed_what_and_how_much(database: Database, press: Press) -> None:
    remove_device(database, manager(press), "MX-01", "MX-01")
    with tenant_reading(database.engine, press.tenant_id) as connection:
        entry = connection.execute(text("select actor, target, detail from audit_log where action = 'remove_device'")).one()
    assert (entry.actor, entry.target) == ("user:1", "MX-01")
    assert {name: entry.detail[name] for name in ("readings", "alerts", "keys", "name")} == {
        "readings": 290, "alerts": 1, "keys": 1, "name": "Press",
    }  # fmt: skip


def test_ingest_for_a_removed_device_is_answered_as_for_an_unknown_one(database: Database, press: Press) -> None:
    services = make_pipeline(database)
    with running(services):
        door = Door(services, {"key": Grant(press.tenant_id)})
        assert door.post(READING).status_code == 201
        remove_device(database, manager(press), "MX-01", "MX-01")
        stale = door.post({**READING, "timestamp": "2020-05-01T06:00:01Z"})  # by a catalogue that has not heard yet
        services.catalogue.forget(press.tenant_id)
        gone, unknown = door.post(READING), door.post({**READING, "device_id": "MX-0X"})
    assert (stale.status_code, stale.json()["rejected"][0]["reason"]) == (422, "the sensor no longer exists")
    assert (gone.status_code, gone.json()["title"]) == (unknown.status_code, unknown.json()["title"]) == (404, "Unknown device")
    assert "MX-01" in gone.json()["detail"]


def test_a_key_of_a_removed_device_opens_nothing(database: Database, press: Press) -> None:
    device = press.column("select id from devices")[0]
    _, secret = create_key(database, manager(press), "its own", ["ingest"], device)  # type: ignore[arg-type]
    remove_device(database, manager(press), "MX-01", "MX-01")
    with database.engine.connect() as connection:
        assert people.find_key(connection, hash_of(secret)) is None


def test_a_device_of_the_same_key_made_afterwards_has_none_of_the_old_readings(database: Database, press: Press) -> None:
    remove_device(database, manager(press), "MX-01", "MX-01")
    create_device(database, manager(press), from_template("temperature", "MX-01", "Again", "", ""))
    found = what_would_go(database, manager(press), "MX-01")
    assert (found.readings, found.span_us) == (0, None)
    job.run(database, NOW)
    assert press.column("select key from devices") == ["MX-01"]
    assert commands.BATCH >= 10_000
