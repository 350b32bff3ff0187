"""What the queries of GraphQL answer: from the snapshot in memory and the same reads as REST's. Each of these may wait for the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from dashapp.actions.actor import ActionError, Actor
from dashapp.api.graphql.types import (
    Alert,
    Machine,
    MachineStatus,
    MeasuredValue,
    Measurement,
    SensorValue,
    SystemStats,
    moment,
)
from dashapp.api.rest.common import visible
from dashapp.domain.fleet import Severity
from dashapp.ingest.alert_board import on_lines
from dashapp.ingest.catalogue import DeviceEntry
from dashapp.ingest.live import SensorNow
from dashapp.ingest.services import Services
from db.columns import from_us, to_us
from db.queries.alerts import AlertRow, JournalFilter, alert_journal, one_alert
from db.queries.measurements import measurements_of
from db.tenancy import tenant_reading

MOST_ROWS = 1_000
SEVERITIES = {"warning": "medium", "info": "low"}


def devices(services: Services, actor: Actor) -> list[DeviceEntry]:
    """The devices that somebody may see, in the order of the plant."""
    return visible(services.catalogue.of(actor.tenant_id), actor)


def device(services: Services, actor: Actor, key: str) -> DeviceEntry | None:
    """One of them."""
    return next((each for each in devices(services, actor) if each.key == key), None)


def machine(each: DeviceEntry) -> Machine:
    """A device as GraphQL shows it."""
    return Machine(
        machine_id=each.key, name=each.name, location=each.place or None, status=each.status, created_at=from_us(each.created_at_us),
        line=each.line or None, is_machine=each.is_machine,
    )  # fmt: skip


def statuses(services: Services, actor: Actor, only: str | None = None) -> list[MachineStatus]:
    """Current state of the devices that have reported."""
    live = services.live.now(actor.tenant_id)
    found = (_status(each, live) for each in devices(services, actor) if only in (None, each.key))
    return [each for each in found if each is not None]


def _status(each: DeviceEntry, live: Mapping[int, SensorNow]) -> MachineStatus | None:
    known = {key: (sensor, live[sensor.id]) for key, sensor in each.sensors.items() if sensor.id in live}
    if not known:
        return None
    total = known.get("production_count")
    fault = known.get("fault")
    return MachineStatus(
        machine_id=each.key,
        temperature=known["temperature"][1].value if "temperature" in known else None,
        vibration=known["vibration"][1].value if "vibration" in known else None,
        production_count=None if total is None else total[1].total if total[0].kind == "increment" else total[1].value,
        fault=fault is not None and fault[1].value != 0,
        last_updated=from_us(max(now.time_us for _, now in known.values())),
        sensors=[
            SensorValue(
                key=sensor.key, name=sensor.name, unit=sensor.unit, kind=sensor.kind,
                value=now.total if sensor.kind == "increment" else now.value, quality=now.quality, timestamp=from_us(now.time_us),
            )
            for sensor, now in known.values()
        ],
    )  # fmt: skip


def history(
    services: Services, actor: Actor, key: str | None, limit: int, start: datetime | None, end: datetime | None
) -> list[Measurement]:
    """The latest instants of one device or of all that somebody may see, in start ≤ time < end, newest first. Raises ActionError."""
    if not 1 <= limit <= MOST_ROWS:
        raise ActionError("limit", f"1 to {MOST_ROWS:,} is expected")
    if start is not None and end is not None and end < start:
        raise ActionError("endTime", "this lies before startTime")
    wanted = [each for each in devices(services, actor) if key in (None, each.key)]
    if key is not None and not wanted:
        raise ActionError("machineId", f"there is no machine {key}", status=404)
    groups = {each.key: [sensor.id for sensor in each.sensors.values()] for each in wanted}
    names = {sensor.id: sensor.key for each in wanted for sensor in each.sensors.values()}
    low, high = (None if at is None else to_us(at) for at in (start, end))
    with tenant_reading(services.database.engine, actor.tenant_id) as connection:
        found = measurements_of(connection, groups, limit, low_us=low, high_us=high)
    made = []
    for group, row in found:
        values = {names[sensor_id]: value for sensor_id, value in row.values.items()}
        made.append(
            Measurement(
                id=f"{group}@{row.time_us}",  # type: ignore[arg-type]
                machine_id=group, temperature=values.get("temperature"), vibration=values.get("vibration"),
                production_count=values.get("production_count"), fault=values.get("fault", 0.0) != 0, timestamp=from_us(row.time_us),
                created_at=from_us(row.received_us), values=[MeasuredValue(key=name, value=value) for name, value in values.items()],
            )
        )  # fmt: skip
    return made


def alerts(
    services: Services, actor: Actor, key: str | None, resolved: bool | None, severity: str | None, limit: int
) -> list[Alert]:
    """Alerts, the newest first. Raises ActionError for a severity that there is not."""
    if not 1 <= limit <= 500:
        raise ActionError("limit", "1 to 500 is expected")
    wanted: Sequence[str] = ()
    if severity is not None:
        word = SEVERITIES.get(severity.lower(), severity.lower())
        if word not in list(Severity):
            raise ActionError("severity", f"one of {', '.join(Severity)} is expected")
        wanted = (word,)
    words = () if resolved is None else ("resolved",) if resolved else ("triggered", "acknowledged")
    with tenant_reading(services.database.engine, actor.tenant_id) as connection:
        page = alert_journal(connection, JournalFilter(words, wanted, key), limit=limit, lines=actor.lines)
    return [alert(row) for row in page.alerts]


def alert_of(services: Services, actor: Actor, alert_id: int) -> Alert | None:
    """One alert that somebody may see."""
    with tenant_reading(services.database.engine, actor.tenant_id) as connection:
        row = one_alert(connection, alert_id, lines=actor.lines)
    return None if row is None else alert(row)


def alert(row: AlertRow) -> Alert:
    """An alert as GraphQL shows it."""
    return Alert(
        id=str(row.id),  # type: ignore[arg-type]
        machine_id=row.device_key, alert_type=row.type, severity=row.severity, message=row.message, resolved=row.word == "resolved",
        created_at=from_us(row.raised_at_us), resolved_at=moment(row.ended_at_us), code=row.code, status=row.word, value=row.value,
        sensor=row.sensor_key, acknowledged_at=moment(row.acknowledged_at_us), acknowledged_by=row.acknowledged_by,
    )  # fmt: skip


def stats(services: Services, actor: Actor) -> SystemStats:
    """The plant in figures, as the view system_overview has them, of what somebody may see."""
    live, seen = services.live.now(actor.tenant_id), devices(services, actor)
    sensors = [(sensor, live[sensor.id]) for each in seen for sensor in each.sensors.values() if sensor.id in live]
    temperatures = [now.value for sensor, now in sensors if sensor.key == "temperature"]
    vibrations = [now.value for sensor, now in sensors if sensor.key == "vibration"]
    return SystemStats(
        total_machines=len(seen),
        active_machines=sum(each.status == "active" for each in seen),
        total_measurements=float(sum(now.readings for _, now in sensors)),
        active_alerts=len(on_lines(services.alerts.open(actor.tenant_id), actor.lines)),
        avg_system_temperature=sum(temperatures) / len(temperatures) if temperatures else None,
        max_system_vibration=max(vibrations, default=None),
    )
