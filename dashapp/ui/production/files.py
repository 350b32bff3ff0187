"""Downloads of the production pages as CSV and XLSX: figures, losses, trends, stops, reasons, states, and all that is behind a figure.

Numbers are in full precision: times in seconds, ratios in percent; a figure that there is not is empty, with `why` beside it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flask import Blueprint, Flask, Response, request
from sqlalchemy import Connection

from dashapp.domain.oee import FIELDS, LOSS_WORDS, ProductionSums, figures, waterfall
from dashapp.ingest.services import Services
from dashapp.ui.context import services, tenant_id
from dashapp.ui.device.view import file_stem
from dashapp.ui.exports import FORMS, refused, streamed
from dashapp.ui.production.scope import EXPLAIN, OEE, PRODUCTION, Scope, scope_of
from dashapp.ui.production.sheet import Row, asked_by, oee_grid, read_sheet
from dashapp.ui.production.stop_data import read_stops
from dashapp.ui.time_range import iso
from db.queries.explain import HEADER, explain, explain_rows
from db.queries.stops import reasons
from db.tenancy import tenant_reading

RATIOS = ("oee", "availability", "effectiveness", "quality", "nee", "teep", "known")
LENGTHS = ("mtbf_s", "mttr_s")
FIGURES = [*(f"{name}_percent" for name in RATIOS), *LENGTHS, "why"]
Rows = list[Sequence[Any]]
Make = Callable[[Connection, Scope, dict[str, str]], Rows]

files = Blueprint("production_files", __name__)


def register_production(server: Flask) -> None:
    """Adds the download routes."""
    server.register_blueprint(files)


@files.get(f"{OEE}.<{FORMS}:form>")
def oee_file(form: str) -> Response:
    """`?table=losses|trend|machines|lines|grid`, and place and range as the page has them."""
    return _file("oee", form, {"losses": _losses, "trend": _trend, "machines": _machines, "lines": _lines, "grid": _grid})


@files.get(f"{PRODUCTION}.<{FORMS}:form>")
def production_file(form: str) -> Response:
    """`?table=stops|reasons|states`, and place, range and filters as the page has them."""
    return _file("production", form, {"stops": _stops, "reasons": _reasons, "states": _states})


@files.get(f"{EXPLAIN}.<{FORMS}:form>")
def explain_file(form: str) -> Response:
    """The intervals of every machine of the place: each figure of the page can be computed again from them alone (docs/oee.md)."""
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        scope = scope_of(connection, request.args.to_dict())
    if scope.range.problem:
        return refused(400, scope.range.problem)
    return streamed(_stem("oee-explain", scope), form, HEADER, lambda app, tenant: _explained(app, tenant, scope))


def _explained(app: Services, tenant: int, scope: Scope) -> Iterator[Sequence[Any]]:
    for machine in scope.machines:
        with tenant_reading(app.database.engine, tenant) as connection:
            found = explain(connection, machine.id, scope.start_us, scope.end_us)
            names = {one.id: one.name for one in reasons(connection, removed=True)}
        if found is not None:
            yield from explain_rows(found, names)


def _file(name: str, form: str, tables: dict[str, Make]) -> Response:
    query = request.args.to_dict()
    wanted = query.get("table") or next(iter(tables))
    if wanted not in tables:
        return refused(404, f"There is no table {wanted[:40]}: {', '.join(tables)}.")
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        scope = scope_of(connection, query)
        if scope.range.problem:
            return refused(400, scope.range.problem)
        head, *rows = tables[wanted](connection, scope, query)
    return streamed(_stem(f"{name}-{wanted}", scope), form, head, lambda _app, _tenant: iter(rows))


def _stem(name: str, scope: Scope) -> str:
    place = scope.machine.key if scope.machine else scope.line or "plant"
    return file_stem(name, place, scope.start_us, scope.end_us)


# ---- OEE


def figure_cells(sums: ProductionSums) -> list[Any]:
    """Under `FIGURES`, then the sums under `FIELDS`."""
    found = figures(sums)
    ratios = [getattr(found, name) for name in RATIOS]
    lengths = [getattr(found, name) for name in LENGTHS]
    cells: list[Any] = ["" if one.value is None else 100 * one.value for one in ratios]
    return [*cells, *("" if one.value is None else one.value for one in lengths), found.oee.why, *(getattr(sums, name) for name in FIELDS)]


def _sheet(connection: Connection, scope: Scope, query: dict[str, str]) -> Any:
    return read_sheet(connection, scope, asked_by(scope, query))


def _losses(connection: Connection, scope: Scope, query: dict[str, str]) -> Rows:
    steps = waterfall(_sheet(connection, scope, query).total)
    rows: Rows = [["from", "to", "place", "step", "kind", "seconds", "share_of_planned_percent", "stops", "why"]]
    ends = [iso(scope.start_us), iso(scope.end_us), scope.name]
    for step in steps:
        share = "" if step.share is None else 100 * step.share
        rows.append(
            [
                *ends,
                step.words,
                str(step.kind),
                "" if step.seconds is None else step.seconds,
                share,
                "" if step.count is None else step.count,
                step.why,
            ]
        )
    return rows


def _trend(connection: Connection, scope: Scope, query: dict[str, str]) -> Rows:
    sheet = _sheet(connection, scope, query)
    rows: Rows = [["from", "to", "day", "shift", "place", *FIGURES, *FIELDS]]
    for part, sums in zip(sheet.parts, sheet.trend, strict=True):
        rows.append([iso(part.start_us), iso(part.end_us), part.day.isoformat(), part.name, scope.name, *figure_cells(sums)])
    return rows


def _machines(connection: Connection, scope: Scope, query: dict[str, str]) -> Rows:
    return _listed(scope, "machine", _sheet(connection, scope, query).machines)


def _lines(connection: Connection, scope: Scope, query: dict[str, str]) -> Rows:
    return _listed(scope, "line", _sheet(connection, scope, query).lines)


def _listed(scope: Scope, what: str, listed: Sequence[Row]) -> Rows:
    head: Rows = [["from", "to", what, "name", *FIGURES, *FIELDS]]
    ends = [iso(scope.start_us), iso(scope.end_us)]
    return [*head, *([*ends, row.place[1], row.name, *figure_cells(row.sums)] for row in listed)]


def _grid(connection: Connection, scope: Scope, query: dict[str, str]) -> Rows:
    sheet = _sheet(connection, scope, query)
    rows: Rows = [["machine", "name", "from", "to", "day", "shift", "oee_percent"]]
    for machine, cells in zip(scope.machines, oee_grid(sheet.grid).tolist(), strict=True):
        for part, value in zip(sheet.parts, cells, strict=True):
            rows.append(
                [
                    machine.key,
                    machine.name,
                    iso(part.start_us),
                    iso(part.end_us),
                    part.day.isoformat(),
                    part.name,
                    "" if value != value else 100 * value,
                ]
            )
    return rows


# ---- Stops


def _stops(connection: Connection, scope: Scope, query: dict[str, str]) -> Rows:
    rows: Rows = [["id", "machine", "name", "line", "from", "to", "planned_s", "loss", "reason", "remark", "said_by", "source", "fault"]]
    found = read_stops(connection, query)
    for stop in found.listed if found else ():
        rows.append(
            [
                stop.id,
                stop.device_key,
                stop.device_name,
                stop.line,
                iso(stop.start_us),
                "" if stop.end_us is None else iso(stop.end_us),
                stop.planned_s,
                LOSS_WORDS[stop.loss],
                stop.reason,
                stop.comment,
                found.people[stop.said_by] if found else "",
                stop.source,
                int(stop.fault),
            ]
        )
    return rows


def _reasons(connection: Connection, scope: Scope, query: dict[str, str]) -> Rows:
    rows: Rows = [["reason", "loss", "seconds", "stops", "share_percent", "cumulated_percent"]]
    found = read_stops(connection, query)
    for bar in found.bars if found else ():
        rows.append([bar.reason, LOSS_WORDS[bar.loss], bar.seconds, bar.count, 100 * bar.share, 100 * bar.cumulated])
    return rows


def _states(connection: Connection, scope: Scope, query: dict[str, str]) -> Rows:
    rows: Rows = [["machine", "from", "to", "seconds", "state", "why"]]
    found = read_stops(connection, query)
    for row in found.timeline["rows"] if found else ():
        for start_ms, end_ms, state, text in row["spans"]:
            rows.append([row["key"], iso(start_ms * 1000), iso(end_ms * 1000), (end_ms - start_ms) / 1000, state, text])
    return rows
