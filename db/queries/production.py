"""Sums of production over any ranges, stops with what was said of them, and what is behind a figure. Inside a tenant's transaction.

A range is taken to whole minutes: each edge goes back to the beginning of its minute. Ranges that follow each other add up to the whole
exactly. Whole days of the plant come from `production_days`, what is left from `production_hours`, and parts of an hour from
its spans and minutes. What lies after `known_to` is in no sum. Times are microseconds since 1970 UTC, ranges are start ≤ time < end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.oee import FIELDS, ProductionSums, values_of
from dashapp.domain.periods import days_between
from db.columns import HOUR_US, fetch_columns, from_us, ids_array, times_array, to_us
from db.queries.production_facts import plant_zone, producing_machines
from db.queries.production_rows import part_of_hour_sums

Range = tuple[int, int]
Table = dict[int, list[ProductionSums]]
Grid = NDArray[np.float64]
_NAMES = ("device_id", "starts_at", *FIELDS)
_COLUMNS = ", ".join(FIELDS)
_DAYS = f"""
select device_id, starts_at, {_COLUMNS} from production_days
where device_id = any(%(ids)b) and starts_at >= %(low)s and starts_at < %(high)s"""
# Lateral by machine, so that they run on the primary keys whatever the planner believes of the arrays' size.
_HOURS = f"""
select m.id as device_id, h.* from unnest(%(ids)b) as m (id) cross join unnest(%(lows)b, %(highs)b) as u (low, high)
cross join lateral (select starts_at, {_COLUMNS} from production_hours
  where device_id = m.id and starts_at >= u.low and starts_at < u.high and ends_at <= u.high offset 0) h"""
_STRADDLED = """
select distinct m.id as device_id, h.starts_at, h.ends_at from unnest(%(ids)b) as m (id) cross join unnest(%(edges)b) as u (edge)
cross join lateral (select starts_at, ends_at from production_hours
  where device_id = m.id and starts_at > u.edge - interval '1 hour' and starts_at < u.edge and ends_at > u.edge offset 0) h"""

@dataclass(frozen=True, slots=True)
class Known:
    """Up to where production is computed, and since when; None where nothing is."""

    since_us: int | None
    to_us: int | None


def production_known(connection: Connection, device_ids: Sequence[int]) -> Known:
    """From where to where every one of the machines is computed that is computed at all."""
    row = connection.execute(
        text("select min(first_at) as first, min(computed_to) as until from production_progress where device_id = any(:ids)"),
        {"ids": list(device_ids)},
    ).one()
    return Known(None if row.first is None else to_us(row.first), None if row.until is None else to_us(row.until))


def production_grid(connection: Connection, device_ids: Sequence[int], ranges: Sequence[Range]) -> Grid:
    """The sums of each machine in each range: shape (machines, ranges, `FIELDS`).

    `ranges` are in order and apart (gaps between them are fine): hours, days, shifts. One machine's row is its trend, a column is
    a comparison of machines, adding either up gives the line or the plant.
    """
    whole = [(low // MINUTE_US * MINUTE_US, high // MINUTE_US * MINUTE_US) for low, high in ranges]
    grid = np.zeros((len(device_ids), len(whole), len(FIELDS)))
    if grid.size == 0 or not any(low < high for low, high in whole):
        return grid
    order = np.argsort(np.asarray(device_ids))
    sorted_ids = np.asarray(device_ids)[order]
    lows = np.array([low for low, _ in whole], np.int64)

    def add(device: NDArray[np.int32], start: NDArray[np.int64], columns: Sequence[NDArray[np.float64]]) -> None:
        """Adds rows to the ranges that they lie in."""
        group = order[np.searchsorted(sorted_ids, device)] * len(whole) + np.searchsorted(lows, start, "right") - 1
        for number, column in enumerate(columns):
            grid[:, :, number] += np.bincount(group, column, len(device_ids) * len(whole)).reshape(grid.shape[:2])

    days, rest = _split_by_days(plant_zone(connection), whole)
    ids = ids_array(list(device_ids))
    if days:
        parameters = {"ids": ids, "low": from_us(days[0][0]), "high": from_us(days[-1][1])}
        device, start, *columns = fetch_columns(connection, _NAMES, _DAYS, parameters)
        inside = np.isin(start, np.array([low for low, _ in days], np.int64))
        add(device[inside], start[inside], [column[inside] for column in columns])
    if rest:
        edges = [times_array(np.array(edge, np.int64)) for edge in zip(*rest, strict=True)]
        device, start, *columns = fetch_columns(connection, _NAMES, _HOURS, {"ids": ids, "lows": edges[0], "highs": edges[1]})
        add(device, start, columns)
        place = {device_id: number for number, device_id in enumerate(device_ids)}
        for device_id, number, sums in _partial_hours(connection, device_ids, whole, rest):
            grid[place[device_id], number] += values_of(sums)
    return grid


def production_table(connection: Connection, device_ids: Sequence[int], ranges: Sequence[Range]) -> Table:
    """Device id → the sums of each range, as `production_grid` has them."""
    grid = production_grid(connection, device_ids, ranges).tolist()
    return {device_id: [ProductionSums(*values) for values in row] for device_id, row in zip(device_ids, grid, strict=True)}


def production_sums(connection: Connection, device_ids: Sequence[int], start_us: int, end_us: int) -> dict[int, ProductionSums]:
    """Device id → its sums over a range; add them up for a line or the plant."""
    return {device_id: row[0] for device_id, row in production_table(connection, device_ids, [(start_us, end_us)]).items()}


def production_trend(connection: Connection, device_ids: Sequence[int], ranges: Sequence[Range]) -> list[ProductionSums]:
    """The sums of all these machines together in each range."""
    return [ProductionSums(*values) for values in production_grid(connection, device_ids, ranges).sum(axis=0).tolist()]


def device_ids_on(connection: Connection, *, lines: Sequence[str] | None = None) -> list[int]:
    """The machines that have OEE, of the whole plant or of lines, in the order of the plant."""
    return [machine.id for machine in producing_machines(connection, lines=lines)]


def _split_by_days(zone: str, ranges: Sequence[Range]) -> tuple[list[Range], list[Range]]:
    """Whole days of the plant inside of the ranges, and what the ranges have beside them."""
    days: list[Range] = []
    rest: list[Range] = []
    for low, high in ranges:
        inside = [day for day in days_between(zone, low, high) if low <= day[0] and day[1] <= high] if high - low >= 23 * HOUR_US else []
        days += inside
        edges = [low, inside[0][0], inside[-1][1], high] if inside else [low, high]
        rest += [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    return days, rest


def _partial_hours(
    connection: Connection, device_ids: Sequence[int], ranges: Sequence[Range], rest: Sequence[Range]
) -> list[tuple[int, int, ProductionSums]]:
    """(device, number of the range, sums) of parts of stored pieces, where a range begins or ends within one."""
    edges = np.unique(np.array([edge for part in rest for edge in part if edge % HOUR_US], np.int64))  # no piece is over a full hour
    if not len(edges):
        return []
    parameters = {"ids": ids_array(list(device_ids)), "edges": times_array(edges)}
    columns = fetch_columns(connection, ("device_id", "starts_at", "ends_at"), _STRADDLED, parameters)
    pieces = list(zip(*(column.tolist() for column in columns), strict=True))
    if not pieces:
        return []
    starts, ends = [low for low, _ in ranges], np.array([high for _, high in ranges], np.int64)
    parts: list[tuple[int, int, int]] = []
    numbers: list[int] = []
    for device_id, low, high in pieces:
        for number in range(int(np.searchsorted(ends, low, "right")), len(ranges)):
            if starts[number] >= high:
                break
            parts.append((device_id, max(low, starts[number]), min(high, ranges[number][1])))
            numbers.append(number)
    sums = part_of_hour_sums(connection, parts)
    return [(part[0], number, found) for part, number, found in zip(parts, numbers, sums, strict=True)]
