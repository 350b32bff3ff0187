"""What is true now of devices and of the system, as the WebSocket tells it. It is told again when it changes, not after a break."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from dashapp.actions.actor import Actor
from dashapp.api.rest.common import visible
from dashapp.api.shapes import iso
from dashapp.api.sockets.words import DEVICE_STATUS, Event, event
from dashapp.domain.rules import offline_limit_us
from dashapp.ingest.catalogue import DeviceEntry, TenantCatalogue
from dashapp.ingest.services import Services


def device_statuses(services: Services, plant: TenantCatalogue, keys: Iterable[str]) -> Iterator[tuple[str, dict[str, object]]]:
    """Key → `online`, `offline` (silent for longer than its sensors may be) or `never` (it has not reported yet), with since when."""
    live, now_us = services.live.now(plant.tenant_id), time.time_ns() // 1000
    for key in list(keys):
        device = plant.devices.get(key)
        if device is None:
            continue
        known = [(sensor, live[sensor.id]) for sensor in device.sensors.values() if sensor.id in live]
        last_us = max((now.received_us for _, now in known), default=None)
        online = any(now_us - now.received_us <= offline_limit_us(sensor.period_s) for sensor, now in known)
        status = "online" if online else "never" if last_us is None else "offline"
        yield key, {"deviceId": key, "name": device.name, "status": status, "use": device.status, "lastSeen": iso(last_us),
                    "timestamp": iso(now_us)}  # fmt: skip


def status_event(device: DeviceEntry, data: dict[str, object]) -> Event:
    """One of these as an event."""
    return event(DEVICE_STATUS, data, device=device.key, line=device.line, device_id=device.id)


def system_status(services: Services, actor: Actor) -> dict[str, object]:
    """How this replica and the plant are; devices and alerts as far as somebody may see them. Asks the database."""
    plant = services.catalogue.of(actor.tenant_id)
    keys = [device.key for device in visible(plant, actor)]
    statuses = [data["status"] for _, data in device_statuses(services, plant, keys)]
    alerts = [alert for alert in services.alerts.open(actor.tenant_id) if alert.device_key in keys]
    report = services.health.look()
    return {
        "status": "healthy" if report.serves else "unhealthy",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "uptimeS": round(time.time() - services.started_at, 1),
        "database": {"status": "disconnected" if report.latency_ms is None else "connected", "latencyMs": report.latency_ms},
        "devices": {"total": len(keys), "online": statuses.count("online"), "offline": statuses.count("offline")},
        "alerts": {"open": len(alerts), "unanswered": sum(alert.unanswered for alert in alerts)},
    }
