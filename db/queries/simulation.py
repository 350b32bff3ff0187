"""Reads of what was asked of simulated devices; inside a tenant's transaction."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from dashapp.domain.simulation import Course, Episode, EpisodeKind
from dashapp.domain.simulation_control import Control
from db.columns import to_us


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """A device of the tenant as the simulator's page and actions see it."""

    id: int
    key: str
    line: str
    control: Control = field(default_factory=Control)


def controlled_devices(connection: Connection, since: datetime) -> list[SimulatedDevice]:
    """Every device in its order, with what was asked of it: of injected episodes those that end after `since`."""
    injected: dict[str, list[Episode]] = {}
    rows = connection.execute(
        text(
            "select d.key, e.kind, e.sensor, e.course, e.strength, e.starts_at, e.ends_at from simulator_episodes e"
            " join devices d on d.tenant_id = e.tenant_id and d.id = e.device_id where e.ends_at > :since and e.ends_at > e.starts_at"
            " order by e.starts_at, e.id"
        ),
        {"since": since},
    )
    for row in rows:
        course = None if row.course is None else Course(row.course)
        episode = Episode(row.key, EpisodeKind(row.kind), to_us(row.starts_at), to_us(row.ends_at), row.sensor, row.strength, course)
        injected.setdefault(row.key, []).append(episode)
    devices = connection.execute(
        text(
            "select d.id, d.key, d.line, coalesce(s.running, true) as running, s.period_s, s.changed_at from devices d"
            " left join simulator_devices s on s.tenant_id = d.tenant_id and s.device_id = d.id order by d.position, d.key"
        )
    )
    found = []
    for row in devices:
        control = Control(row.running, row.period_s, _us(row.changed_at), tuple(injected.get(row.key, ())))
        found.append(SimulatedDevice(row.id, row.key, row.line, control))
    return found


def _us(moment: datetime | None) -> int:
    return 0 if moment is None else to_us(moment)
