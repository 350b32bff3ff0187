"""What is behind the figures of OEE `/oee/explain`: definitions with numbers, intervals, counts, stops, edits; a file of it all (PR-5)."""

from typing import Any

import dash
from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.domain.periods import By
from dashapp.ui import shell
from dashapp.ui.components import card
from dashapp.ui.device.data import plant_reading
from dashapp.ui.production import explain_parts as parts
from dashapp.ui.production.parts import no_machines, place_choice, range_bar, stores, wire_range
from dashapp.ui.production.scope import EXPLAIN, Scope, scope_of
from dashapp.ui.production.sheet import read_sheet
from dashapp.ui.production.words import People
from db.queries.explain import LONGEST_US, Explained, explain
from db.queries.stops import edits_between, reasons

dash.register_page(
    __name__,
    path=EXPLAIN,
    name="OEE explained",
    title="OEE explained" + shell.SUFFIX,
    order=31,
    nav=False,
    role=Role.VIEWER,
    within="/oee",
    help="oee-explain",
)


def layout(**query: Any) -> Component:
    """`?line=` or `?machine=`, a range, and `figure` for the one that is meant."""
    with plant_reading() as connection:
        scope = scope_of(connection, query)
        if not scope.machines:
            return no_machines()
        names, people = {one.id: one.name for one in reasons(connection, removed=True)}, People(connection)
        machine = scope.machine if len(scope.machines) > 1 or scope.machine else scope.machines[0]
        csv = scope.address(f"{EXPLAIN}.csv", fixed=True)
        if machine is not None and scope.end_us - scope.start_us <= LONGEST_US:
            found = explain(connection, machine.id, scope.start_us, scope.end_us)
            assert found is not None  # it was there a moment ago, in this transaction
            sums, behind = found.sums, _of_machine(scope, found, names, people, csv)
        else:
            sheet = read_sheet(connection, scope, By.DAY)
            edits = edits_between(connection, scope.ids, scope.start_us, scope.end_us)
            sums, behind = sheet.total, [parts.machines_card(scope, sheet.machines), parts.edits_card(edits, people)]
        return html.Div(
            [
                parts.head(scope),
                card("Time and place", place_choice(scope), *range_bar("explain", scope), aside=_file(csv), className="scope-card"),
                html.Div([parts.figures_card(sums, str(query.get("figure") or "")), parts.counts_card(sums)], className="two"),
                parts.losses_card(sums),
                *behind,
                *stores("explain", scope, query),
            ],
            className="stack",
        )


def _of_machine(scope: Scope, found: Explained, names: dict[int, str], people: People, csv: str) -> list[Component]:
    return [
        parts.stops_card(scope, found, people),
        parts.edits_card(found.edits, people),
        parts.intervals_card(found, names, csv),
        parts.shifts_card(found),
    ]


def _file(csv: str) -> Component:
    return html.A(
        "Save everything as CSV",
        href=csv,
        className="btn tiny",
        id="explain-csv",
        title="The intervals with their counts: every figure can be computed again from them alone",
    )


wire_range("explain")
