"""Alerts that other systems raise: `POST /api/v1/alerts`. Each code of theirs is a rule of its own kind, so that what holds for the
alerts of our rules holds for theirs: one open alert a code and target, shelving, escalation, the outbox. REQUIREMENTS AL-3."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.actions.alerts import CLOCKS_DIFFER
from dashapp.domain import alerts
from dashapp.domain.fleet import Role, Severity
from dashapp.domain.rule_settings import Limit
from dashapp.domain.rules import Signal, SignalKind
from dashapp.domain.watch import Watch, escalation_us
from db.columns import to_us
from db.commands import audit
from db.commands.alarms import Change, Facts, Target, load, save
from db.commands.rules import external_rule
from db.engine import Database
from db.queries.rules import one_rule
from db.tenancy import tenant_transaction

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
OLDEST_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class RaisedElsewhere:
    """What another system says. `code` names the kind of alert; `type` is the word that lists show (`external` without one)."""

    device_key: str
    code: str
    message: str
    severity: Severity = Severity.MEDIUM
    sensor_key: str | None = None
    type: str = "external"
    value: float | None = None
    at: datetime | None = None


def raise_alert(database: Database, actor: Actor, told: RaisedElsewhere, *, now: datetime | None = None) -> tuple[int, bool]:
    """Raises it, or counts it on the alert that is open; operators and above, and keys. (alert's id, whether it is a new one.)"""
    require(actor, Role.OPERATOR)
    moment = now or datetime.now(UTC)
    _check(told, moment)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        place = connection.execute(
            text(
                "select d.id, d.line, coalesce((select s.id from sensors s where s.device_id = d.id and s.key = :sensor), 0) as sensor_id"
                " from devices d where d.key = :device"
            ),
            {"device": told.device_key, "sensor": told.sensor_key},
        ).one_or_none()
        if place is None or (actor.lines is not None and place.line not in actor.lines):
            raise ActionError("machine_id", f"there is no device {told.device_key}", status=404)
        if told.sensor_key is not None and not place.sensor_id:
            raise ActionError("sensor", f"{told.device_key} has no sensor {told.sensor_key}", status=404)
        target = Target(external_rule(connection, actor.tenant_id, told.code, told.severity), place.id, place.sensor_id)
        loaded = load(connection, [target])[target]
        rule = one_rule(connection, target.rule_id)
        if rule is None or not loaded.on:
            raise ActionError("code", f"alerts of the code {told.code} are switched off here", status=409)
        steps = escalation_us(rule.settings)
        signal = Signal(SignalKind.RAISED, to_us(told.at or moment), told.severity, Limit.EXTERNAL)
        state, passed = alerts.advance(loaded.watch.alert, to_us(moment), steps)
        state, events = alerts.signalled(state, signal, latch=rule.settings.latch)
        facts = Facts(told.type, told.code, audit.clean(told.message)[:500], told.value)
        change = Change(
            loaded, Watch(loaded.watch.rule, state), (*passed, *alerts.commented(events, "", actor.label)), loaded.version,
            lambda _event: facts, steps, None, repeats=0 if any(e.what in ("raised", "re_raised") for e in events) else 1,
        )  # fmt: skip
        save(connection, actor.tenant_id, [change])
        alert_id: int = connection.execute(
            text("select id from alerts where rule_id = :rule and device_id = :device and coalesce(sensor_id, 0) = :sensor"
                 " and ended_at is null"),
            {"rule": target.rule_id, "device": target.device_id, "sensor": target.sensor_id},
        ).scalar_one()  # fmt: skip
        created = loaded.alert_id != alert_id
        if created:
            audit.record(connection, actor, "raise_alert", f"{told.device_key} {told.code}", {"alert_id": alert_id})
    return alert_id, created


def _check(told: RaisedElsewhere, now: datetime) -> None:
    if not CODE.fullmatch(told.code):
        raise ActionError("code", "1 to 100 letters, digits, _, . or - are expected")
    if not told.message.strip():
        raise ActionError("message", "say what is wrong")
    if told.at is not None and told.at > now + CLOCKS_DIFFER:
        raise ActionError("timestamp", "this lies in the future")
    if told.at is not None and (now - told.at).total_seconds() > OLDEST_S:
        raise ActionError("timestamp", "this is more than 7 days ago")
