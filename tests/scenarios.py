"""The named cases of `alarm_scenarios.yaml`: read, run on a plant, compared event by event.

A plant is what takes the steps: the domain alone (`DomainPlant`), or a tenant on PostgreSQL.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import yaml

from dashapp.domain import alerts, rule_settings, rules, watch

OWN = Path(__file__).parent / "alarm_scenarios.yaml"
S = 1_000_000
ACTIONS = ("ack", "resolve", "reset", "shelve", "unshelve", "out_of_service", "in_service", "suppress", "unsuppress")
DEFAULTS = {"high": 90, "severity": "critical", "on_delay": 0, "off_delay": 0, "deadband": 0, "latch": False, "escalate_after": 300}
DOMAIN = SimpleNamespace(alerts=alerts, rules=rules, rule_settings=rule_settings, watch=watch)

Case = Mapping[str, Any]
Seen = dict[str, Any]  # an event in the words of the file, times in seconds


class Plant(Protocol):
    """Takes the steps of one case, in order, and tells the events so far."""

    def reading(self, at_s: float, value: float, arrives_s: float) -> None: ...
    def tick(self, now_s: float) -> None: ...
    def act(self, verb: str, at_s: float, step: Mapping[str, Any]) -> None: ...
    def restart(self, at_s: float) -> None: ...
    def bring_in(self, readings: Sequence[tuple[float, float]]) -> None: ...
    def events(self) -> list[Seen]: ...


def cases() -> list[Case]:
    """Every case of the file that ANDON_ALARM_SCENARIOS names, of the project's own without it."""
    found: list[Case] = yaml.safe_load(Path(os.environ.get("ANDON_ALARM_SCENARIOS") or OWN).read_text("utf-8"))
    return found


def settings_record(case: Case) -> dict[str, Any]:
    """The case's rule as `RuleSettings` records it."""
    rule = {**DEFAULTS, **case.get("rule", {})}
    steps = rule.pop("escalate_after")
    kind = next((each for each in ("offline", "fault", "rate") if rule.get(each)), "threshold")
    record = {"type": kind, "escalate_after_s": steps if isinstance(steps, list) else [steps]}
    for name, value in rule.items():
        if name in ("on_delay", "off_delay"):
            record[f"{name}_s"] = value
        elif name not in ("offline", "fault"):
            record[name] = value
    return record


def run(case: Case, plant: Plant) -> list[Seen]:
    """Takes every step; the events."""
    for step in case["steps"]:
        if "t" in step:
            plant.reading(step["t"], float(step["v"]), step.get("arrives", step["t"]))
        elif "tick" in step:
            plant.tick(step["tick"])
        elif "restart" in step:
            plant.restart(step["restart"])
        elif "import" in step:
            plant.bring_in([(at, float(value)) for at, value in step["import"]])
        else:
            (verb,) = (verb for verb in ACTIONS if verb in step)
            plant.act(verb, step[verb], step)
    return plant.events()


def differences(case: Case, seen: Sequence[Seen]) -> list[str]:
    """What is otherwise than the case says; empty where nothing is."""
    wanted = case["events"]
    told = [f"{e['at']} {e['what']} {e['state']}{' silent' if e['silent'] else ''}" for e in seen]
    found = [f"{len(seen)} events instead of {len(wanted)}: {told}"] if len(seen) != len(wanted) else []
    previous: int | None = None
    for expected, event in zip(wanted, seen, strict=False):
        full = {"silent": False, "delayed": False, **expected}
        same = full.pop("same_alert", None)
        found += [f"{expected}: {name} is {event[name]!r}" for name, value in full.items() if event[name] != value]
        if same is not None and same is not (event["alert"] == previous):
            found.append(f"{expected}: alert {event['alert']} after {previous}")
        previous = event["alert"] if event["alert"] is not None else previous
    return found


class DomainPlant:
    """One rule on one sensor, in memory; a restart writes what is kept as JSON and reads it again."""

    def __init__(self, case: Case, domain: SimpleNamespace = DOMAIN) -> None:
        self._alerts, self._rules, self._watch_module = domain.alerts, domain.rules, domain.watch
        self._settings = domain.rule_settings.RuleSettings.from_record(settings_record(case))
        self._offline_us = self._rules.offline_limit_us(case.get("period", 2))
        self._watch = self._watch_module.Watch()
        self._before: Any = None
        self._lag_us = 0
        self._arrived_us: int | None = None
        self._seen: list[Seen] = []

    def reading(self, at_s: float, value: float, arrives_s: float) -> None:
        reading, arrived_us = self._rules.Reading(_us(at_s), value), _us(arrives_s)
        took = self._watch_module.read(self._settings, self._watch, self._before, reading, arrived_us, self._offline_us)
        self._keep(took)
        self._arrived_us = arrived_us
        if self._before is None or reading.time_us > self._before.time_us:
            self._before, self._lag_us = reading, arrived_us - reading.time_us

    def tick(self, now_s: float) -> None:
        if self._settings.type == "offline":
            self._keep(self._watch_module.sweep_silence(self._settings, self._watch, self._arrived_us, _us(now_s), self._offline_us))
        else:
            self._keep(
                self._watch_module.sweep(self._settings, self._watch, self._before, self._lag_us, _us(now_s), self._offline_us)
            )

    def act(self, verb: str, at_s: float, step: Mapping[str, Any]) -> None:
        at_us, alerts = _us(at_s), self._alerts
        alert, passed = alerts.advance(self._watch.alert, at_us, self._watch_module.escalation_us(self._settings))
        self._keep((self._watch_module.Watch(self._watch.rule, alert), passed))
        by, reason = step.get("by", "system"), step.get("reason", "")
        try:
            if verb == "shelve":
                until = step["until"]
                end = {"until_clear": True} if until == "clear" else {"until_us": _us(until)}
                alert, events = alerts.shelve(alert, at_us, by, reason, **end)
            elif verb == "out_of_service":
                alert, events = alerts.out_of_service(alert, at_us, by, reason)
            elif verb in ("suppress", "unsuppress"):
                alert, events = getattr(alerts, verb)(alert, at_us)
            else:
                alert, events = getattr(alerts, "acknowledge" if verb == "ack" else verb)(alert, at_us, by)
        except alerts.Refused:
            self._seen.append(self._told(at_us, "refused", alert.base.value, False, None, False, alert.number or None))
            return
        self._keep((self._watch_module.Watch(self._watch.rule, alert), events))

    def restart(self, at_s: float) -> None:
        rule = json.loads(json.dumps(self._watch.rule.record()))
        alert = json.loads(json.dumps(self._watch.alert.record()))
        self._watch = self._watch_module.Watch(self._rules.RuleState.from_record(rule), self._alerts.AlertState.from_record(alert))

    def bring_in(self, readings: Sequence[tuple[float, float]]) -> None:
        pass  # an import is not evaluated: the rule never hears of it

    def events(self) -> list[Seen]:
        return self._seen

    def _keep(self, outcome: tuple[Any, Sequence[Any]]) -> None:
        self._watch, events = outcome
        for e in events:
            severity = e.severity.value if e.severity else None
            self._seen.append(self._told(e.at_us, e.what.value, e.state.value, e.silent, severity, e.delayed, e.number))

    def _told(self, at_us: int, what: str, state: str, silent: bool, severity: str | None, delayed: bool, number: int | None) -> Seen:
        return {
            "at": at_us / S, "what": what, "state": state, "silent": silent, "severity": severity, "delayed": delayed, "alert": number,
        }  # fmt: skip


def _us(seconds: float) -> int:
    return round(seconds * S)
