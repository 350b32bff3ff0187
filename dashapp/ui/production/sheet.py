"""The figures of an OEE page: sums by machine and period in one table, and what is derived from it. Percentages are derived last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from dashapp.domain.oee import FIELDS, ProductionSums, figures, values_of
from dashapp.domain.periods import By, Period, periods
from dashapp.ui.production.scope import NO_LINE, Scope, machine_name
from dashapp.ui.time_range import DAY_US, HOUR_US
from db.queries.production import Grid, production_grid
from db.queries.production_facts import ProducingMachine

BY_HOUR_US, LONGEST_BY_HOUR_US, LONGEST_BY_SHIFT_US = 36 * HOUR_US, 8 * DAY_US, 100 * DAY_US
_AT = {name: number for number, name in enumerate(FIELDS)}


@dataclass(frozen=True, slots=True)
class Row:
    """A line or a machine with its sums; `place` is how it stands in an address."""

    name: str
    place: tuple[str, str]
    sums: ProductionSums
    machines: int = 1


@dataclass(frozen=True, slots=True)
class Sheet:
    """`grid` has the shape (machines, parts, fields of `ProductionSums`), machines in the order of the scope."""

    scope: Scope
    by: By
    parts: tuple[Period, ...]
    grid: Grid
    machines: tuple[Row, ...]
    total: ProductionSums

    @property
    def trend(self) -> list[ProductionSums]:
        """All machines together in each part."""
        return [ProductionSums(*values) for values in self.grid.sum(axis=0).tolist()]

    @property
    def lines(self) -> list[Row]:
        """The lines of a plant, in the order of their first machine."""
        by_line: dict[str, list[ProductionSums]] = {}
        for machine, row in zip(self.scope.machines, self.machines, strict=True):
            by_line.setdefault(machine.line, []).append(row.sums)
        return [Row(line or NO_LINE, ("line", line), _total(sums), len(sums)) for line, sums in by_line.items()]


def usual_by(scope: Scope) -> By:
    """Hours where the range is short, else days."""
    return By.HOUR if scope.end_us - scope.start_us <= BY_HOUR_US else By.DAY


def choices(scope: Scope) -> list[By]:
    """What the trend of a range may be cut into."""
    length_us = scope.end_us - scope.start_us
    hours = [By.HOUR] if length_us <= LONGEST_BY_HOUR_US else []
    shifts = [By.SHIFT] if scope.calendars and length_us <= LONGEST_BY_SHIFT_US else []
    return [*hours, *shifts, By.DAY]


def asked_by(scope: Scope, query: Mapping[str, object]) -> By:
    """What the address asks for, where it can be had."""
    wanted = next((by for by in choices(scope) if by.value == query.get("by")), None)
    return wanted or usual_by(scope)


def read_sheet(connection: Connection, scope: Scope, by: By) -> Sheet:
    """The table of a scope; in a tenant's transaction."""
    parts = periods(by, scope.zone, scope.calendars, scope.start_us, scope.end_us)
    grid = production_grid(connection, scope.ids, [(part.start_us, part.end_us) for part in parts])
    apart = by is By.SHIFT  # between shifts there is no part
    whole = production_grid(connection, scope.ids, [(scope.start_us, scope.end_us)]) if apart else grid
    sums = [ProductionSums(*values) for values in whole.sum(axis=1).tolist()]
    rows = tuple(_row(machine, one) for machine, one in zip(scope.machines, sums, strict=True))
    return Sheet(scope, by, tuple(parts), grid, rows, ProductionSums(*whole.sum(axis=(0, 1)).tolist()))


def _row(machine: ProducingMachine, sums: ProductionSums) -> Row:
    return Row(machine_name(machine), ("machine", machine.key), sums)


def _total(sums: Iterable[ProductionSums]) -> ProductionSums:
    columns = np.array([values_of(one) for one in sums], float).reshape(-1, len(FIELDS))
    return ProductionSums(*columns.sum(axis=0).tolist())


def oee_grid(grid: Grid) -> Grid:
    """OEE of every cell of a grid (…, fields) as `figures` derives it, shares of 1; NaN where there is none."""
    known, ideal, rejected = (grid[..., _AT[name]] for name in ("known_s", "ideal_s", "rejected_ideal_s"))
    there = (grid[..., _AT["planned_s"]] > 0) & (known > 0) & (grid[..., _AT["unrated"]] == 0) & (grid[..., _AT["unmeasured"]] == 0)
    return np.divide(ideal - rejected, known, out=np.full(known.shape, np.nan), where=there)


def by_oee(rows: Sequence[Row]) -> list[Row]:
    """The worst first; what has no OEE stands at the end."""

    def weight(row: Row) -> tuple[bool, float]:
        value = figures(row.sums).oee.value
        return value is None, value or 0.0

    return sorted(rows, key=weight)
