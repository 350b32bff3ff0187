"""Production for programs: figures of OEE, what is behind them, stops, and why they were. The reason of a stop arrives once, however
often it is sent (`Idempotency-Key`)."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sqlalchemy import Connection

from dashapp.actions import production as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.api.rest.production_shapes import (
    Accepted,
    Cut,
    Entered,
    Explanation,
    Moved,
    Oee,
    Reason,
    ReasonGiven,
    Remark,
    Stop,
    StopTold,
)  # fmt: skip
from dashapp.api.routes import OwnAnswers
from dashapp.api.security import Manager, Operator, signed_in
from dashapp.api.shapes import LongId, When, iso
from dashapp.domain.oee import FIELDS, Figure, OeeFigures, ProductionSums, figures, total, waterfall
from dashapp.domain.periods import By, periods
from dashapp.domain.shifts import of_line
from dashapp.ingest.services import Services
from dashapp.sheets import CSV_TYPE, attachment, csv_text
from db.columns import DAY_US, from_us, to_us
from db.queries.explain import HEADER, LONGEST_US, Explained, explain, explain_rows
from db.queries.production import production_known, production_table
from db.queries.production_facts import ProducingMachine, plant_zone, producing_machines
from db.queries.shifts import shift_calendars
from db.queries.stops import StopRow, edits_between, one_stop, reasons, stops_between
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1", tags=["production"], route_class=OwnAnswers)
SignedIn = Annotated[Actor, Depends(signed_in)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
From = Annotated[When | None, Query(alias="from")]
MOST_POINTS = 2_000
LONGEST = timedelta(days=5 * 366)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _range(start: datetime | None, end: datetime | None) -> tuple[int, int]:
    """The last day where nothing is asked."""
    until = end or datetime.now(UTC)
    since = start or until - timedelta(days=1)
    if not timedelta(0) < until - since <= LONGEST:
        raise ActionError("from", "it is after the end, or more than five years before it")
    return to_us(since), to_us(until)


def _machines(connection: Connection, actor: Actor, machine_id: str | None, line: str | None) -> list[ProducingMachine]:
    found = [
        machine for machine in producing_machines(connection)
        if (actor.lines is None or machine.line in actor.lines) and machine_id in (None, machine.key) and line in (None, machine.line)
    ]  # fmt: skip
    if not found and (machine_id is not None or line is not None):
        field = "line" if machine_id is None else "machine_id"
        raise ActionError(field, "there is no such machine that counts what it makes", status=404)
    return found


@router.get("/production/oee", response_model=Oee, response_model_exclude_unset=True)
def get_oee(
    request: Request,
    actor: SignedIn,
    machine_id: str | None = None,
    line: str | None = None,
    since: From = None,
    to: When | None = None,
    by: By | None = None,
) -> dict[str, Any]:
    """Figures of a machine, a line or the plant, of each machine in it, and by hour, day or shift where that is asked for."""
    start_us, end_us = _range(since, to)
    with tenant_reading(_services(request).database.engine, actor.tenant_id) as connection:
        machines = _machines(connection, actor, machine_id, line)
        ids = [machine.id for machine in machines]
        sums = {device_id: row[0] for device_id, row in production_table(connection, ids, [(start_us, end_us)]).items()}
        known = production_known(connection, ids)
        points = []
        if by is not None:
            calendars = of_line(shift_calendars(connection), machines[0].line if machines else "")
            parts = periods(by, plant_zone(connection), calendars, start_us, end_us)
            if len(parts) > MOST_POINTS:
                raise ActionError("by", f"this would be {len(parts):,} points; {MOST_POINTS:,} at most")
            table = production_table(connection, ids, [(part.start_us, part.end_us) for part in parts])
            points = [(part, total(row[number] for row in table.values())) for number, part in enumerate(parts)]
    return {
        "from": iso(start_us), "to": iso(end_us), "known_to": iso(known.to_us), **sums_json(total(sums.values())),
        "machines": [{"machine_id": one.key, "name": one.name, "line": one.line, **sums_json(sums[one.id])} for one in machines],
        **({"by": by, "points": [_point_json(part, part_sums) for part, part_sums in points]} if by is not None else {}),
    }  # fmt: skip


def _point_json(part: Any, sums: ProductionSums) -> dict[str, Any]:
    named = {"name": part.name} if part.name else {}
    return {"from": iso(part.start_us), "to": iso(part.end_us), "day": str(part.day), **named, **sums_json(sums)}


def sums_json(sums: ProductionSums) -> dict[str, Any]:
    """Sums, figures and losses as programs see them; a figure that cannot be told is null, and `why` says why."""
    found = figures(sums)
    named: dict[str, Figure] = {name: getattr(found, name) for name in OeeFigures.__slots__}
    return {
        "figures": {name: figure.value for name, figure in named.items()},
        "why": {name: figure.why for name, figure in named.items() if figure.why},
        "flagged": found.flagged,
        "sums": {name: getattr(sums, name) for name in FIELDS},
        "losses": [asdict(step) for step in waterfall(sums)],
    }


@router.get(
    "/production/explain", response_model=Explanation, responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
)
def get_explain(
    request: Request,
    actor: SignedIn,
    machine: str,
    since: From = None,
    to: When | None = None,
    form: Annotated[str, Query(alias="format", pattern="^(json|csv)$")] = "json",
) -> Any:
    """Everything behind the figures of a machine; as CSV the intervals, from which every figure can be computed again."""
    start_us, end_us = _range(since, to)
    if end_us - start_us > LONGEST_US:
        raise ActionError("from", f"{LONGEST_US // DAY_US} days at most")
    with tenant_reading(_services(request).database.engine, actor.tenant_id) as connection:
        found = explain(connection, _machines(connection, actor, machine, None)[0].id, start_us, end_us)
        names = {reason.id: reason.name for reason in reasons(connection, removed=True)}
    if found is None:
        raise ActionError("machine", "there is no such machine", status=404)
    rows = explain_rows(found, names)
    if form == "csv":
        stem = f"oee-{found.machine.key}-{from_us(found.start_us):%Y%m%dT%H%M}-{from_us(found.end_us):%Y%m%dT%H%M}"
        return Response(csv_text([HEADER, *rows]), media_type=CSV_TYPE, headers={"Content-Disposition": attachment(f"{stem}.csv")})
    return explained_json(found, rows)


def explained_json(found: Explained, rows: Sequence[Sequence[object]]) -> dict[str, Any]:
    """What is behind figures, as programs see it."""
    return {
        "machine_id": found.machine.key, "from": iso(found.start_us), "to": iso(found.end_us), "known_to": iso(found.known_to_us),
        **sums_json(found.sums),
        "intervals": [dict(zip(HEADER, row, strict=True)) for row in rows],
        "shifts": [
            {
                "name": shift.name, "day": str(shift.day), "start": iso(shift.start_us), "end": iso(shift.end_us),
                "breaks": [{"start": iso(low), "end": iso(high)} for low, high in shift.breaks],
            }
            for shift in found.shifts
        ],
        "stops": [stop_json(stop) for stop in found.stops],
        "edits": [edit_json(edit) for edit in found.edits],
    }  # fmt: skip


# ---- Stops


@router.get("/downtimes", response_model=list[Stop])
def list_downtimes(
    request: Request,
    actor: SignedIn,
    machine_id: str | None = None,
    line: str | None = None,
    since: From = None,
    to: When | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> list[dict[str, Any]]:
    """Stops that touch a range, whole, the newest first."""
    start_us, end_us = _range(since, to)
    with tenant_reading(_services(request).database.engine, actor.tenant_id) as connection:
        ids = [machine.id for machine in _machines(connection, actor, machine_id, line)]
        found = stops_between(connection, start_us, end_us, device_ids=ids, limit=limit)
    return [stop_json(stop) for stop in found]


@router.get("/downtimes/reasons", response_model=list[Reason])
def list_reasons(request: Request, actor: SignedIn) -> list[dict[str, Any]]:
    """The reasons on offer, each with the loss that it declares."""
    with tenant_reading(_services(request).database.engine, actor.tenant_id) as connection:
        return [{"id": one.id, "code": one.code, "name": one.name, "loss": one.loss} for one in reasons(connection)]


@router.get("/downtimes/{stop_id}", response_model=StopTold)
def get_downtime(request: Request, actor: SignedIn, stop_id: LongId) -> dict[str, Any]:
    """A stop with everything that was said of it."""
    with tenant_reading(_services(request).database.engine, actor.tenant_id) as connection:
        stop = one_stop(connection, stop_id)
        if stop is None or (actor.lines is not None and stop.line not in actor.lines):
            raise ActionError("stop_id", "there is no such stop", status=404)
        edits = edits_between(connection, [stop.device_id], stop.start_us, stop.end_us or to_us(datetime.now(UTC)))
    return {**stop_json(stop), "edits": [edit_json(edit) for edit in edits]}


@router.post("/downtimes", status_code=201, response_model=Accepted)
def enter_downtime(request: Request, actor: Operator, entered: Entered, key: Key = None) -> dict[str, Any]:
    """Enters a stop that nothing measured tells of."""
    services = _services(request)
    with tenant_reading(services.database.engine, actor.tenant_id) as connection:
        machine = _machines(connection, actor, entered.machine_id, None)[0]
        reason_id = _reason_id(connection, entered)
    done = actions.enter_stop(
        services.database, actor, machine.id, to_us(entered.start), to_us(entered.end), reason_id, entered.comment, idempotency_key=key,
        at=entered.at,
    )  # fmt: skip
    return {"entered": True, "repeated": not done}


@router.post("/downtimes/{stop_id}/reason", response_model=StopTold)
def give_reason(request: Request, actor: Operator, stop_id: LongId, given: ReasonGiven, key: Key = None) -> dict[str, Any]:
    """Says why; also what was said without a network, with its original time."""
    services = _services(request)
    with tenant_reading(services.database.engine, actor.tenant_id) as connection:
        reason_id = _reason_id(connection, given)
    actions.assign_reason(services.database, actor, stop_id, reason_id, given.comment, at=given.at, idempotency_key=key)
    return get_downtime(request, actor, stop_id)


@router.post("/downtimes/{stop_id}/comment", response_model=StopTold)
def comment(request: Request, actor: Operator, stop_id: LongId, remark: Remark, key: Key = None) -> dict[str, Any]:
    """Adds a remark."""
    actions.comment_stop(_services(request).database, actor, stop_id, remark.comment, at=remark.at, idempotency_key=key)
    return get_downtime(request, actor, stop_id)


@router.post("/downtimes/{stop_id}/split", response_model=StopTold)
def split(request: Request, actor: Operator, stop_id: LongId, cut: Cut) -> dict[str, Any]:
    """Makes two stops of one; answers the first of them."""
    actions.split_stop(_services(request).database, actor, stop_id, to_us(cut.at))
    return get_downtime(request, actor, stop_id)


@router.post("/downtimes/{stop_id}/join", response_model=StopTold)
def join(request: Request, actor: Operator, stop_id: LongId) -> dict[str, Any]:
    """Takes splits at its edges back; answers the stop that it is then."""
    actions.join_stop(_services(request).database, actor, stop_id)
    return get_downtime(request, actor, stop_id)


@router.put("/downtimes/{stop_id}", response_model=StopTold)
def move(request: Request, actor: Operator, stop_id: LongId, moved: Moved) -> dict[str, Any]:
    """Says when it really began and ended, whatever was measured."""
    end_us = None if moved.end is None else to_us(moved.end)
    actions.edit_stop(_services(request).database, actor, stop_id, to_us(moved.start), end_us, moved.comment)
    return get_downtime(request, actor, stop_id)


@router.delete("/downtimes/{stop_id}", status_code=204)
def withdraw(request: Request, actor: Manager, stop_id: LongId) -> None:
    """Says that the machine did not stand still then; what was said of it stays on record."""
    actions.withdraw_stop(_services(request).database, actor, stop_id)


def _reason_id(connection: Connection, given: ReasonGiven) -> int | None:
    if given.reason is None:
        return given.reason_id
    found = next((one.id for one in reasons(connection, removed=True) if one.code == given.reason), None)
    if found is None:
        raise ActionError("reason", "there is no reason of this code")
    return found


def stop_json(stop: StopRow) -> dict[str, Any]:
    """A stop as programs see it."""
    return {
        "id": stop.id, "machine_id": stop.device_key, "machine_name": stop.device_name, "line": stop.line, "start": iso(stop.start_us),
        "end": iso(stop.end_us), "planned_s": stop.planned_s, "loss": stop.loss, "reason_id": stop.reason_id, "reason": stop.reason or None,
        "comment": stop.comment or None, "source": stop.source, "fault": stop.fault, "said_by": stop.said_by or None,
        "version": stop.version, "gone": stop.gone,
    }  # fmt: skip


def edit_json(edit: Any) -> dict[str, Any]:
    """Something that was said, as programs see it."""
    return {
        "id": edit.id, "what": edit.what, "start": iso(edit.start_us), "end": iso(edit.end_us), "open_start": edit.open_start,
        "open_end": edit.open_end, "reason_id": edit.reason_id, "reason": edit.reason or None, "comment": edit.comment or None,
        "by": edit.by, "at": iso(edit.at_us), "recorded_at": iso(edit.recorded_us),
    }  # fmt: skip
