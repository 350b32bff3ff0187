"""Connections and dead letters: set up by administrators, checked field by field, audited; no secret ever comes out again."""

import json
import os
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dashapp.actions import connections as actions
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.connections import BrokerConnection
from dashapp.actions.dead_letters import drop_letters, replay_letters
from dashapp.brokers.wanted import SecretMissing, revealed
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec
from dashapp.ingest.replay import replay
from dashapp.ingest.services import Services
from dashapp.server import register_itself
from dashapp.settings import Settings
from dashapp.ui.connections.letters import readable
from db.commands.dead_letters import forget_settled
from db.commands.devices import insert_device
from db.engine import Database
from db.queries import connections as queries
from db.queries.dead_letters import Letter, Wanted, count_letters, dead_letters, letters_version, open_ids
from db.tenancy import tenant_reading, tenant_transaction
from jobs.slots import Slot, Slots, is_dead, space
from tests.integration.door import Door, Grant
from tests.integration.plant import Press

pytestmark = pytest.mark.requirement("UI-6")
SETTINGS = Settings()
MQTT = BrokerConnection("Gateway", "mqtt", host="broker.example", topics=("iot/data",), user="andon", password="T0p5ecret")
KAFKA = BrokerConnection("Line", "kafka", servers="one:9092,two:9092", topics=("sensors-data",), sends=("alerts",))


@pytest.fixture
def boss(press: Press) -> Actor:
    return Actor("user", 1, press.tenant_id, Role.ADMIN)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.MANAGER])
def test_connections_are_for_administrators(press: Press, role: Role) -> None:
    database, actor = press.database, Actor("user", 1, press.tenant_id, role)
    for attempt in (
        lambda: actions.create_connection(database, SETTINGS, actor, MQTT),
        lambda: actions.change_connection(database, SETTINGS, actor, 1, MQTT),
        lambda: actions.switch_connection(database, actor, 1, enabled=True),
        lambda: actions.remove_connection(database, actor, 1),
        lambda: actions.try_connection(database, SETTINGS, actor, 1),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_a_connection_is_made_off_changed_switched_and_removed_and_the_log_says_so_without_secrets(press: Press, boss: Actor) -> None:
    database = press.database
    made = actions.create_connection(database, SETTINGS, boss, MQTT)
    assert press.column("select enabled from connections") == [False]
    actions.change_connection(database, SETTINGS, boss, made, replace(MQTT, name="Other", password=None, topics=("a", "b/+", "c/#")))
    actions.switch_connection(database, boss, made, enabled=True)
    actions.switch_connection(database, boss, made, enabled=True)
    with tenant_reading(database.engine, press.tenant_id) as connection:
        shown = queries.connections(connection)
    assert press.column("select secret->>'password' from connections") == ["T0p5ecret"]
    assert "T0p5ecret" not in repr(shown)
    assert shown[0]["settings"]["topics"] == ["a", "b/+", "c/#"]
    actions.remove_connection(database, boss, made)
    log = press.column("select action || detail::text from audit_log order by id")
    assert [str(entry).partition("{")[0] for entry in log] == [
        "create_connection", "change_connection", "switch_connection", "remove_connection",
    ]  # fmt: skip
    assert "T0p5ecret" not in str(log)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (replace(MQTT, name=" "), "name"),
        (replace(MQTT, host="http://broker"), "host"),
        (replace(MQTT, port=70_000), "port"),
        (replace(MQTT, topics=()), "topics"),
        (replace(MQTT, topics=("a/#/b",)), "topics"),
        (replace(MQTT, topics=("a+/b",)), "topics"),
        (replace(MQTT, topics=("$share/x/y",)), "topics"),
        (replace(MQTT, clients=2), "share"),
        (replace(MQTT, clients=99), "clients"),
        (replace(MQTT, password=None), "password"),
        (replace(MQTT, password="file:../../etc/passwd"), "password"),
        (replace(MQTT, password="file:missing"), "password"),
        (replace(MQTT, tls=True, ca="nothing"), "ca"),
        (replace(MQTT, tls=True, certificate="-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", key="x"), "key"),
        (replace(MQTT, client_id="a b"), "client_id"),
        (replace(KAFKA, servers="one"), "servers"),
        (replace(KAFKA, topics=("a b",)), "topics"),
        (replace(KAFKA, topics=(), sends=()), "topics"),
        (replace(KAFKA, mechanism="GSSAPI"), "mechanism"),
        (replace(KAFKA, prefix="a/b"), "prefix"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_its_field(press: Press, boss: Actor, wanted: BrokerConnection, field: str) -> None:
    with pytest.raises(ActionError) as caught:
        actions.create_connection(press.database, SETTINGS, boss, wanted)
    assert caught.value.field == field


def test_a_name_is_there_once_and_hosts_can_be_limited(press: Press, boss: Actor) -> None:
    actions.create_connection(press.database, SETTINGS, boss, MQTT)
    with pytest.raises(ActionError, match="already"):
        actions.create_connection(press.database, SETTINGS, boss, replace(MQTT, name="GATEWAY"))
    limited = Settings(broker_hosts="*.plant.local, 10.1.*")
    with pytest.raises(ActionError, match="does not allow two"):
        actions.create_connection(press.database, limited, boss, replace(KAFKA, servers="a.plant.local:9092,two:9092"))
    actions.create_connection(press.database, limited, boss, replace(KAFKA, servers="a.plant.local:9092,10.1.2.3:9092"))


def test_a_stored_secret_does_not_go_to_another_broker(press: Press, boss: Actor) -> None:
    made = actions.create_connection(press.database, SETTINGS, boss, MQTT)
    with pytest.raises(ActionError, match="enter it again"):
        actions.change_connection(press.database, SETTINGS, boss, made, replace(MQTT, password=None, host="mine.example"))
    actions.change_connection(press.database, SETTINGS, boss, made, replace(MQTT, password="another", host="mine.example"))
    assert press.column("select secret->>'password' from connections") == ["another"]


def test_a_secret_file_is_of_its_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant" / "broker").write_text("T0p5ecret\n")
    (tmp_path / "other").write_text("not yours")
    assert revealed({"password": "file:broker"}, "password", tmp_path / "plant") == "T0p5ecret"
    for name in ("../other", "..", "/etc/passwd", "missing", ""):
        with pytest.raises(SecretMissing):
            revealed({"password": f"file:{name}"}, "password", tmp_path / "plant")


def test_two_replicas_share_the_clients_and_one_takes_over(database: Database, press: Press) -> None:
    mine, yours = Slots(database.engine, "a:1:x"), Slots(database.engine, "b:2:y")
    slots = [Slot(press.tenant_id, 9, number) for number in range(4)]
    ended: list[Slot] = []
    mine.settle(slots, ended.extend)
    assert set(mine.held) == set(slots)
    yours.settle(slots, ended.extend)
    assert not yours.held, "they are held"
    mine.settle(slots, ended.extend)
    assert len(ended) == 2, "it lets go of what is more than its share, once their clients have ended"
    yours.settle(slots, ended.extend)
    assert set(mine.held) | set(yours.held) == set(slots)
    assert len(yours.held) == 2
    mine.leave()
    yours.settle(slots, ended.extend)
    assert set(yours.held) == set(slots)
    yours.leave()


def test_a_process_that_died_on_this_machine_is_seen_to_be_dead() -> None:
    died = subprocess.Popen(["true"])
    died.wait()
    assert is_dead(f"host:{died.pid}:ab@{space()}")
    assert not is_dead(f"host:{os.getppid()}:ab@{space()}")
    assert not is_dead(f"host:{died.pid}:ab@elsewhere.1"), "its numbers mean nothing here"
    assert not is_dead(f"host:{died.pid}:ab")


def found_letters(press: Press, wanted: Wanted = Wanted()) -> list[Letter]:  # noqa: B008 (it is frozen)
    with tenant_reading(press.database.engine, press.tenant_id) as connection:
        return dead_letters(connection, wanted)


def post(services: Services, press: Press, *items: Any) -> None:
    """By the HTTP door, which keeps what it refuses."""
    Door(services, {"key": Grant(press.tenant_id)}, register_itself).post(list(items))


@pytest.mark.requirement("IN-7")
def test_a_letter_is_replayed_once_its_cause_is_mended(services: Services, press: Press, boss: Actor) -> None:
    reading = {"device_id": "MX-02", "sensor_type": "temperature", "value": 71.5, "timestamp": "2026-01-01T00:00:01Z"}
    post(services, press, reading, {**reading, "device_id": "MX-01", "value": "wet"})
    ids = [letter.id for letter in found_letters(press)]

    def again(tenant: int, letters: Any) -> Any:
        return replay(services, register_itself, tenant, letters)

    first = replay_letters(press.database, boss, ids, again)
    assert (first.stored, first.refused) == (0, 2)
    assert [letter.tries for letter in found_letters(press)] == [1, 1]
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        insert_device(connection, press.tenant_id, DeviceSpec("MX-02", "Welder", "", "", (SensorSpec("temperature", "Temperature", "°C"),)))
    services.catalogue.forget(press.tenant_id)
    second = replay_letters(press.database, boss, ids, again)
    assert (second.stored, second.refused) == (1, 1)
    assert press.column("select value from readings") == [71.5]
    assert [letter.reason for letter in found_letters(press)] == ["a number is expected, not “wet”"]
    with pytest.raises(ActionError, match="none of them is open"):
        replay_letters(press.database, boss, [letter.id for letter in found_letters(press, Wanted("replayed"))], again)
    assert drop_letters(press.database, boss, ids) == 1
    assert found_letters(press) == []
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        now = connection.execute(text("select now()")).scalar_one()
        assert forget_settled(connection, now - timedelta(hours=1)) == 0
        assert forget_settled(connection, now + timedelta(hours=1)) == 2
    assert press.column("select action from audit_log order by id") == ["replay_dead_letters"] * 2 + ["drop_dead_letters"]


@pytest.mark.requirement("IN-7")
def test_a_replay_has_the_device_and_the_time_that_the_message_had(services: Services, press: Press, boss: Actor) -> None:
    context = {"device": "MX-01", "time_us": 1_767_225_601_000_000}
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        connection.execute(
            text(
                "insert into dead_letters (tenant_id, door, source, field, reason, raw, context)"
                " values (:tenant, 'mqtt', 'connection:1', 'device_id', 'unknown', :raw, cast(:context as jsonb))"
            ),
            {"tenant": press.tenant_id, "raw": b'{"temperature": 71.5}', "context": json.dumps(context)},
        )
    ids = [letter.id for letter in found_letters(press)]
    done = replay_letters(press.database, boss, ids, lambda tenant, letters: replay(services, register_itself, tenant, letters))
    assert done.stored == 1
    assert press.column("select extract(epoch from time)::int from readings") == [1_767_225_601]


def test_what_cannot_be_replayed_says_why(services: Services, press: Press) -> None:
    common = dict(received_at=None, source="", field="f", reason="r", settled_at=None, settled_how=None, context={}, tries=0)  # noqa: C408
    cut = Letter(id=1, door="http", raw=b"{", truncated=True, **common)  # type: ignore[arg-type]
    line = Letter(id=2, door="csv", raw=b"1;2", truncated=False, **common)  # type: ignore[arg-type]
    found = replay(services, register_itself, press.tenant_id, [cut, line])
    assert "only its beginning" in str(found[1])
    assert "import it again" in str(found[2])


@pytest.mark.requirement("IN-7")
def test_letters_are_found_by_what_they_are(services: Services, press: Press) -> None:
    post(services, press, {"device_id": "MX-01", "sensor_type": "temperature", "value": "wet"}, {"device_id": "MX-77", "fault": 1})
    with tenant_reading(press.database.engine, press.tenant_id) as connection:
        assert count_letters(connection, Wanted(search="wet")) == 1
        assert count_letters(connection, Wanted(search="mx-77")) == 1, "in the reason, whatever the case"
        assert count_letters(connection, Wanted(search='"fault": 1')) == 1, "in the bytes"
        assert count_letters(connection, Wanted(door="mqtt")) == 0
        assert count_letters(connection, Wanted(source="key:1")) == 2
        assert len(open_ids(connection, Wanted(), 1)) == 1
        before = letters_version(connection)
    drop_letters(press.database, Actor("user", 1, press.tenant_id, Role.MANAGER), [found_letters(press)[0].id])
    with tenant_reading(press.database.engine, press.tenant_id) as connection:
        assert letters_version(connection) != before
    with pytest.raises(Forbidden):
        drop_letters(press.database, Actor("user", 1, press.tenant_id, Role.OPERATOR), [1])


def test_bytes_are_shown_so_that_nothing_hides_in_them() -> None:
    assert readable(b'{"a": 1}') == ('{"a": 1}', "JSON")
    assert readable("x\u202ey\x00\x1b[31m".encode()) == ("x\\u202ey\\u0000\\u001b[31m", "text")
    assert readable(b"\xff\x00") == ("ff 00", "not text, shown in hexadecimal")
    assert readable(b"") == ("(nothing)", "text")
    assert len(readable(b"x" * 9_000)[0]) < 2_100
