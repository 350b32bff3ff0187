"""What the page of stops asks: stops of a scope with the filters of its address, the one that is open, reasons, edits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from dashapp.domain.oee import DOWN, Loss
from dashapp.ui.production.scope import Scope, scope_of
from dashapp.ui.production.timeline import timeline
from dashapp.ui.production.words import People
from dashapp.ui.time_range import MINUTE_US, parse_instant
from db.queries.stops import EditRow, ParetoBar, Reason, StopRow, edits_between, one_stop, pareto, reasons, stops_between

MOST = 500
FILTERED = (*DOWN, Loss.PLANNED)


@dataclass(frozen=True, slots=True)
class Stops:
    """All of the page. `listed` are the stops that the filters leave, `waiting` those without a reason, `open` the one that is looked at.

    `missing` says why there is none open though one was asked for; `people` are names by label.
    """

    scope: Scope
    listed: tuple[StopRow, ...]
    waiting: tuple[StopRow, ...]
    open: StopRow | None
    missing: str
    reasons: tuple[Reason, ...]
    bars: tuple[ParetoBar, ...]
    timeline: dict[str, Any]
    edits: tuple[EditRow, ...]
    people: People
    loss: str
    reason: str
    by: str

    @property
    def filters(self) -> list[tuple[str, str]]:
        """What of the address narrows the list."""
        pairs = [("loss", self.loss), ("reason", self.reason), ("by", "count" if self.by == "count" else "")]
        return [(name, value) for name, value in pairs if value]


def read_stops(connection: Connection, query: Mapping[str, Any]) -> Stops | None:
    """None where no machine counts what it makes; in a tenant's transaction."""
    scope = scope_of(connection, query)
    if not scope.machines:
        return None
    loss = str(query.get("loss") or "")
    loss = loss if loss in FILTERED else ""
    reason = str(query.get("reason") or "")
    by = "count" if query.get("by") == "count" else "time"
    everything = stops_between(connection, scope.start_us, scope.end_us, device_ids=scope.ids, limit=MOST)
    opened, missing = _open(connection, scope, query)
    every = {one.id: one.name for one in reasons(connection, removed=True)}
    edits = edits_between(connection, scope.ids, scope.start_us, scope.end_us)
    people = People(connection)
    for edit in (*edits, *(opened.edits if opened else ())):
        people[edit.by]
    for stop in everything:
        people[stop.said_by]
    return Stops(
        scope,
        tuple(one for one in everything if _wanted(one, loss, reason)),
        tuple(one for one in everything if one.reason_id is None),
        opened,
        missing,
        tuple(reasons(connection)),
        tuple(pareto(connection, scope.ids, scope.start_us, scope.end_us, by=by)),
        timeline(connection, scope, every),
        tuple(edits),
        people,
        loss,
        reason,
        by,
    )


def _wanted(stop: StopRow, loss: str, reason: str) -> bool:
    return (not loss or stop.loss == loss) and (not reason or str(stop.reason_id or 0) == reason)


def _open(connection: Connection, scope: Scope, query: Mapping[str, Any]) -> tuple[StopRow | None, str]:
    """The stop that the address names by its id, or by a machine and a time."""
    number = str(query.get("stop") or "")
    if number:
        found = one_stop(connection, int(number)) if number.isascii() and number.isdigit() and len(number) < 18 else None
        seen = found is not None and found.device_id in {machine.id for machine in scope.everyone}
        return (_told(connection, scope, found), "") if found and seen else (None, "There is no such stop.")
    key, _, at = str(query.get("at") or "").partition("@")
    machine = next((one for one in scope.everyone if one.key == key), None)
    if machine is None:
        return None, ""
    try:
        at_us = parse_instant(at)
    except ValueError:
        return None, ""
    near = stops_between(connection, at_us, at_us + 1, device_ids=[machine.id], limit=1)
    if not near:
        return None, f"{key} had no stop of more than 2 minutes then: minor stops are a loss of speed and need no reason."
    return _told(connection, scope, near[0]), ""


def _told(connection: Connection, scope: Scope, stop: StopRow) -> StopRow:
    """With everything that was said of it; what was said of its very edges too: where it was split."""
    end_us = scope.now_us if stop.end_us is None else stop.end_us
    return replace(stop, edits=tuple(edits_between(connection, [stop.device_id], stop.start_us, end_us + MINUTE_US)))
