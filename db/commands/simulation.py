"""Writes of what is asked of simulated devices; inside a tenant's transaction. Times are aware UTC."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from dashapp.domain.simulation import Episode
from db.columns import from_us


def set_running(connection: Connection, device_ids: Sequence[int], now: datetime, *, running: bool) -> int:
    """Starts or stops devices; how many changed."""
    return connection.execute(
        text(
            "insert into simulator_devices (tenant_id, device_id, running, changed_at)"
            " select tenant_id, id, :running, :now from devices where id = any(:ids)"
            " on conflict (tenant_id, device_id) do update set running = excluded.running, changed_at = excluded.changed_at"
            " where simulator_devices.running <> excluded.running"
        ),
        {"ids": list(device_ids), "running": running, "now": now},
    ).rowcount


def set_period(connection: Connection, device_ids: Sequence[int], now: datetime, period_s: float | None) -> int:
    """Gives devices a speed, in seconds between readings (None: each sensor's own); how many changed."""
    return connection.execute(
        text(
            "insert into simulator_devices (tenant_id, device_id, period_s, changed_at)"
            " select tenant_id, id, cast(:period_s as double precision), :now from devices where id = any(:ids)"
            " on conflict (tenant_id, device_id) do update set period_s = excluded.period_s, changed_at = excluded.changed_at"
            " where simulator_devices.period_s is distinct from excluded.period_s"
        ),
        {"ids": list(device_ids), "period_s": period_s, "now": now},
    ).rowcount


def insert_episode(connection: Connection, device_id: int, episode: Episode, by: str) -> int:
    """Keeps an injected episode; its id."""
    made: int = connection.execute(
        text(
            "insert into simulator_episodes (tenant_id, device_id, kind, sensor, course, strength, starts_at, ends_at, by)"
            " values (current_setting('andon.tenant')::int, :device, :kind, :sensor, :course, :strength, :starts, :ends, :by) returning id"
        ),
        {
            "device": device_id, "kind": episode.kind.value, "sensor": episode.sensor,
            "course": None if episode.course is None else episode.course.value, "strength": episode.strength,
            "starts": from_us(episode.start_us), "ends": from_us(episode.end_us), "by": by,
        },
    ).scalar_one()  # fmt: skip
    return made


def as_it_was(connection: Connection, device_ids: Sequence[int], now: datetime) -> None:
    """Ends injected episodes and takes back stops and speeds. What was simulated until now stays as it is."""
    values = {"ids": list(device_ids), "now": now}
    connection.execute(
        text("update simulator_episodes set ends_at = greatest(starts_at, :now) where device_id = any(:ids) and ends_at > :now"), values
    )
    connection.execute(
        text(
            "update simulator_devices set running = true, period_s = null, changed_at = :now"
            " where device_id = any(:ids) and (not running or period_s is not null)"
        ),
        values,
    )


def forget_old_episodes(connection: Connection, before: datetime) -> int:
    """Takes away injected episodes that no reading to come depends on; how many."""
    return connection.execute(text("delete from simulator_episodes where ends_at < :before"), {"before": before}).rowcount
