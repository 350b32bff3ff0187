"""From rows of the stream to events: names, units and what a value means, from the catalogue; what an alert is now, from the database."""

import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import msgspec
import numpy as np

from dashapp.api.rest.common import present
from dashapp.api.shapes import iso
from dashapp.api.sockets.words import SENSOR_DATA, Event, alert_event_name, event, reading_status
from dashapp.domain.rule_settings import bounds_of
from dashapp.domain.statistics import trend
from dashapp.ingest.catalogue import SensorEntry, TenantCatalogue
from dashapp.ingest.live import WINDOW_US, SensorNow
from dashapp.ingest.services import Services
from db.commands.stream import unpacked
from db.queries.alerts import AlertRow, alerts_by_id
from db.queries.rules import one_rule
from db.queries.stream import Position, StreamRow
from db.tenancy import tenant_reading

STATS_FOR_S = 10.0  # average and trend of a quarter of an hour hardly move in less


class AlertNote(msgspec.Struct):
    """A row of kind `alert`: what happened to an alert."""

    alert_id: int
    event_id: int
    what: str
    state: str
    severity: str | None
    silent: bool
    at_us: int
    value: float | None
    by: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody in a room wants to hear of: devices by key (None: all of them), and alerts."""

    devices: Set[str] | None
    alerts: bool


class Composer:
    """Makes events. Safe for several threads: what it remembers is only quicker."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stats: dict[int, tuple[float, dict[str, object]]] = {}
        self._read_note = msgspec.json.Decoder(AlertNote).decode

    def events(self, tenant_id: int, epoch: int, rows: Sequence[StreamRow], wish: Wish) -> list[Event]:
        """The events of these rows that somebody wants, in their order."""
        made: list[Event] = []
        live: dict[int, SensorNow] | None = None
        plant = self._plant(tenant_id, rows)
        notes = {row.id: self._read_note(row.body) for row in rows if row.kind == "alert"} if wish.alerts else {}
        alerts = self._alerts(tenant_id, [note.alert_id for note in notes.values()]) if notes else {}
        for row in rows:
            if row.kind == "readings" and (wish.devices is None or wish.devices):
                if live is None:
                    live = self._services.live.now(tenant_id)
                made += self._readings(plant, epoch, row, wish, live)
            elif (note := notes.get(row.id)) is not None and (found := alerts.get(note.alert_id)) is not None:
                identity = str(Position(epoch, row.horizon, row.id))
                name = alert_event_name(note.what, note.state, silent=note.silent)
                alert, threshold = found
                data = alert_data(alert, note, threshold)
                made.append(
                    event(name, data, identity=identity, device=alert.device_key, line=alert.line, device_id=alert.device_id)
                )
        return made

    def _plant(self, tenant_id: int, rows: Sequence[StreamRow]) -> TenantCatalogue:
        """The catalogue, read again where it lacks a sensor: it may be new."""
        plant = self._services.catalogue.of(tenant_id)
        for row in rows:
            if row.kind == "readings" and not plant.sensors.keys() >= set(unpacked(row.body)[0].sensor_ids.tolist()):
                return self._services.catalogue.refreshed(tenant_id)
        return plant

    def current(self, plant: TenantCatalogue, device_key: str) -> Iterator[Event]:
        """The last value of each sensor of a device, as events without an id."""
        live, device = self._services.live.now(plant.tenant_id), plant.devices[device_key]
        for entry in device.sensors.values():
            now = live.get(entry.id)
            if now is not None:
                data = self._data(entry, now.time_us, now.value, now.quality, now)
                yield event(SENSOR_DATA, data, device=device_key, line=device.line, device_id=device.id)

    def _readings(
        self, plant: TenantCatalogue, epoch: int, row: StreamRow, wish: Wish, live: Mapping[int, SensorNow]
    ) -> Iterator[Event]:
        rows, _ = unpacked(row.body)
        numbers = np.arange(len(rows))
        if wish.devices is not None and len(rows) > len(wish.devices):
            wanted = [entry.id for key in wish.devices if key in plant.devices for entry in plant.devices[key].sensors.values()]
            numbers = np.flatnonzero(np.isin(rows.sensor_ids, wanted))
            rows = rows.take(numbers)
        columns = (numbers, rows.sensor_ids, rows.times_us, rows.values, rows.quality)
        for number, sensor_id, time_us, value, quality in zip(*(column.tolist() for column in columns), strict=True):
            entry = plant.sensors.get(sensor_id)
            if entry is None or not (wish.devices is None or entry.device_key in wish.devices):
                continue  # of a sensor that was removed since, or that nobody follows
            data = self._data(entry, time_us, value, quality, live.get(sensor_id))
            identity = str(Position(epoch, row.horizon, row.id, number))
            device = plant.devices[entry.device_key]
            yield event(SENSOR_DATA, data, identity=identity, device=device.key, line=device.line, device_id=device.id)

    def _data(self, entry: SensorEntry, time_us: int, value: float, quality: int, now: SensorNow | None) -> dict[str, object]:
        status = reading_status(
            entry.kind, entry.key, value, (entry.normal_low, entry.normal_high), (entry.limit_low, entry.limit_high)
        )
        return {
            "deviceId": entry.device_key, "sensor": entry.key, "timestamp": iso(time_us),
            "data": {"value": present(entry.kind, value), "unit": entry.unit, "status": status, "quality": quality},
            "stats": self._stats_of(entry, now),
        }  # fmt: skip

    def _stats_of(self, entry: SensorEntry, now: SensorNow | None) -> dict[str, object] | None:
        """Average and trend of the last quarter of an hour, of a level; None of what is counted, of flags and of what has no past."""
        if now is None or entry.kind != "gauge":
            return None
        at = time.monotonic()
        known = self._stats.get(entry.id)
        if known is not None and at - known[0] < STATS_FOR_S:
            return known[1]
        points = np.array(now.points())
        if len(points) < 2:
            return None
        times_us = (points[:, 0] * 1000).astype(np.int64)
        stats: dict[str, object] = {
            "avg": round(float(points[:, 1].mean()), 6), "trend": str(trend(times_us, points[:, 1]).direction),
            "windowS": WINDOW_US // 1_000_000,
        }  # fmt: skip
        if len(self._stats) > 50_000:
            self._stats.clear()
        self._stats[entry.id] = at, stats
        return stats

    def _alerts(self, tenant_id: int, ids: Sequence[int]) -> dict[int, tuple[AlertRow, float | None]]:
        """Alerts by id, each with the limit that was passed."""
        with tenant_reading(self._services.database.engine, tenant_id) as connection:
            found = alerts_by_id(connection, list(dict.fromkeys(ids)))
            rules = {rule_id: one_rule(connection, rule_id) for rule_id in {alert.rule_id for alert in found} if rule_id is not None}
        limits: dict[int, tuple[AlertRow, float | None]] = {}
        for alert in found:
            rule = rules.get(alert.rule_id) if alert.rule_id is not None else None
            bounds = bounds_of(rule.settings) if rule is not None else ()
            limits[alert.id] = alert, next((bound.at for bound in bounds if bound.limit == alert.cause), None)
        return limits


def alert_data(alert: AlertRow, note: AlertNote, threshold: float | None) -> dict[str, object]:
    """An alert as source 002 §4.6 shows it, with what happened, and what it is by now."""
    return {
        "alertId": str(alert.id), "deviceId": alert.device_key, "sensor": alert.sensor_key, "type": alert.type, "code": alert.code,
        "severity": note.severity or alert.severity, "message": alert.message, "value": alert.value if note.value is None else note.value,
        "unit": alert.unit, "threshold": threshold, "timestamp": iso(note.at_us), "what": note.what, "silent": note.silent,
        "status": "resolved" if note.state == "A" else "acknowledged" if note.state in ("C", "F") else "triggered",
        "triggeredAt": iso(alert.raised_at_us), "acknowledgedAt": iso(alert.acknowledged_at_us), "resolvedAt": iso(alert.ended_at_us),
        "by": alert.acknowledged_by if note.what in ("acknowledged", "reset") else note.by, "escalationLevel": alert.escalation_level,
    }  # fmt: skip
