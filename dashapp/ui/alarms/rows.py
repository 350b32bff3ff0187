"""An alert as lists and buttons in the browser have it: plain dicts with the words that people read, and what its state allows."""

from collections.abc import Mapping, Sequence
from typing import TypedDict
from urllib.parse import quote

from dashapp.domain.rule_settings import bounds_of
from dashapp.ui.parts import format_value
from db.queries.alerts import AlertRow, Over
from db.queries.rules import RuleRow

STATES = {
    "A": "Ended", "B": "Unacknowledged", "C": "Acknowledged", "D": "Returned, unacknowledged", "E": "Latched, unacknowledged",
    "F": "Latched, to be reset",
}  # fmt: skip
SILENT = {"shelved": "Shelved", "suppressed": "Suppressed", "out_of_service": "Out of service"}
EXTERNAL = "external"


class Silence(TypedDict):
    """Why nobody is told of it: `kind` is shelved, suppressed or out_of_service; `until_ms` None: until somebody ends it."""

    kind: str
    words: str
    until_ms: int | None
    until_clear: bool
    by: str
    reason: str


class Shown(TypedDict):
    """One alert. `value` and `limit` are texts with the unit, "" where there is none; `can` are the verbs that its state allows."""

    id: int
    href: str
    severity: str
    title: str
    message: str
    device: str
    device_name: str
    device_href: str
    place: str
    line: str
    value: str
    limit: str
    raised_ms: int
    state: str
    unanswered: bool
    word: str
    level: int
    times: int
    by: str
    by_ms: int | None
    silences: list[Silence]
    can: list[str]


Rules = Mapping[int, RuleRow]


def shown(alert: AlertRow, rules: Rules) -> Shown:
    """One alert; `rules` are the plant's, for the limit that it crossed."""
    return {
        "id": alert.id,
        "href": f"/alerts/{alert.id}",
        "severity": alert.severity,
        "title": title(alert),
        "message": alert.message,
        "device": alert.device_key,
        "device_name": alert.device_name if alert.device_name != alert.device_key else "",
        "device_href": f"/devices/{quote(alert.device_key, safe='')}",
        "place": alert.place,
        "line": alert.line,
        "value": value_text(alert.value, alert),
        "limit": limit_text(alert, rules),
        "raised_ms": alert.raised_at_us // 1000,
        "state": STATES[alert.state],
        "unanswered": alert.unanswered and not alert.silent,
        "word": alert.word,
        "level": alert.escalation_level,
        "times": alert.occurrences,
        "by": person(alert.acknowledged_by) if not alert.unanswered else "",
        "by_ms": alert.acknowledged_at_us // 1000 if alert.acknowledged_at_us is not None and not alert.unanswered else None,
        "silences": [_silence(over) for over in alert.over],
        "can": allowed(alert),
    }


def title(alert: AlertRow) -> str:
    """What is wrong, as its rule is called; of an alert without a rule its own sentence."""
    return alert.rule_name if alert.rule_name and alert.rule_type != EXTERNAL else alert.message or alert.code


def value_text(value: float | None, alert: AlertRow) -> str:
    """`93.8 °C`; nothing for a machine's fault or silence, which are no measure."""
    if value is None or alert.type in ("machine_fault", "device_offline", "data_anomaly"):
        return ""
    return f"{format_value(float(f'{value:.6g}'))} {alert.unit}".strip()


def limit_of(alert: AlertRow, rules: Rules) -> float | None:
    """The limit that it crossed, as its rule has it now; None where it has none, or changes of a value are limited."""
    rule = None if alert.rule_id is None else rules.get(alert.rule_id)
    if rule is None or not alert.type.startswith("threshold") or alert.cause == "rate":
        return None
    return next((bound.at for bound in bounds_of(rule.settings) if bound.limit.value == alert.cause), None)


def limit_text(alert: AlertRow, rules: Rules) -> str:
    """`90 °C`."""
    limit = limit_of(alert, rules)
    return "" if limit is None else f"{format_value(float(f'{limit:.6g}'))} {alert.unit}".strip()


def allowed(alert: AlertRow) -> list[str]:
    """What may be done to it in its state; whether the person may is said elsewhere."""
    if alert.ended_at_us is not None:
        return []
    kinds = {over.kind for over in alert.over}
    verbs = ["acknowledge"] if alert.unanswered else []
    if alert.state == "F":
        verbs.append("reset")
    if alert.active and alert.rule_type == EXTERNAL:
        verbs.append("resolve")
    if alert.rule_id is not None:
        verbs.append("unshelve" if "shelved" in kinds else "shelve")
        verbs.append("in_service" if "out_of_service" in kinds else "out_of_service")
    return verbs


def person(by: str | None) -> str:
    """A person's name; of one whose account is kept outside of the plant (the platform's) that it is one."""
    return "an administrator of Andon" if by is not None and by.startswith("user:") else by or ""


def _silence(over: Over) -> Silence:
    until_ms = None if over.until_us is None else over.until_us // 1000
    words = SILENT.get(over.kind, over.kind)
    return {
        "kind": over.kind, "words": words, "until_ms": until_ms, "until_clear": over.until_clear, "by": person(over.by),
        "reason": over.reason,
    }  # fmt: skip


def rows_of(alerts: Sequence[AlertRow], rules: Rules) -> list[Shown]:
    """Several, in their order."""
    return [shown(alert, rules) for alert in alerts]
