"""What someone can do with the simulated machines of a demo plant: start, stop, speed, let something happen, all as it was.

Managers and above, in the demo plant alone. What is asked is kept in tables, so that it survives a restart and reaches the replica
that runs the simulator, within a second.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import SEEDED_FLEET, DeviceSpec, Role
from dashapp.domain.simulation import Course, Episode, EpisodeKind
from dashapp.domain.simulation_control import LONGEST_PERIOD_S, SHORTEST_PERIOD_S, Reach, gauges, kinds_for, reaches, strength_of
from db.columns import to_us
from db.commands import audit
from db.commands import simulation as commands
from db.engine import Database
from db.queries.simulation import SimulatedDevice, controlled_devices
from db.tenancy import tenant_transaction

SIMULATED = {device.key: device for device in SEEDED_FLEET}
SHORTEST_MIN, LONGEST_MIN = 0.1, 24 * 60.0


def start_devices(database: Database, actor: Actor, keys: Sequence[str] | None, now: datetime) -> int:
    """Lets devices send again (None: all that the actor may see); how many were stopped. Raises ActionError as all of these do."""
    with _devices(database, actor, keys, now) as (connection, devices):
        changed = commands.set_running(connection, _ids(devices), now, running=True)
        _note(connection, actor, "start_simulated", devices, {})
    return changed


def stop_devices(database: Database, actor: Actor, keys: Sequence[str] | None, now: datetime) -> int:
    """Stops devices: they send nothing, so that what they said last grows stale. How many were running."""
    with _devices(database, actor, keys, now) as (connection, devices):
        changed = commands.set_running(connection, _ids(devices), now, running=False)
        _note(connection, actor, "stop_simulated", devices, {})
    return changed


def set_speed(database: Database, actor: Actor, keys: Sequence[str] | None, period_s: float | None, now: datetime) -> int:
    """Lets devices send every `period_s` seconds, 1 to 10; None: every sensor at its own period. How many changed."""
    if period_s is not None and not SHORTEST_PERIOD_S <= period_s <= LONGEST_PERIOD_S:
        raise ActionError("period_s", f"{SHORTEST_PERIOD_S:.0f} to {LONGEST_PERIOD_S:.0f} seconds are expected")
    with _devices(database, actor, keys, now) as (connection, devices):
        changed = commands.set_period(connection, _ids(devices), now, period_s)
        _note(connection, actor, "set_simulated_speed", devices, {"period_s": period_s})
    return changed


def restore(database: Database, actor: Actor, keys: Sequence[str] | None, now: datetime) -> None:
    """Makes devices as they were: running, at their own speed, nothing injected. What was simulated meanwhile stays."""
    with _devices(database, actor, keys, now) as (connection, devices):
        commands.as_it_was(connection, _ids(devices), now)
        _note(connection, actor, "restore_simulated", devices, {})


def inject(
    database: Database,
    actor: Actor,
    key: str,
    kind: EpisodeKind,
    minutes: float,
    now: datetime,
    *,
    sensor: str | None = None,
    course: Course = Course.HOLD,
    reach: Reach = Reach.ABOVE,
) -> Episode:
    """Lets something happen to a device from now on, for so many minutes: 0.1 to a day.

    `sensor`, `course` and `reach` are an anomaly's. Raises ActionError for what cannot happen to this device.
    """
    if not SHORTEST_MIN <= minutes <= LONGEST_MIN:
        raise ActionError("minutes", f"{SHORTEST_MIN:g} to {LONGEST_MIN:g} minutes are expected")
    with _devices(database, actor, [key], now) as (connection, devices):
        device = SIMULATED[key]
        if kind not in kinds_for(device):
            raise ActionError("kind", f"this cannot happen to {key}: it is no machine", status=409)
        start_us = to_us(now)
        episode = Episode(key, kind, start_us, start_us + round(minutes * 60e6))
        if kind is EpisodeKind.ANOMALY:
            episode = _anomaly(device, episode, sensor, course, reach)
        commands.insert_episode(connection, devices[0].id, episode, actor.label)
        detail = {"kind": kind.value, "minutes": minutes, "sensor": episode.sensor}
        if kind is EpisodeKind.ANOMALY:
            detail |= {"course": course.value, "reach": reach.value}
        _note(connection, actor, "inject_episode", devices, detail)
    return episode


def _anomaly(device: DeviceSpec, episode: Episode, sensor: str | None, course: Course, reach: Reach) -> Episode:
    found = next((each for each in gauges(device) if each.key == sensor or sensor is None), None)
    if found is None:
        raise ActionError("sensor", f"{device.key} has no gauge {sensor}", status=404)
    if reach not in reaches(found):
        raise ActionError("reach", f"{found.name} of {device.key} has no {'lower' if reach is Reach.BELOW else 'upper'} limit")
    return Episode(device.key, episode.kind, episode.start_us, episode.end_us, found.key, strength_of(reach), course)


@contextmanager
def _devices(
    database: Database, actor: Actor, keys: Sequence[str] | None, now: datetime
) -> Iterator[tuple[Connection, list[SimulatedDevice]]]:
    """The transaction, and the simulated devices that are meant; of all (None) those that the actor may see."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        tenant = connection.execute(text("select is_demo, settings ? 'leaving' as leaving from tenants")).one_or_none()
        if tenant is None or not tenant.is_demo or tenant.leaving:
            raise ActionError("tenant", "only the demo plant is simulated", status=409)
        known = {device.key: device for device in controlled_devices(connection, now) if device.key in SIMULATED and _sees(actor, device)}
        missing = [key for key in keys or () if key not in known]
        if missing:
            raise ActionError("device", f"there is no simulated device {missing[0]}", status=404)
        yield connection, list(known.values()) if keys is None else [known[key] for key in dict.fromkeys(keys)]


def _sees(actor: Actor, device: SimulatedDevice) -> bool:
    return actor.lines is None or device.line in actor.lines


def _ids(devices: Sequence[SimulatedDevice]) -> list[int]:
    return [device.id for device in devices]


def _note(connection: Connection, actor: Actor, action: str, devices: Sequence[SimulatedDevice], detail: Mapping[str, object]) -> None:
    target = devices[0].key if len(devices) == 1 else f"{len(devices)} devices"
    audit.record(connection, actor, action, target, {**detail, "devices": [device.key for device in devices]})
