"""Figures: `metrics/dashboard` and `metrics/system`, `analytics/trends/{machine_id}` and `analytics/summary` (source 002 §4.5)."""

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import Field

from dashapp.actions.actor import ActionError
from dashapp.api.rest.common import catalogue_of, database_of, device_of, services_of, visible
from dashapp.api.rest.health import AlertCounts, Part, alert_counts
from dashapp.api.rest.plant import Key
from dashapp.api.routes import Route
from dashapp.api.security import Admin, DeviceViewer, Viewer
from dashapp.api.shapes import From, Out, Time, To, us
from dashapp.domain.alarm_performance import performance
from dashapp.domain.fleet import Severity
from dashapp.domain.statistics import Direction, Summary
from dashapp.ingest.catalogue import SensorEntry
from dashapp.settings import VERSION
from db.columns import to_us
from db.queries import system as system_queries
from db.queries.activity import averages, readings_reported, units_counted
from db.queries.alarm_performance import journal_of
from db.queries.series import Series, series, statistics
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1", route_class=Route)
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
LONGEST_US = 20 * 366 * DAY_US


class Dashboard(Out):
    """The plant in figures; null where nothing measures it. Units are pieces, today is since midnight in the plant's zone."""

    timestamp: Time
    devices: int
    devices_reporting: int
    machines: int
    sensors: int
    readings_last_minute: int
    readings_today: int
    units_today: float | None
    units_yesterday: float | None
    rejected_today: float | None
    alerts: AlertCounts


class System(Out):
    """How the installation does. `lag_s` is the longest way from a door to the commit in the last five seconds."""

    timestamp: Time
    version: str
    replica: str
    uptime_s: float
    readings_per_s: float
    refused_per_min: float
    lag_s: float | None
    waiting_rows: int
    database_ms: float | None
    dead_letters: int
    devices: int
    sensors: int
    readings: int
    parts: list[Part]


class Trend(Out):
    """A straight line through the readings: its slope in units an hour, and whether it is more than chance (1 %)."""

    direction: Direction
    slope_per_hour: float
    p_value: float


class Statistics(Out):
    """A sensor over a range, in its unit. `sd` is the sample's; null for a single reading."""

    count: int
    mean: float
    median: float
    sd: float | None
    min: float
    max: float
    trend: Trend
    median_of: Literal["readings", "minutes", "hours"]


class Point(Out):
    """A point of a line: mean and extremes of `count` readings from `time` on."""

    time: Time
    mean: float
    min: float
    max: float
    count: int


class SensorTrend(Out):
    """A sensor's line over the range, and its figures over the range, the last hour and the last day; null without readings."""

    key: str
    name: str
    unit: str
    resolution: Literal["raw", "minute", "hour", "day"]
    range: Statistics | None
    last_hour: Statistics | None
    last_day: Statistics | None
    points: list[Point]


class Trends(Out):
    """A device's sensors over a range."""

    machine_id: str
    from_: Time = Field(serialization_alias="from")
    to: Time
    sensors: list[SensorTrend]


class SensorAverage(Out):
    """A sensor's mean over the range; null without readings."""

    machine_id: str
    sensor: str
    unit: str
    mean: float | None


class Alarms(Out):
    """How the alarm system did (ISA-18.2): announcements, their rate, the share of time in flood in percent, time to acknowledge."""

    announcements: int
    per_hour: float
    peak_ten_minutes: float
    flood_share: float
    by_severity: dict[Severity, int]
    acknowledged: int
    never_acknowledged: int
    mean_time_to_acknowledge_s: float | None
    median_time_to_acknowledge_s: float | None


class AnalyticsSummary(Out):
    """The plant over a range: how its alarm system did, and the mean of every sensor that measures a level."""

    from_: Time = Field(serialization_alias="from")
    to: Time
    alarms: Alarms
    sensors: list[SensorAverage]


@router.get("/metrics/dashboard", tags=["metrics"])
def dashboard(request: Request, actor: Viewer) -> Dashboard:
    """What the overview's figures are made of."""
    services, plant = services_of(request), catalogue_of(request, actor)
    devices, now = visible(plant, actor), datetime.now(UTC)
    sensors = [sensor for device in devices for sensor in device.sensors.values()]
    machines = [device for device in devices if device.is_machine]
    counts = {name: [one.sensors[name] for one in machines if name in one.sensors] for name in ("production_count", "reject_count")}
    midnight = now.astimezone(ZoneInfo(plant.zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    before = (midnight - timedelta(days=1)).replace(hour=0, minute=0)
    today_us, now_us = to_us(midnight), to_us(now)
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        reported = readings_reported(connection, [sensor.id for sensor in sensors], today_us // 60_000_000 * 60_000_000, now_us)
        counted = units_counted(
            connection, [sensor.id for found in counts.values() for sensor in found], yesterday_us=to_us(before),
            yesterday_now_us=now_us - DAY_US, today_us=today_us, now_us=now_us,
        )  # fmt: skip

    def total(name: str, day: str) -> float | None:
        found = [getattr(counted[sensor.id], day) for sensor in counts[name] if sensor.id in counted]
        return sum(found) if found else None

    live = services.live.now(actor.tenant_id)
    heard_us = now_us - 60_000_000
    return Dashboard(
        timestamp=now, devices=len(devices), machines=len(machines), sensors=len(sensors),
        devices_reporting=sum(any(one.id in live and live[one.id].received_us >= heard_us for one in d.sensors.values()) for d in devices),
        readings_last_minute=reported.last_minute, readings_today=reported.since, units_today=total("production_count", "today"),
        units_yesterday=total("production_count", "yesterday"), rejected_today=total("reject_count", "today"),
        alerts=alert_counts(request, actor),
    )  # fmt: skip


@router.get("/metrics/system", tags=["metrics"])
def system(request: Request, actor: Admin) -> System:
    """Rates, lag and parts of this replica, and what the plant has."""
    services = services_of(request)
    report, meter = services.health.look(), services.meter
    with tenant_reading(services.database.engine, actor.tenant_id) as connection:
        counts, letters = system_queries.plant_counts(connection), system_queries.letters(connection, 0)
    return System(
        timestamp=datetime.now(UTC), version=VERSION, replica=services.replica, uptime_s=round(time.time() - services.started_at, 1),
        readings_per_s=round(meter.per_second(), 2), refused_per_min=round(meter.refused_per_minute(), 2), lag_s=meter.lag_s(),
        waiting_rows=services.pipeline.waiting_rows, database_ms=report.latency_ms, dead_letters=letters.count, devices=counts.devices,
        sensors=counts.sensors, readings=counts.readings,
        parts=[
            Part(key=one.key, name=one.name, word=one.word, mood=one.mood, detail=one.detail, advice=one.advice, since=one.since_ms * 1000)
            for one in report.parts
        ],
    )  # fmt: skip


@router.get("/analytics/trends/{machine_id}", tags=["analytics"])
def trends(
    request: Request,
    actor: DeviceViewer,
    machine_id: Key,
    sensor: Annotated[list[Annotated[str, Field(max_length=100)]] | None, Query(description="Only these sensors.")] = None,
    since: From = None,
    to: To = None,
    points: Annotated[int, Query(ge=50, le=2_000, description="About how many points a line may have.")] = 300,
) -> Trends:
    """Lines of a device's sensors with their statistics; the last 24 hours where no range is said."""
    device = device_of(request, actor, machine_id)
    start_us, end_us = _range(us(since), us(to))
    found: list[SensorTrend] = []
    now_us = time.time_ns() // 1000
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        for one in device.sensors.values():
            if sensor and one.key not in sensor:
                continue
            line = series(connection, one.id, start_us, end_us, width=points)
            figures = [
                _statistics(statistics(connection, one.id, low, high))
                for low, high in ((start_us, end_us), (now_us - HOUR_US, now_us), (now_us - DAY_US, now_us))
            ]
            found.append(_trend(one, line, figures))
    return Trends(machine_id=device.key, from_=start_us, to=end_us, sensors=found)


@router.get("/analytics/summary", tags=["analytics"])
def summary(request: Request, actor: Viewer, since: From = None, to: To = None) -> AnalyticsSummary:
    """The plant over a range; the last 24 hours where none is said."""
    start_us, end_us = _range(us(since), us(to), longest_us=400 * DAY_US)
    gauges = [
        one for device in visible(catalogue_of(request, actor), actor) for one in device.sensors.values() if one.kind == "gauge"
    ]
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        means = averages(connection, [one.id for one in gauges], start_us, end_us)
        journal = journal_of(connection, start_us, end_us, lines=actor.lines)
    done = performance(journal.happenings, start_us, end_us)
    alarms = Alarms(
        announcements=done.count, per_hour=done.mean_per_hour, peak_ten_minutes=done.peak_ten_minutes, flood_share=done.flood_share,
        by_severity=done.priorities, acknowledged=done.acknowledged, never_acknowledged=done.never_acknowledged,
        mean_time_to_acknowledge_s=done.mtta_mean_s, median_time_to_acknowledge_s=done.mtta_median_s,
    )  # fmt: skip
    sensors = [SensorAverage(machine_id=one.device_key, sensor=one.key, unit=one.unit, mean=means.get(one.id)) for one in gauges]
    return AnalyticsSummary(from_=start_us, to=end_us, alarms=alarms, sensors=sensors)


def _range(start_us: int | None, end_us: int | None, *, longest_us: int = LONGEST_US) -> tuple[int, int]:
    """The range that was asked for. Raises ActionError for one that is none."""
    end = time.time_ns() // 1000 if end_us is None else end_us
    start = end - DAY_US if start_us is None else start_us
    if start >= end:
        raise ActionError("from", "the beginning lies before the end")
    if end - start > longest_us:
        raise ActionError("from", f"a range has {longest_us // DAY_US} days at most")
    return max(start, 0), end


def _statistics(found: Summary | None) -> Statistics | None:
    if found is None:
        return None
    sd = None if math.isnan(found.sd) else found.sd
    trend = Trend(direction=found.trend.direction, slope_per_hour=found.trend.slope_per_hour, p_value=found.trend.p_value)
    return Statistics(
        count=found.count, mean=found.mean, median=found.median, sd=sd, min=found.min, max=found.max, trend=trend, median_of=found.median_of
    )


def _trend(sensor: SensorEntry, line: Series, figures: list[Statistics | None]) -> SensorTrend:
    rows = zip(line.time_us.tolist(), line.mean.tolist(), line.low.tolist(), line.high.tolist(), line.count.tolist(), strict=True)
    return SensorTrend(
        key=sensor.key, name=sensor.name, unit=sensor.unit, resolution=line.resolution, range=figures[0], last_hour=figures[1],
        last_day=figures[2], points=[Point(time=at, mean=mean, min=low, max=high, count=count) for at, mean, low, high, count in rows],
    )  # fmt: skip
