"""What the overview adds up without asking the database, and how seldom it asks while the answer takes long."""

import threading
import time
from datetime import date
from typing import Any

import pytest

from dashapp.actions.actor import Actor
from dashapp.domain.downtime import MachineState
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec
from dashapp.ingest.services import Services
from dashapp.ui import snapshot
from db.commands.devices import insert_device
from db.commands.shifts import insert_shift_calendar
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.plant import START_US, Press, Sent, new_press
from tests.integration.stored import new_tenant
from tests.serving import wait_until

pytestmark = pytest.mark.requirement("UI-1")
S = 1_000_000


@pytest.fixture
def probe(database: Database) -> Press:
    """A plant of one sensor that counts nothing."""
    tenant = new_tenant(database)
    with tenant_transaction(database.engine, tenant) as connection:
        spec = DeviceSpec("probe", "Probe", "", "", (SensorSpec("temperature", "Temperature", "°C"),))
        insert_device(connection, tenant, spec)
        sensor = connection.exec_driver_sql("select id from sensors").scalar_one()
    return Press(database, tenant, sensor, 0, 0, 0)


def overview(services: Services, press: Press) -> snapshot.Overview:
    return snapshot.Overview(services, press.tenant_id, Actor("user", 1, press.tenant_id, Role.VIEWER))


def store(services: Services, press: Press, count: int) -> None:
    now_s = time.time() - START_US / 1e6
    Sent(press, [(press.temperature, now_s - 1 + at / 1000, 20.0) for at in range(count)]).to(services.pipeline).outcome()


def test_readings_are_counted_on_as_they_arrive_without_a_query(services, probe, monkeypatch):
    ahead = [0]
    now_us = snapshot._now_us
    monkeypatch.setattr(snapshot, "_now_us", lambda: now_us() + ahead[0])
    store(services, probe, 10)
    seen = overview(services, probe)
    figures = seen.view().figures
    assert (figures.readings_today, figures.readings_minute) == (10, 10)
    monkeypatch.setattr(snapshot, "ACTIVITY_EVERY_US", 10**15)  # nobody asks again
    ahead[0] = 30 * S
    store(services, probe, 5)
    assert seen.view().figures.readings_today == 15
    ahead[0] = 61 * S
    figures = seen.view().figures
    assert (figures.readings_today, figures.readings_minute) == (15, 5)
    ahead[0] = 130 * S
    seen.view()
    ahead[0] = 200 * S
    assert seen.view().figures.readings_minute == 0


def test_what_takes_long_to_read_is_read_less_often(services, probe, monkeypatch):
    at_us, asked = [snapshot._now_us()], []
    read = snapshot.read_activity

    def slow(*given: Any) -> Any:
        asked.append(1)
        threading.Event().wait(0.1)  # the query's time
        return read(*given)

    monkeypatch.setattr(snapshot, "read_activity", slow)
    monkeypatch.setattr(snapshot, "_now_us", lambda: at_us[0])
    monkeypatch.setattr(snapshot, "ACTIVITY_EVERY_US", 0)
    seen = overview(services, probe)
    seen.view()
    assert len(asked) == 1
    assert seen._activity_took_us >= 0.1 * S
    at_us[0] += (1 + snapshot.SHARE) * seen._activity_took_us - 1
    seen.view()
    assert len(asked) == 1
    at_us[0] += 1
    seen.view()
    wait_until(lambda: len(asked) == 2)


@pytest.mark.requirement("PR-3", "UI-1")
def test_a_machine_that_stands_while_nothing_is_planned_is_off_shift_and_no_stop(services, database):
    press = new_press(database)
    with tenant_transaction(database.engine, press.tenant_id) as connection:
        connection.exec_driver_sql("update devices set is_machine = true")
    now_s = time.time() - START_US / 1e6
    idle = [(press.count, now_s - 600 + 60 * at, 5.0 if at < 4 else 0.0) for at in range(11)]
    Sent(press, idle).to(services.pipeline).outcome()
    found = overview(services, press).view()
    assert (found.devices[0]["state_text"], found.figures.off) == ("Idle", 0)
    assert found.figures.stop is not None
    with tenant_transaction(database.engine, press.tenant_id) as connection:
        insert_shift_calendar(connection, "Closed", "UTC", {"shifts": []}, date(2020, 1, 1))
    found = overview(services, press).view()
    assert (found.devices[0]["state_text"], found.figures.off, found.figures.stop) == ("Off shift", 1, None)
    assert [span[2] for span in found.activity.timeline()[0]["spans"]] == ["run", "off"]
    assert found.activity.time_in(MachineState.IDLE) == 0
