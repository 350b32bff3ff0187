"""The list of rules, the form of one, and what it would have raised."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import RuleSettings, RuleType
from dashapp.domain.rule_words import sentence
from dashapp.ingest.catalogue import DeviceEntry
from dashapp.ui import forms
from dashapp.ui.alarm_admin.rule_data import PATH
from dashapp.ui.alarm_admin.window_parts import who_words
from dashapp.ui.components import card, empty_state
from dashapp.ui.forms import Field, Form
from dashapp.ui.notices.channel_list import link
from dashapp.ui.parts import format_value
from dashapp.ui.tables import DataTable
from db.queries.rules import RuleRow, RuleVersion

KINDS = {
    RuleType.THRESHOLD: "A limit",
    RuleType.RATE: "How fast it changes",
    RuleType.FAULT: "A flag that is on",
    RuleType.OFFLINE: "Silence",
    RuleType.ANOMALY: "Unusual behaviour",
    RuleType.TREND: "A limit that it is on its way to",
}
TOGETHER = "All of a device together (unusual behaviour)"
SENSITIVITIES_SAID = {"high": "High: small changes too", "medium": "Medium", "low": "Low: great changes only"}
RELATIONS = {"equal": "is", "above": "is above", "below": "is below"}
DAYS = {"7": "7 days", "30": "30 days"}
WHAT = {"created": "Made", "changed": "Changed", "enabled": "Switched on", "disabled": "Switched off", "removed": "Removed"}


def sensor_of(rule: RuleRow, devices: Sequence[DeviceEntry]) -> tuple[str, str, str]:
    """(key, name, unit) of what a rule watches; empty where it is about devices."""
    for device in devices:
        for sensor in device.sensors.values():
            if sensor.id == rule.sensor_id or (rule.sensor_id is None and sensor.key == rule.sensor_key):
                return sensor.key, sensor.name, sensor.unit
    return rule.sensor_key or "", rule.sensor_key or "", ""


def where_of(rule: RuleRow, devices: Sequence[DeviceEntry], groups: Mapping[int, str]) -> tuple[str, str]:
    """(as the form has it, in words) where a rule watches."""
    for device in devices:
        if rule.device_id == device.id or any(sensor.id == rule.sensor_id for sensor in device.sensors.values()):
            return f"device:{device.id}", device.key
    if rule.group_id is not None:
        return f"group:{rule.group_id}", f"group {groups.get(rule.group_id, '')}"
    return "", "every device"


def rules_table(
    rules: Sequence[RuleRow],
    devices: Sequence[DeviceEntry],
    groups: Mapping[int, str],
    alerts: Mapping[int, int],
    policies: Mapping[int, str],
) -> Component:
    """Every rule on a line."""
    rows: Any = []
    for rule in rules:
        _, name, unit = sensor_of(rule, devices)
        rows.append(
            [
                {"text": rule.name, "href": f"{PATH}?rule={rule.id}"},
                where_of(rule, devices, groups)[1],
                sentence(rule.settings, name or "it", unit),
                {"text": rule.settings.severity.value, "priority": rule.settings.severity.value},
                "on" if rule.enabled else "off",
                f"{alerts.get(rule.id, 0):,}",
                policies.get(rule.policy_id or 0, "the default"),
            ]
        )
    columns = ["Rule", "Where", "When", "Priority", "On", "Alerts, 30 d", "Policy"]
    table = DataTable(columns=columns, numbers=[5], rows=rows, caption="Rules", className="stacked rules")
    return html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": "Rules"})


def no_rules(may_change: bool) -> Component:
    """What a plant without rules is told."""
    action = link("Make a rule", f"{PATH}?rule=new", "btn solid") if may_change else None
    return card("Rules", empty_state("No rules yet", "A rule says which values raise an alert. Without one no reading does.", action))


def rule_form(rule: RuleRow | None, devices: Sequence[DeviceEntry], groups: Mapping[int, str], policies: Mapping[int, str]) -> Component:
    """The form; a new rule begins as an upper limit on every device."""
    settings = rule.settings if rule is not None else RuleSettings(severity=Severity.HIGH)
    sensors = {sensor.key: sensor.name for device in devices for sensor in device.sensors.values()}
    key = sensor_of(rule, devices)[0] if rule is not None else next(iter(sensors), "")
    where = where_of(rule, devices, groups)[0] if rule is not None else ""
    places = [("", "Every device")] + [(f"group:{n}", f"Group {name}") for n, name in groups.items()]
    places += [(f"device:{one.id}", f"{one.key}, {one.name}" if one.name != one.key else one.key) for one in devices]
    when = settings.suppress_when
    external = settings.type is RuleType.EXTERNAL
    kinds = [("external", "Another system says so")] if external else [(kind.value, word) for kind, word in KINDS.items()]
    return Form(
        [
            card(
                "What it watches",
                html.Div(
                    [
                        _field(
                            "name", "Name", value=rule.name if rule else "", hint="Empty: it is called by what it does.", max_length=200
                        ),
                        _select("type", "What raises an alert", kinds, settings.type.value),
                        _select("sensor", "Sensor", [*((one, f"{name} ({one})") for one, name in sensors.items()), ("", TOGETHER)], key),
                        _select("where", "Where", places, where),
                    ],
                    className="form",
                ),
            ),
            card("When it raises an alert", html.Div(_limits(settings), className="form rule-limits")),
            card(
                "How long, and what then",
                html.Div(
                    [
                        _number("on_delay_s", "Raised after", settings.on_delay_s or None, "s", "How long it must hold. Empty: at once."),
                        _number(
                            "off_delay_s", "Ended after", settings.off_delay_s or None, "s", "How long it must be clear. Empty: at once."
                        ),
                        _field("latch", "Stays until somebody resets it", kind="check", value=settings.latch),
                        _select(
                            "policy",
                            "Who is told",
                            [("", "By the default policy"), *((str(n), name) for n, name in policies.items())],
                            str(rule.policy_id or "") if rule else "",
                        ),
                        html.Details(
                            [
                                html.Summary("Nobody is told while …"),
                                html.Div(
                                    [
                                        _select(
                                            "suppress_sensor",
                                            "Sensor of the same device",
                                            [("", "Always told"), *((one, name) for one, name in sensors.items())],
                                            when.sensor if when else "",
                                        ),
                                        _select(
                                            "suppress_relation", "Relation", list(RELATIONS.items()), when.relation if when else "equal"
                                        ),
                                        _number("suppress_value", "Value", when.value if when else None),
                                    ],
                                    className="form rule-limits",
                                ),
                            ],
                            open=when is not None,
                        ),
                    ],
                    className="form",
                ),
            ),
            html.P("", id="rule-sentence", className="notice", role="status"),
            html.Div(
                [
                    Field("days", "Try it on the last", kind="radio", value="7", options=[_option(*one) for one in DAYS.items()]),
                    Field("imports", "Imported readings too", kind="check", value=False),
                ],
                className="row checks",
            ),
            html.Div(
                [forms.submit("Try it", value="try", quiet=True), forms.submit("Save"), link("Back", PATH, "btn plain")],
                className="actions",
            ),
        ],
        id="rule-form",
        label="Rule",
        className="stack",
    )


def _limits(settings: RuleSettings) -> list[Component]:
    severities = [(one.value, one.value) for one in Severity]
    hint = "What is at the limit has not crossed it."
    return [
        html.Div(
            [
                _part("far-above", _number("high_high", "Far above", settings.high_high)),
                _number("high", "Above", settings.high, hint=hint),
                _number("low", "Below", settings.low),
                _part("far-below", _number("low_low", "Far below", settings.low_low)),
            ],
            className="rule-row",
            id={"type": "rule-part", "part": "limits"},
        ),
        html.Div(
            [
                _number("within_h", "Reached within", settings.within_h, "h", "By the line through what was looked back on."),
                _number("look_back_h", "Looking back", settings.look_back_h, "h"),
            ],
            className="rule-row",
            id={"type": "rule-part", "part": "trend"},
        ),
        html.Div(
            [
                _number("learn_h", "Learned from the last", settings.learn_h, "h", "Anew each day. 24 or more hold a whole day."),
                _select("sensitivity", "Sensitivity", list(SENSITIVITIES_SAID.items()), settings.sensitivity),
            ],
            className="rule-row",
            id={"type": "rule-part", "part": "anomaly"},
        ),
        html.Div(
            [_number("rate", "Faster than, per second", settings.rate)], className="rule-row", id={"type": "rule-part", "part": "rate"}
        ),
        html.Div(
            [_number("deadband", "Deadband", settings.deadband or None, hint="How far back it must come before the alert ends.")],
            className="rule-row",
            id={"type": "rule-part", "part": "deadband"},
        ),
        html.Div([_select("severity", "Priority", severities, settings.severity.value)], className="rule-row"),
        html.Div(
            [
                _select("high_high_severity", "Priority of far above", severities, settings.high_high_severity.value),
                _select("low_low_severity", "Priority of far below", severities, settings.low_low_severity.value),
            ],
            className="rule-row",
            id={"type": "rule-part", "part": "further"},
        ),
    ]


def _part(name: str, field: Component) -> Component:
    return html.Div(field, id={"type": "rule-part", "part": name})


def _option(value: str, label: str) -> Any:
    return {"value": value, "label": label}


def _field(name: str, label: str, **more: Any) -> Component:
    return Field(name, label, id={"type": "rule-field", "name": name}, **more)


def _select(name: str, label: str, options: Sequence[tuple[str, str]], value: str) -> Component:
    return _field(name, label, kind="select", options=[_option(*one) for one in options], value=value, required=True)


def _number(name: str, label: str, value: float | None, unit: str | None = None, hint: str | None = None) -> Component:
    return _field(name, label, kind="number", value="" if value is None else f"{value:.12g}", unit=unit, hint=hint)


def facts_card(rule: RuleRow, devices: Sequence[DeviceEntry], groups: Mapping[int, str]) -> Component:
    """A rule for those who may not change it."""
    _, name, unit = sensor_of(rule, devices)
    return card(
        rule.name,
        html.P(sentence(rule.settings, name or "it", unit)),
        html.P(f"Watches {where_of(rule, devices, groups)[1]}. It is {'on' if rule.enabled else 'off'}.", className="small muted"),
        html.Div(link("Back", PATH, "btn plain"), className="actions"),
    )


def versions_card(versions: Sequence[RuleVersion], people: Mapping[str, str], unit: str, name: str, moment: Any) -> Component:
    """Every version, the newest first, with who made it."""
    rows: Any = []
    for one in versions:
        content = one.content
        try:
            record = {**content.get("settings", {}), "type": content["type"], "severity": content["severity"]}
            says = sentence(RuleSettings.from_record(record), name or "it", unit)
        except (KeyError, TypeError, ValueError):
            says = ""
        rows.append([str(one.version), moment(one.at), who_words(people.get(one.by, one.by)), WHAT.get(one.what, one.what), says])
    table = DataTable(
        columns=["Version", "When", "Who", "What", "Says"], rows=rows, caption="Versions of the rule", className="stacked rules"
    )
    return card("History", html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": "Versions of the rule"}))


def count_words(number: int) -> str:
    """`1 alert`, `12 alerts`."""
    return f"{format_value(number)} alert{'' if number == 1 else 's'}"
