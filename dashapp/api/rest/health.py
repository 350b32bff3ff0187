"""`GET /api/v1/health`: public, with each part that this replica depends on (source 002 §10.2). `status` and `config` for who is known."""

import time
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from dashapp.api.rest.common import catalogue_of, services_of, visible
from dashapp.api.routes import Route
from dashapp.api.security import Viewer
from dashapp.api.shapes import Out, Time
from dashapp.domain.fleet import Severity
from dashapp.domain.rules import offline_limit_us
from dashapp.ingest.alert_board import on_lines
from dashapp.settings import VERSION

router = APIRouter(prefix="/api/v1", tags=["health"], route_class=Route)


class Database(Out):
    """Whether it answers, and in how many milliseconds."""

    status: Literal["connected", "disconnected"]
    latency_ms: float | None = None


class Ingest(Out):
    """Whether readings are taken, and how many wait to be stored."""

    status: Literal["ok", "full"]
    waiting_rows: int


class Listener(Out):
    """Whether this replica hears the others."""

    status: Literal["connected", "connecting"]


class Dependencies(Out):
    """What this replica depends on."""

    database: Database
    ingest: Ingest
    notifications_between_replicas: Listener


class Health(Out):
    """How this replica is."""

    status: Literal["healthy", "unhealthy"]
    database: Literal["connected", "disconnected"]
    timestamp: Time
    version: str
    uptime_s: float
    dependencies: Dependencies


class Part(Out):
    """A part: its word, how that is to be taken, what to do."""

    key: str
    name: str
    word: str
    mood: Literal["good", "warn", "bad", "off"]
    detail: str
    advice: str
    since: Time


class AlertCounts(Out):
    """Open alerts by severity, and how many of them nobody has acknowledged."""

    total: int
    unacknowledged: int
    by_severity: dict[Severity, int]


class Status(Out):
    """The system at a glance."""

    status: Literal["operational", "degraded", "down"]
    version: str
    replica: str
    timestamp: Time
    uptime_s: float
    devices: int
    devices_reporting: int
    alerts: AlertCounts
    parts: list[Part]


class Config(Out):
    """What a client may want to know of the plant and of this installation."""

    plant: str
    zone: str
    is_demo: bool
    auto_register: bool
    version: str
    live_poll_ms: int
    future_s: int
    body_bytes: int
    upload_bytes: int
    token_minutes: int
    shelve_hours: dict[Literal["operator", "manager", "admin"], int]


@router.get("/health", responses={503: {"model": Health, "description": "Readings cannot be stored or read here."}})
def health(request: Request, response: Response) -> Health:
    """200 while readings can be stored and read, else 503. Says nothing of any tenant."""
    services = services_of(request)
    report = services.health.look()
    if not report.serves:
        response.status_code = 503
    response.headers["Cache-Control"] = "no-store"
    status: Literal["connected", "disconnected"] = "disconnected" if report.latency_ms is None else "connected"
    queue: Literal["ok", "full"] = "full" if report.part("queue").mood == "bad" else "ok"
    return Health(
        status="healthy" if report.serves else "unhealthy",
        database=status,
        timestamp=datetime.now(UTC),
        version=VERSION,
        uptime_s=round(time.time() - services.started_at, 1),
        dependencies=Dependencies(
            database=Database(status=status, latency_ms=report.latency_ms),
            ingest=Ingest(status=queue, waiting_rows=services.pipeline.waiting_rows),
            notifications_between_replicas=Listener(status="connected" if services.listener.connected else "connecting"),
        ),
    )


@router.get("/status")
def status(request: Request, actor: Viewer) -> Status:
    """The system at a glance: its parts, the devices that report, open alerts."""
    services = services_of(request)
    report, now_us = services.health.look(), time.time_ns() // 1000
    live, devices = services.live.now(actor.tenant_id), visible(catalogue_of(request, actor), actor)
    limits = {sensor.id: offline_limit_us(sensor.period_s) for device in devices for sensor in device.sensors.values()}
    fresh = {sensor_id for sensor_id, limit_us in limits.items() if sensor_id in live and now_us - live[sensor_id].received_us <= limit_us}
    heard = [any(sensor.id in fresh for sensor in device.sensors.values()) for device in devices]
    worst: Any = "operational" if all(part.mood in ("good", "off") for part in report.parts) else "degraded"
    return Status(
        status=worst if report.serves else "down", version=VERSION, replica=services.replica, timestamp=datetime.now(UTC),
        uptime_s=round(time.time() - services.started_at, 1), devices=len(devices), devices_reporting=sum(heard),
        alerts=alert_counts(request, actor),
        parts=[
            Part(key=one.key, name=one.name, word=one.word, mood=one.mood, detail=one.detail, advice=one.advice, since=one.since_ms * 1000)
            for one in report.parts
        ],
    )  # fmt: skip


@router.get("/config")
def config(request: Request, actor: Viewer) -> Config:
    """The plant's zone and what this installation allows."""
    settings, plant = services_of(request).settings, catalogue_of(request, actor)
    manager = settings.shelve_manager_hours
    return Config(
        plant=plant.name, zone=plant.zone, is_demo=plant.is_demo, auto_register=plant.auto_register, version=VERSION,
        live_poll_ms=settings.live_poll_ms, future_s=settings.future_s, body_bytes=settings.body_bytes, upload_bytes=settings.upload_bytes,
        token_minutes=settings.token_minutes,
        shelve_hours={"operator": settings.shelve_operator_hours, "manager": manager, "admin": manager},
    )  # fmt: skip


def alert_counts(request: Request, actor: Viewer) -> AlertCounts:
    """Open alerts that the actor may see, by severity."""
    alerts = on_lines(services_of(request).alerts.open(actor.tenant_id), actor.lines)
    by_severity = {severity: sum(alert.severity == severity for alert in alerts) for severity in Severity}
    return AlertCounts(total=len(alerts), unacknowledged=sum(alert.unanswered for alert in alerts), by_severity=by_severity)
