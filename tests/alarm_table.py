"""The table of transitions in docs/alarms.md, made by asking the code: `python -m tests.alarm_table --write`."""

import sys
from collections.abc import Callable
from pathlib import Path

from dashapp.domain import alerts
from dashapp.domain.alarm_words import WORDS
from dashapp.domain.alerts import AlertState, Base, Outcome, Refused
from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import Limit
from dashapp.domain.rules import Signal, SignalKind

PAGE = Path(__file__).parents[1] / "docs" / "alarms.md"
BEGIN, END = "<!-- transitions: made from the code by python -m tests.alarm_table --write -->", "<!-- end of transitions -->"
NAMES = {
    Base.NORMAL: "normal", Base.UNACKNOWLEDGED: "active, unacknowledged", Base.ACKNOWLEDGED: "active, acknowledged",
    Base.RETURNED: "returned, unacknowledged", Base.LATCHED_UNACKNOWLEDGED: "latched, unacknowledged",
    Base.LATCHED_ACKNOWLEDGED: "latched, acknowledged",
}  # fmt: skip


def _signal(kind: SignalKind, severity: Severity) -> Signal:
    return Signal(kind, 1, severity, Limit.HIGH)


def _returned(latch: bool) -> Callable[[AlertState], Outcome]:
    return lambda alert: alerts.signalled(alert, _signal(SignalKind.RETURNED, Severity.LOW), latch=latch)


COLUMNS: dict[str, Callable[[AlertState], Outcome]] = {
    "raised": lambda alert: alerts.signalled(alert, _signal(SignalKind.RAISED, Severity.LOW), latch=False),
    "more severe": lambda alert: alerts.signalled(alert, _signal(SignalKind.SEVERITY_RAISED, Severity.HIGH), latch=False),
    "clear": _returned(False),
    "clear, latching": _returned(True),
    "acknowledge": lambda alert: alerts.acknowledge(alert, 1, "ann"),
    "reset": lambda alert: alerts.reset(alert, 1, "ann"),
    "resolve": lambda alert: alerts.resolve(alert, 1, "ann"),
    "silence ends": lambda alert: alerts.unshelve(alert, 1, "ann"),
}


def table() -> str:
    """Base state × what happens → the base state after it; a dot: nothing, a dash: refused."""
    lines = ["| | " + " | ".join(COLUMNS) + " | word |", "| --- |" + " --- |" * (len(COLUMNS) + 1)]
    for base in Base:
        cells = [_cell(base, name, happens) for name, happens in COLUMNS.items()]
        lines.append(f"| {base} {NAMES[base]} | {' | '.join(cells)} | {WORDS[base]} |")
    return "\n".join(lines)


def _cell(base: Base, name: str, happens: Callable[[AlertState], Outcome]) -> str:
    alert = AlertState(base, None if base is Base.NORMAL else Severity.LOW, 1, 0, 1, acknowledged_by="ben", acknowledged_us=0)
    if name == "silence ends":
        alert, _ = alerts.shelve(alert, 0, "ann", "works", until_us=9)
    try:
        after, events = happens(alert)
    except Refused:
        return "–"
    return str(after.base.value) if events else "·"


def page(text: str) -> str:
    """The page with the table as it is now."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
