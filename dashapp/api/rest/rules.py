"""Rules of alerts: list, one, its versions, make, change, switch, remove. REQUIREMENTS AL-2, docs/alarms.md."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from dashapp.actions import rules as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.rules import RuleDraft
from dashapp.api.rest.common import catalogue_of, database_of, visible
from dashapp.api.routes import Route
from dashapp.api.security import Manager, Viewer
from dashapp.api.shapes import Cursor, Finite, Id, In, Limit, Number, Out, Page, Time, cut, example
from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import RuleSettings, RuleType, SuppressWhen
from db.commands.rules import RuleTarget
from db.queries import rules as queries
from db.queries.rules import RuleRow
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/rules", tags=["rules"], route_class=Route)
EXAMPLE = {
    "name": "Bearing too hot", "target": {"machine_id": "MX-01", "sensor": "temperature"},
    "settings": {"type": "threshold", "severity": "high", "high": 95, "deadband": 2, "on_delay_s": 10},
}  # fmt: skip


class Condition(In):
    """A condition on another sensor of the same device, during which nobody is told."""

    sensor: str = Field(min_length=1, max_length=100)
    relation: Literal["above", "below", "equal"] = "equal"
    value: Finite


class Settings(In):
    """What a rule is set to: limits, rate (a second) and deadband in the sensor's unit; delays in seconds."""

    type: RuleType = RuleType.THRESHOLD
    severity: Severity = Severity.MEDIUM
    high: Finite | None = None
    high_high: Finite | None = None
    high_high_severity: Severity = Severity.CRITICAL
    low: Finite | None = None
    low_low: Finite | None = None
    low_low_severity: Severity = Severity.CRITICAL
    rate: Finite | None = None
    deadband: Finite = 0.0
    on_delay_s: Finite = 0.0
    off_delay_s: Finite = 0.0
    latch: bool = False
    suppress_when: Condition | None = None
    escalate_after_s: list[Finite] = Field(default=[300.0], max_length=20)
    learn_h: Finite = Field(24.0, description="An anomaly is learned from so many hours.")
    sensitivity: Literal["low", "medium", "high"] = "medium"
    look_back_h: Finite = Field(8.0, description="A trend looks at the last so many hours,")
    within_h: Finite = Field(24.0, description="and warns of a limit that is reached within so many.")


class Target(In):
    """What it watches: a sensor of one device; every sensor of that key, in a group or anywhere; without one the devices themselves."""

    machine_id: str | None = Field(None, max_length=100)
    group_id: Number | None = None
    sensor: str | None = Field(None, max_length=100)


class RuleWish(In):
    """A rule. `policy_id` names an escalation policy; without one it goes by the plant's own."""

    name: str = Field(min_length=1, max_length=200)
    target: Target
    settings: Settings
    policy_id: Number | None = None

    model_config = example(EXAMPLE)


class SettingsOut(Settings):
    """What a rule is set to."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class TargetOut(Out):
    """What it watches."""

    machine_id: str | None
    group_id: int | None
    sensor: str | None


class Rule(Out):
    """A rule as it is now."""

    id: int
    version: int
    name: str
    enabled: bool
    seeded: bool = Field(description="Whether it follows the limits of its sensor.")
    target: TargetOut
    settings: SettingsOut
    policy_id: int | None
    updated_at: Time
    updated_by: str


class Rules(Page):
    """Rules by name."""

    rules: list[Rule]


class Version(Out):
    """What a rule was at some time."""

    version: int
    at: Time
    by: str
    what: str
    content: dict[str, Any]


@router.get("")
def list_rules(
    request: Request, actor: Viewer, machine_id: Annotated[str | None, Query(max_length=100)] = None, limit: Limit = 100,
    cursor: Cursor = None,
) -> Rules:  # fmt: skip
    """Every rule; with `machine_id` those that name this device or one of its sensors."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        found = queries.rules(connection)
    made = sorted((_json(request, actor, row) for row in found), key=lambda one: (one.name, one.id))
    wanted = [one for one in made if machine_id in (None, one.target.machine_id)]
    page, following = cut(wanted, lambda one: [one.name, one.id], limit, cursor)
    return Rules(rules=page, next_cursor=following)


@router.get("/{rule_id}")
def get_rule(request: Request, actor: Viewer, rule_id: Id) -> Rule:
    """One rule."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        row = queries.one_rule(connection, rule_id)
    if row is None:
        raise ActionError("rule_id", "there is no such rule", status=404)
    return _json(request, actor, row)


@router.get("/{rule_id}/versions")
def get_versions(request: Request, actor: Viewer, rule_id: Id) -> list[Version]:
    """Its history, the newest first; also of one that was removed."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        return [Version.model_validate(row) for row in queries.rule_versions(connection, rule_id)]


@router.post("", status_code=201)
def post_rule(request: Request, response: Response, actor: Manager, wish: RuleWish) -> Rule:
    """Makes a rule; it holds from the next reading on."""
    rule_id = actions.create_rule(database_of(request), actor, _draft(request, actor, wish))
    response.headers["Location"] = f"/api/v1/rules/{rule_id}"
    return get_rule(request, actor, rule_id)


@router.put("/{rule_id}")
def put_rule(request: Request, actor: Manager, rule_id: Id, wish: RuleWish) -> Rule:
    """Makes a new version. What the old one waited for is forgotten."""
    actions.change_rule(database_of(request), actor, rule_id, _draft(request, actor, wish))
    return get_rule(request, actor, rule_id)


@router.post("/{rule_id}/enable")
def enable_rule(request: Request, actor: Manager, rule_id: Id) -> Rule:
    """Switches it on."""
    actions.enable_rule(database_of(request), actor, rule_id, True)
    return get_rule(request, actor, rule_id)


@router.post("/{rule_id}/disable")
def disable_rule(request: Request, actor: Manager, rule_id: Id) -> Rule:
    """Switches it off."""
    actions.enable_rule(database_of(request), actor, rule_id, False)
    return get_rule(request, actor, rule_id)


@router.delete("/{rule_id}", status_code=204)
def delete_rule(request: Request, actor: Manager, rule_id: Id) -> None:
    """Ends it for good; the alerts that it raised stay in the journal."""
    actions.remove_rule(database_of(request), actor, rule_id)


def _draft(request: Request, actor: Actor, wish: RuleWish) -> RuleDraft:
    values = wish.settings.model_dump()
    condition = wish.settings.suppress_when
    values["suppress_when"] = None if condition is None else SuppressWhen(condition.sensor, condition.relation, condition.value)
    values["escalate_after_s"] = tuple(wish.settings.escalate_after_s)
    return RuleDraft(wish.name, RuleSettings(**values), _target(request, actor, wish.target), wish.policy_id)


def _target(request: Request, actor: Actor, wish: Target) -> RuleTarget:
    if wish.machine_id is None:
        return RuleTarget(group_id=wish.group_id, sensor_key=wish.sensor)
    device = next((one for one in visible(catalogue_of(request, actor), actor) if one.key == wish.machine_id), None)
    if device is None:
        raise ActionError("target.machine_id", "there is no such device", status=404)
    if wish.sensor is None:
        return RuleTarget(device_id=device.id, group_id=wish.group_id)
    if wish.sensor not in device.sensors:
        raise ActionError("target.sensor", f"{device.key} has no such sensor", status=404)
    return RuleTarget(sensor_id=device.sensors[wish.sensor].id, group_id=wish.group_id)


def _json(request: Request, actor: Actor, row: RuleRow) -> Rule:
    catalogue = catalogue_of(request, actor)
    sensor = catalogue.sensors.get(row.sensor_id or 0)
    device = next((one.key for one in catalogue.devices.values() if one.id == row.device_id), None)
    target = TargetOut(
        machine_id=sensor.device_key if sensor else device, group_id=row.group_id, sensor=sensor.key if sensor else row.sensor_key
    )
    return Rule(
        id=row.id, version=row.version, name=row.name, enabled=row.enabled, seeded=row.seeded, target=target,
        settings=SettingsOut.model_validate(row.settings), policy_id=row.policy_id, updated_at=row.updated_at, updated_by=row.updated_by,
    )  # fmt: skip
