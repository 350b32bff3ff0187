"""Faults built into rules and alerts on purpose: the named cases must catch each of them."""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml

import dashapp.domain as package
from tests.scenarios import OWN, DomainPlant, differences, run

MODULES = ("rule_settings", "rules", "alerts", "watch")
FAULTS = {
    "at the limit counts as above it": ("rule_settings", "return measure > self.at if", "return measure >= self.at if"),
    "below the low limit is taken for above it": ("rule_settings", "else measure < self.at\n", "else measure > self.at\n"),
    "the deadband is forgotten": ("rule_settings", "measure <= self.at - deadband if", "measure <= self.at if"),
    "the on-delay is measured from the last reading": (
        "rules", "(at_us if bound.crossed(measure) else None) if held is None else",
        "(at_us if bound.crossed(measure) else None) if held is None or bound.crossed(measure) else",
    ),
    "the delay ends a moment late": ("rules", "if wait[0] <= until_us", "if wait[0] < until_us"),
    "a gap does not end the hold": ("rules", "if reading.time_us > held_until_us:", "if False:"),
    "a gap of just the offline limit ends the hold": (
        "rules",
        "if reading.time_us > held_until_us:",
        "if reading.time_us >= held_until_us:",
    ),
    "late readings are evaluated": ("rules", "if before is not None and reading.time_us <= before.time_us:", "if False:"),
    "a sweep holds the last value for ever": ("rules", "min(now_us, before.time_us + offline_us), signals", "now_us, signals"),
    "offline a moment late": ("rules", "if now_us >= offline_at_us:", "if now_us > offline_at_us:"),
    "three periods are one": ("rules", "OFFLINE_PERIODS = 3", "OFFLINE_PERIODS = 1"),
    "the off-delay begins anew with each reading": (
        "rules", "clear_since_us = at_us if state.clear_since_us is None else state.clear_since_us", "clear_since_us = at_us",
    ),
    "a rising severity is not told": (
        "rules",
        "if since_us is not None and URGENCY[bound.severity] > told:",
        "if since_us is not None and not told:",
    ),
    "the rate forgets its direction": ("rules", "return abs(reading.value - before.value)", "return (reading.value - before.value)"),
    "the latch is forgotten": ("alerts", "base=latched if latch else normal", "base=normal"),
    "what is no latch can be reset": (
        "alerts", "if alert.base is not Base.LATCHED_ACKNOWLEDGED:\n        raise", "if alert.base in ACTIVE:\n        raise",
    ),
    "what is active can be resolved": (
        "alerts",
        'if alert.base in ACTIVE:\n        raise Refused("the condition is still there: ack',
        'if False:\n        raise Refused("the condition is still there: ack',
    ),
    "the second acknowledgement is taken": ("alerts", "if alert.base not in following:", "if False:"),
    "a rising severity keeps the acknowledgement": ("alerts", "alert, base=Base.UNACKNOWLEDGED, severity", "alert, severity"),
    "silence ends with the first suppressor": (
        "alerts",
        "    if not after.silent:\n        if after.base",
        "    if True:\n        if after.base",
    ),
    "an acknowledged alert is not announced after silence": (
        "alerts",
        "if after.base is Base.ACKNOWLEDGED:\n            after",
        "if False:\n            after",
    ),
    "levels are reached a moment late": ("alerts", "and escalates_us <= now_us:", "and escalates_us < now_us:"),
    "until it clears never ends": ("alerts", "if shelving is not None and shelving.until_clear:", "if False:"),
    "every level is reached at once": ("alerts", "escalate_after_us[alert.level]", "escalate_after_us[0]"),
    "after silence the time to answer goes on": ("alerts", "after = replace(after, asked_us=at_us, level=0)", "pass"),
    "what comes back is a new alert": ("alerts", "if alert.base is Base.NORMAL:\n        fresh", "if True:\n        fresh"),
    "what was delayed is not marked": ("watch", "now_us if delayed else None", "None"),
    "events of the clock come after those of the rule": (
        "watch",
        "alerts.advance(alert, min(signal.at_us, now_us), escalation)",
        "(alert, ())",
    ),
}  # fmt: skip


def faulty(module: str, sound: str, broken: str) -> SimpleNamespace:
    """The domain with one fault in it; the sound one is as it was afterwards."""
    kept = {name: sys.modules[f"dashapp.domain.{name}"] for name in MODULES}
    try:
        made: dict[str, ModuleType] = {}
        for name in MODULES:  # in the order in which they import each other
            there = kept[name]
            source = Path(str(there.__file__)).read_text("utf-8")
            if name == module:
                assert source.count(sound) == 1, f"the fault {sound!r} fits {source.count(sound)} places"
                source = source.replace(sound, broken)
            fresh = ModuleType(there.__name__)
            fresh.__file__ = there.__file__
            sys.modules[there.__name__] = fresh
            setattr(package, name, fresh)
            exec(compile(source, str(there.__file__), "exec"), fresh.__dict__)
            made[name] = fresh
        return SimpleNamespace(**made)
    finally:
        for name, there in kept.items():
            sys.modules[there.__name__] = there
            setattr(package, name, there)


OWN_CASES = yaml.safe_load(OWN.read_text("utf-8"))


def wrong(domain: SimpleNamespace) -> list[str]:
    """Names of the cases that this domain gets wrong; one that fails altogether is one."""
    found = []
    for case in OWN_CASES:
        try:
            if differences(case, run(case, DomainPlant(case, domain))):
                found.append(case["name"])
        except Exception:
            found.append(case["name"])
    return found


def test_without_a_fault_every_case_is_right() -> None:
    for name in MODULES:
        importlib.import_module(f"dashapp.domain.{name}")

    assert wrong(faulty("none", "", "")) == []


@pytest.mark.requirement("AL-1", "AL-2", "AL-3")
@pytest.mark.parametrize("fault", FAULTS)
def test_the_named_cases_catch(fault: str) -> None:
    assert wrong(faulty(*FAULTS[fault])), "no case noticed"
