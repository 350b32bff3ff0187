"""Alerts for programs: list, one with its events, journal, answers; other systems raise theirs by `POST /api/v1/alerts`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from dashapp.actions import alerts as actions
from dashapp.actions.actor import ActionError
from dashapp.actions.raised_elsewhere import RaisedElsewhere, raise_alert
from dashapp.api.rest.common import services_of
from dashapp.api.routes import Route
from dashapp.api.security import DeviceViewer, Manager, Operator, Reporter, Viewer
from dashapp.api.shapes import Cursor, From, In, Limit, LongId, Out, Page, Time, To, When, example, iso, us
from dashapp.domain.fleet import Severity
from dashapp.ingest.alert_board import on_lines
from db.queries.alerts import AlertRow, EventRow, JournalFilter, alert_journal, events_of, one_alert
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], route_class=Route)
Word = Literal["triggered", "acknowledged", "resolved"]
_ALIASES = {"warning": Severity.MEDIUM, "info": Severity.LOW}


class Told(In):
    """An alert of another system; `severity` also as warning (medium) or info (low)."""

    machine_id: str = Field(min_length=1, max_length=100)
    code: str = Field(min_length=1, max_length=100)
    message: str = Field(min_length=1, max_length=500)
    severity: Literal["critical", "high", "medium", "low", "warning", "info"] = "medium"
    sensor: str | None = Field(None, max_length=100)
    type: str = Field("external", min_length=1, max_length=100)
    value: float | None = Field(None, allow_inf_nan=False)
    timestamp: When | None = None

    model_config = example(
        {"machine_id": "MX-01", "code": "oil_low", "message": "Oil level below minimum", "severity": "high", "value": 12.5}
    )  # fmt: skip


class Remark(In):
    """What somebody says; `at` is the original time of what was done without a network."""

    comment: str = Field("", max_length=2_000)
    at: When | None = None

    model_config = example({"comment": "On my way"})


class Shelving(In):
    """Why, and until when: a time, so many minutes from now, or until the condition clears."""

    reason: str = Field(min_length=1, max_length=500)
    until: When | None = None
    minutes: int | None = Field(None, ge=1, le=60 * 24 * 90)
    until_clear: bool = False
    at: When | None = None

    model_config = example({"reason": "Sensor is being replaced", "minutes": 60})


class Withdrawal(In):
    """Why, and until when (null: until somebody takes it back)."""

    reason: str = Field(min_length=1, max_length=500)
    until: When | None = None

    model_config = example({"reason": "Line is being rebuilt"})


class Many(Remark):
    """Several alerts at once."""

    ids: list[Annotated[int, Field(ge=1, le=2**53)]] = Field(min_length=1, max_length=500)

    model_config = example({"ids": [1, 2], "comment": "Seen"})


class Over(Out):
    """Why nobody is told."""

    kind: Literal["shelved", "suppressed", "out_of_service"]
    since: Time
    until: Time | None
    until_clear: bool
    by: str
    reason: str


class Alert(Out):
    """An alert. `status` is the simple word, `state` the base state A … F of ISA-18.2 (docs/alarms.md)."""

    id: int
    machine_id: str
    machine_name: str
    location: str
    line: str
    sensor: str | None
    unit: str
    rule_id: int | None
    rule: str
    type: str
    code: str
    severity: Severity
    status: Word
    state: Literal["A", "B", "C", "D", "E", "F"]
    active: bool
    message: str
    value: float | None
    raised_at: Time
    ended_at: Time | None
    last_event_at: Time
    occurrences: int
    escalation_level: int
    acknowledged_at: Time | None
    acknowledged_by: str | None
    delayed: bool
    suppressed_by: list[Over]


class Event(Out):
    """A transition: what, the base state after it, by whom and why."""

    id: int
    at: Time
    recorded_at: Time
    what: str
    state: str
    severity: Severity | None
    silent: bool
    delayed: bool
    escalation_level: int
    by: str
    comment: str | None
    value: float | None


class AlertWithEvents(Alert):
    """An alert with every event of its life."""

    events: list[Event]


class Journal(Page):
    """Alerts, the newest first."""

    alerts: list[Alert]


class Raised(Out):
    """The alert that was raised, or that was open already and counts this occurrence."""

    id: int
    created: bool


class NotDone(Out):
    """One that could not be: why, as HTTP would say it."""

    id: int
    reason: str
    status: int


class Acknowledged(Out):
    """What became of each."""

    acknowledged: list[int]
    refused: list[NotDone]


@router.get("")
def list_alerts(
    request: Request,
    actor: DeviceViewer,
    status: Annotated[list[Word] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    machine_id: Annotated[str | None, Query(max_length=100)] = None,
    line: Annotated[str | None, Query(max_length=200)] = None,
) -> list[Alert]:
    """Open alerts in the order of their priority; those that have ended are in `/history`."""
    found = on_lines(services_of(request).alerts.open(actor.tenant_id), actor.lines)
    return [
        Alert.model_validate(alert_json(alert))
        for alert in found
        if (not status or alert.word in status) and (not severity or alert.severity in severity)
        and machine_id in (None, alert.device_key) and line in (None, alert.line) and actor.device_id in (None, alert.device_id)
    ]  # fmt: skip


@router.get("/history")
def alert_history(
    request: Request,
    actor: Viewer,
    status: Annotated[list[Word] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    machine_id: Annotated[str | None, Query(max_length=100)] = None,
    line: Annotated[str | None, Query(max_length=200)] = None,
    since: From = None,
    to: To = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Journal:
    """The journal: every alert, the newest first. `next_cursor` asks for what follows."""
    wanted = JournalFilter(status or (), severity or (), machine_id, line, us(since), us(to))
    with tenant_reading(services_of(request).database.engine, actor.tenant_id) as connection:
        try:
            page = alert_journal(connection, wanted, after=cursor, limit=limit, lines=actor.lines)
        except (ValueError, OverflowError) as error:
            raise ActionError("cursor", "this is no cursor of ours") from error
    return Journal(alerts=[Alert.model_validate(alert_json(alert)) for alert in page.alerts], next_cursor=page.next_cursor)


@router.get("/{alert_id}")
def get_alert(request: Request, actor: DeviceViewer, alert_id: LongId) -> AlertWithEvents:
    """An alert with every event of its life."""
    with tenant_reading(services_of(request).database.engine, actor.tenant_id) as connection:
        alert = one_alert(connection, alert_id, lines=actor.lines)
        events = [] if alert is None else events_of(connection, alert_id)
    if alert is None or actor.device_id not in (None, alert.device_id):
        raise ActionError("alert_id", "there is no such alert", status=404)
    return AlertWithEvents.model_validate({**alert_json(alert), "events": [event_json(event) for event in events]})


@router.post("", status_code=201, responses={200: {"model": Raised, "description": "It was open already, and counts this occurrence."}})
def post_alert(request: Request, response: Response, actor: Reporter, told: Told) -> Raised:
    """Another system raises an alert, by a key that may ingest or by a token. 200 where it was open already: it is counted there."""
    services = services_of(request)
    device = services.catalogue.of(actor.tenant_id).devices.get(told.machine_id)
    if actor.device_id is not None and (device is None or device.id != actor.device_id):
        raise ActionError("machine_id", "this key is for another device", status=403)
    severity = _ALIASES.get(told.severity) or Severity(told.severity)
    wanted = RaisedElsewhere(
        told.machine_id, told.code, told.message, severity, told.sensor, told.type, told.value, told.timestamp
    )
    alert_id, created = raise_alert(services.database, actor, wanted)
    response.status_code = 201 if created else 200
    return Raised(id=alert_id, created=created)


@router.post("/acknowledge")
def acknowledge_many(request: Request, actor: Operator, many: Many) -> Acknowledged:
    """Acknowledges several; of each that could not be it is said why."""
    answers = actions.acknowledge_alerts(services_of(request).database, actor, many.ids, many.comment, at=many.at)
    refused = [NotDone(id=answer.id, reason=answer.error.reason, status=answer.error.status) for answer in answers if answer.error]
    return Acknowledged(acknowledged=[answer.id for answer in answers if answer.error is None], refused=refused)


@router.post("/{alert_id}/acknowledge")
@router.put("/{alert_id}/acknowledge")
def acknowledge(request: Request, actor: Operator, alert_id: LongId, remark: Remark | None = None) -> AlertWithEvents:
    """409 where somebody was first, with who it was."""
    said = remark or Remark()
    actions.acknowledge_alert(services_of(request).database, actor, alert_id, said.comment, at=said.at)
    return get_alert(request, actor, alert_id)


@router.post("/{alert_id}/resolve")
@router.put("/{alert_id}/resolve")
def resolve(request: Request, actor: Operator, alert_id: LongId, remark: Remark | None = None) -> AlertWithEvents:
    """409 while the condition is still there."""
    said = remark or Remark()
    actions.resolve_alert(services_of(request).database, actor, alert_id, said.comment, at=said.at)
    return get_alert(request, actor, alert_id)


@router.post("/{alert_id}/reset")
def reset(request: Request, actor: Operator, alert_id: LongId, remark: Remark | None = None) -> AlertWithEvents:
    """Lets go of a latch that was acknowledged."""
    said = remark or Remark()
    actions.reset_alert(services_of(request).database, actor, alert_id, said.comment, at=said.at)
    return get_alert(request, actor, alert_id)


@router.post("/{alert_id}/shelve")
def shelve(request: Request, actor: Operator, alert_id: LongId, wish: Shelving) -> AlertWithEvents:
    """Nobody is told until then; as long as the role may."""
    services = services_of(request)
    until = wish.until
    if until is None and wish.minutes is not None:
        until = datetime.now(UTC) + timedelta(minutes=wish.minutes)
    longest = actions.longest_shelving(services.settings.shelve_operator_hours, services.settings.shelve_manager_hours)
    actions.shelve_alert(
        services.database, actor, alert_id, wish.reason, until=until, until_clear=wish.until_clear, longest=longest, at=wish.at
    )
    return get_alert(request, actor, alert_id)


@router.post("/{alert_id}/unshelve")
def unshelve(request: Request, actor: Operator, alert_id: LongId, remark: Remark | None = None) -> AlertWithEvents:
    """Ends shelving before its time."""
    actions.unshelve_alert(services_of(request).database, actor, alert_id, (remark or Remark()).comment)
    return get_alert(request, actor, alert_id)


@router.post("/{alert_id}/out-of-service")
def out_of_service(request: Request, actor: Manager, alert_id: LongId, wish: Withdrawal) -> AlertWithEvents:
    """Takes the alert's rule out of service on its target: nobody is told until it is back."""
    actions.out_of_service(services_of(request).database, actor, alert_id, wish.reason, until=wish.until)
    return get_alert(request, actor, alert_id)


@router.post("/{alert_id}/in-service")
def in_service(request: Request, actor: Manager, alert_id: LongId, remark: Remark | None = None) -> AlertWithEvents:
    """Takes it back into service."""
    actions.in_service(services_of(request).database, actor, alert_id, (remark or Remark()).comment)
    return get_alert(request, actor, alert_id)


def alert_json(alert: AlertRow) -> dict[str, Any]:
    """An alert as programs see it."""
    return {
        "id": alert.id, "machine_id": alert.device_key, "machine_name": alert.device_name, "location": alert.place, "line": alert.line,
        "sensor": alert.sensor_key, "unit": alert.unit, "rule_id": alert.rule_id, "rule": alert.rule_name, "type": alert.type,
        "code": alert.code, "severity": alert.severity, "status": alert.word, "state": alert.state, "active": alert.active,
        "message": alert.message, "value": alert.value, "raised_at": iso(alert.raised_at_us), "ended_at": iso(alert.ended_at_us),
        "last_event_at": iso(alert.last_event_us), "occurrences": alert.occurrences, "escalation_level": alert.escalation_level,
        "acknowledged_at": iso(alert.acknowledged_at_us), "acknowledged_by": alert.acknowledged_by, "delayed": alert.delayed,
        "suppressed_by": [
            {
                "kind": each.kind, "since": iso(each.since_us), "until": iso(each.until_us), "until_clear": each.until_clear,
                "by": each.by, "reason": each.reason,
            }
            for each in alert.over
        ],
    }  # fmt: skip


def event_json(event: EventRow) -> dict[str, Any]:
    """An event as programs see it."""
    return {
        "id": event.id, "at": iso(event.at_us), "recorded_at": iso(event.recorded_us), "what": event.what, "state": event.state,
        "severity": event.severity, "silent": event.silent, "delayed": event.delayed, "escalation_level": event.level, "by": event.by,
        "comment": event.comment, "value": event.value,
    }  # fmt: skip
