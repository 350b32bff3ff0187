"""What machines did, as the spans of a `StateTimeline`, from what is stored of production."""

from typing import Any

from sqlalchemy import Connection

from dashapp.domain.oee import LOSS_WORDS, Loss
from dashapp.domain.production import State
from dashapp.domain.production_sums import Span, cut
from dashapp.ui.components import MachineState, TimelineRow
from dashapp.ui.production.scope import PRODUCTION, Scope
from dashapp.ui.time_range import DAY_US
from db.columns import HOUR_US
from db.queries.production_rows import spans_of_parts

LONGEST_US = 26 * HOUR_US  # of a longer range the last day is drawn
MOST_MACHINES = 24
_SHOWN: dict[State, MachineState] = {
    State.OFF: "off",
    State.RUN: "run",
    State.MINOR: "micro",
    State.STOP: "down",
    State.PLANNED_STOP: "off",
    State.UNKNOWN: "unknown",
}


def drawn_range(scope: Scope) -> tuple[int, int]:
    """The part of a range that is drawn."""
    return (max(scope.start_us, scope.end_us - DAY_US) if scope.end_us - scope.start_us > LONGEST_US else scope.start_us, scope.end_us)


def timeline(connection: Connection, scope: Scope, reason_names: dict[int, str]) -> dict[str, Any]:
    """Props of a `StateTimeline`."""
    low, high = drawn_range(scope)
    machines = scope.machines[:MOST_MACHINES]
    stored = spans_of_parts(connection, [(machine.id, low // HOUR_US * HOUR_US, high) for machine in machines])
    rows: list[TimelineRow] = [
        {
            "key": machine.key,
            "href": scope.address(PRODUCTION, place=[("machine", machine.key)]),
            "spans": _spans([cut(span, low, high) for span in stored.get(machine.id, [])], reason_names),
        }
        for machine in machines
    ]
    known_ms = high // 1000 if scope.known.to_us is None else min(scope.known.to_us, high) // 1000
    return {"rows": rows, "start_ms": low // 1000, "end_ms": high // 1000, "now_ms": known_ms}


def _spans(parts: list[Span | None], reason_names: dict[int, str]) -> list[tuple[int, int, MachineState, str]]:
    """Neighbours that are one stretch to whoever looks are one span."""
    found: list[tuple[int, int, MachineState, str]] = []
    last: tuple[object, ...] = ()
    for part in parts:
        if part is None:
            continue
        state: MachineState = "changeover" if part.state is State.STOP and part.loss is Loss.SETUP else _SHOWN[part.state]
        text = reason_names.get(part.reason_id, "") or (LOSS_WORDS[part.loss] if part.loss is not None else "")
        same = (state, text, part.stop_us)
        if found and same == last and found[-1][1] == part.start_us // 1000:
            found[-1] = (found[-1][0], part.end_us // 1000, state, text)
        else:
            found.append((part.start_us // 1000, part.end_us // 1000, state, text))
        last = same
    return found
