"""What is asked of simulated devices: kept, obeyed by whichever replica simulates, audited, and refused where it makes no sense."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from dashapp.actions import simulation
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.domain.fleet import SEEDED_FLEET, Role
from dashapp.domain.simulation import Course, EpisodeKind
from dashapp.domain.simulation_control import Reach
from dashapp.ingest.services import Services, make_services
from dashapp.settings import Settings
from db.columns import to_us
from db.commands.devices import insert_device
from db.commands.installation import DemoState, keep_demo_state
from db.commands.partitions import PartitionKeeper, ensure_ahead
from db.engine import Database
from db.queries.simulation import controlled_devices
from db.tenancy import tenant_reading, tenant_transaction
from jobs.demo import fill_history
from jobs.simulator import Simulator
from tests.integration.access import new_tenant
from tests.unit.domain.plant import DEVICES
from tests.unit.domain.test_simulation_control import quiet_moment

pytestmark = pytest.mark.requirement("IN-6")
NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=quiet_moment(DEVICES["MX-01"]))


@pytest.fixture
def demo(database: Database) -> int:
    """A demo plant with the fleet and without a history."""
    ensure_ahead(database, NOW, "month", 1)
    tenant_id = new_tenant(database, demo=True)
    with tenant_transaction(database.engine, tenant_id) as connection:
        for device in SEEDED_FLEET:
            insert_device(connection, tenant_id, device)
    return tenant_id


@pytest.fixture
def services(database: Database, demo: int) -> Iterator[Services]:
    made = make_services(Settings(), database, PartitionKeeper(database))
    made._demo, made._demo_looked_at = [demo], time.monotonic() + 1000
    made.pipeline.start()
    yield made
    made.pipeline.stop()


def manager(tenant_id: int, role: Role = Role.MANAGER, lines: tuple[str, ...] | None = None) -> Actor:
    return Actor("user", 7, tenant_id, role, lines=lines, name="Mia")


def settle(services: Services) -> None:
    """Until everything that was submitted is stored."""
    services.pipeline.stop()
    fresh = make_services(Settings(), services.database, PartitionKeeper(services.database))
    services.pipeline = fresh.pipeline
    services.pipeline.start()


def readings(database: Database, tenant_id: int, device: str, sensor: str) -> dict[int, float]:
    """Seconds since NOW → value."""
    with tenant_reading(database.engine, tenant_id) as connection:
        rows = connection.execute(
            text(
                "select r.time, r.value from readings r join sensors s on s.id = r.sensor_id join devices d on d.id = s.device_id"
                " where d.key = :device and s.key = :sensor order by r.time"
            ),
            {"device": device, "sensor": sensor},
        ).all()
    return {round((row.time - NOW).total_seconds()): row.value for row in rows}


def run(simulator: Simulator, start_s: int, end_s: int) -> None:
    for second in range(start_s, end_s + 1):
        simulator.run(NOW + timedelta(seconds=second))


def test_a_fault_is_in_the_next_reading_and_gone_when_it_was_said_to_be(database, demo, services):
    simulator = Simulator(services)
    run(simulator, -10, 0)
    simulation.inject(database, manager(demo), "MX-01", EpisodeKind.FAULT, 0.5, NOW)
    run(simulator, 1, 40)
    settle(services)
    fault = readings(database, demo, "MX-01", "fault")
    assert [second for second, flag in fault.items() if flag] == list(range(2, 30, 2))
    made = readings(database, demo, "MX-01", "production_count")
    assert sum(made[second] for second in range(2, 30, 2)) == 0
    assert sum(made[second] for second in range(32, 41, 2)) > 0


def test_a_stopped_device_sends_nothing_and_goes_on_where_it_is_started(database, demo, services):
    simulator = Simulator(services)
    run(simulator, -4, 0)
    simulation.stop_devices(database, manager(demo), ["device-003"], NOW)
    run(simulator, 1, 10)
    simulation.start_devices(database, manager(demo), ["device-003"], NOW + timedelta(seconds=10))
    run(simulator, 11, 15)
    settle(services)
    assert [s for s in readings(database, demo, "device-003", "vibration") if s > -4] == [-3, -2, -1, 0, 11, 12, 13, 14, 15]
    assert max(readings(database, demo, "device-001", "temperature")) == 14


def test_another_speed_counts_every_unit_once_at_most(database, demo, services):
    simulator = Simulator(services)
    run(simulator, -4, 4)
    simulation.set_speed(database, manager(demo), ["MX-01"], 10, NOW + timedelta(seconds=4))
    run(simulator, 5, 40)
    simulation.set_speed(database, manager(demo), ["MX-01"], None, NOW + timedelta(seconds=40))
    run(simulator, 41, 50)
    settle(services)
    at = [second for second in readings(database, demo, "MX-01", "production_count") if second > 0]
    tens = [second for second in at if 4 < second <= 40]
    assert tens == [second for second in range(5, 41) if (to_us(NOW) // 1_000_000 + second) % 10 == 0 and second >= 14]
    assert [second for second in at if second > 40] == list(range(42, 51, 2))


def test_what_was_asked_survives_a_restart_and_reaches_another_replica(database, demo, services):
    simulation.stop_devices(database, manager(demo), ["MX-02"], NOW)
    simulation.set_speed(database, manager(demo), ["device-003"], 5, NOW)
    simulation.inject(database, manager(demo), "MX-01", EpisodeKind.BREAKDOWN, 20, NOW)
    fill_history(
        database, demo, to_us(NOW), to_us(NOW) + 60_000_000, full_from_us=to_us(NOW), span="month", progress=lambda _share, _note: None
    )
    run(Simulator(services), 61, 70)
    settle(services)
    assert readings(database, demo, "MX-02", "temperature") == {}
    assert sorted(readings(database, demo, "device-003", "vibration")) == [
        second for second in range(1, 71) if (to_us(NOW) // 1_000_000 + second) % 5 == 0
    ]
    assert sum(readings(database, demo, "MX-01", "production_count").values()) == 0
    assert readings(database, demo, "MX-01", "fault")[2] == 1


def test_as_it_was_ends_what_was_injected_and_takes_stops_and_speeds_back(database, demo):
    who, later = manager(demo), NOW + timedelta(minutes=5)
    simulation.inject(database, who, "MX-01", EpisodeKind.BREAKDOWN, 60, NOW)
    simulation.stop_devices(database, who, None, NOW)
    simulation.set_speed(database, who, None, 3, NOW)
    simulation.restore(database, who, None, later)
    with tenant_reading(database.engine, demo) as connection:
        controls = {device.key: device.control for device in controlled_devices(connection, NOW)}
    assert all(control.running and control.period_s is None for control in controls.values())
    (episode,) = controls["MX-01"].episodes
    assert episode.end_us == to_us(later)


def test_every_change_is_in_the_audit_log(database, demo):
    who = manager(demo)
    simulation.stop_devices(database, who, ["MX-01"], NOW)
    simulation.start_devices(database, who, None, NOW)
    simulation.set_speed(database, who, ["MX-02"], 4, NOW)
    simulation.inject(
        database, who, "device-002", EpisodeKind.ANOMALY, 3, NOW, sensor="pressure", course=Course.JUMP, reach=Reach.BELOW
    )
    simulation.restore(database, who, ["device-002"], NOW)
    with tenant_reading(database.engine, demo) as connection:
        rows = connection.execute(text("select action, target, detail, actor from audit_log order by id")).all()
    assert [(row.action, row.target) for row in rows] == [
        ("stop_simulated", "MX-01"), ("start_simulated", "8 devices"), ("set_simulated_speed", "MX-02"), ("inject_episode", "device-002"),
        ("restore_simulated", "device-002"),
    ]  # fmt: skip
    assert {row.actor for row in rows} == {"user:7"}
    injected = {"kind": "anomaly", "minutes": 3, "sensor": "pressure", "course": "jump", "reach": "below", "devices": ["device-002"]}
    assert rows[3].detail == injected


@pytest.mark.parametrize(
    ("key", "kind", "more", "field"),
    [
        ("device-001", EpisodeKind.FAULT, {}, "kind"),
        ("MX-01", EpisodeKind.ANOMALY, {"sensor": "fault"}, "sensor"),
        ("MX-01", EpisodeKind.ANOMALY, {"reach": Reach.BELOW}, "reach"),
        ("device-005", EpisodeKind.ANOMALY, {"reach": Reach.ABOVE}, "reach"),
        ("MX-09", EpisodeKind.FAULT, {}, "device"),
    ],
)
def test_what_cannot_happen_is_refused_by_the_field(database, demo, key, kind, more, field):
    with pytest.raises(ActionError) as refused:
        simulation.inject(database, manager(demo), key, kind, 5, NOW, **more)
    assert refused.value.field == field


@pytest.mark.parametrize("minutes", [0, -1, 1441, float("nan")])
def test_how_long_is_bounded(database, demo, minutes):
    with pytest.raises(ActionError, match="minutes"):
        simulation.inject(database, manager(demo), "MX-01", EpisodeKind.FAULT, minutes, NOW)


@pytest.mark.parametrize("period_s", [0.5, 0, 11, float("nan")])
def test_the_speed_is_1_to_10_s(database, demo, period_s):
    with pytest.raises(ActionError, match="period_s"):
        simulation.set_speed(database, manager(demo), None, period_s, NOW)


def test_operators_may_not_nobody_may_in_a_real_plant_and_lines_hold(database, demo, tenant):
    with pytest.raises(Forbidden):
        simulation.stop_devices(database, manager(demo, Role.OPERATOR), None, NOW)
    with pytest.raises(ActionError, match="only the demo plant"):
        simulation.stop_devices(database, manager(tenant), None, NOW)
    narrow = manager(demo, lines=("Building A",))
    with pytest.raises(ActionError, match="no simulated device MX-03"):
        simulation.stop_devices(database, narrow, ["MX-03"], NOW)
    assert simulation.stop_devices(database, narrow, None, NOW) == 2


def test_nothing_is_simulated_while_the_demo_plant_is_made_or_taken_away(database, demo, services):
    def decide(state: str) -> None:
        with database.engine.begin() as connection:
            keep_demo_state(connection, DemoState(state), datetime.now(UTC))  # type: ignore[arg-type]

    simulator = Simulator(services)
    try:
        for state in ("wanted", "making", "removing"):
            decide(state)
            assert simulator.run(NOW) == 0
        decide("there")
        assert simulator.run(NOW) > 0
    finally:
        with database.engine.begin() as connection:
            connection.execute(text("delete from installation where name = 'demo'"))


def test_two_replicas_that_both_run_it_store_every_reading_once(database, demo, services):
    simulation.inject(database, manager(demo), "MX-01", EpisodeKind.FAULT, 1, NOW)
    one, two = Simulator(services), Simulator(services)
    threads = [threading.Thread(target=run, args=[each, 1, 20]) for each in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services.pipeline.stop()
    figures = services.pipeline.figures()
    assert figures["conflicts"] == 0
    assert figures["duplicates"] > 0
    assert sorted(s for s in readings(database, demo, "MX-01", "fault") if s > 0) == list(range(2, 21, 2))
