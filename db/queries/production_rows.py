"""Reads of what production is stored as: spans, and the minutes of counts beside them. Inside a tenant's transaction.

Times are microseconds since 1970 UTC, ranges are start ≤ time < end.
"""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from dashapp.domain.downtime import MINUTE_US, Floats
from dashapp.domain.oee import Loss, ProductionSums
from dashapp.domain.production import State
from dashapp.domain.production_sums import Span, cut, log_of, part_sums
from db.columns import HOUR_US, driver, fetch_columns, ids_array, times_array
from db.queries.production_facts import Counter, ProducingMachine, machine_minutes, producing_machines

Part = tuple[int, int, int]  # device id, start, end

_SPANS = """
select s.device_id, (extract(epoch from starts_at) * 1000000)::bigint, (extract(epoch from ends_at) * 1000000)::bigint, state, loss, begins,
  startup, measured, product_id, pri_s, reason_id, (extract(epoch from stop_at) * 1000000)::bigint
from unnest(%(ids)b, %(lows)b, %(highs)b) as u (id, low, high) cross join lateral (
  select * from production_spans where device_id = u.id and starts_at >= u.low and starts_at < u.high offset 0) s order by 1, 2"""
_COUNTS = """
select u.n, m.bucket, m.sum from unnest(%(numbers)b, %(ids)b, %(lows)b, %(highs)b) as u (n, id, low, high)
cross join lateral (select bucket, sum from rollup_minute where sensor_id = u.id and bucket >= u.low and bucket < u.high offset 0) m"""
_LOSSES: dict[str, Loss | None] = {"": None, **{str(loss): loss for loss in Loss}}


def read_spans(connection: Connection, device_id: int, low_us: int, high_us: int) -> list[Span]:
    """The spans of a machine that begin in a range, in order. A span never reaches over a full hour (UTC)."""
    return spans_of_parts(connection, [(device_id, low_us, high_us)]).get(device_id, [])


def spans_of_parts(connection: Connection, parts: Sequence[Part]) -> dict[int, list[Span]]:
    """Device id → its spans that begin in its parts, in order; parts of a device are apart."""
    found: dict[int, list[Span]] = {}
    parameters = _columns(parts)
    for device_id, start, end, state, loss, begins, startup, measured, product, pri_s, reason, stop in driver(connection).execute(
        _SPANS.encode(), parameters
    ):
        found.setdefault(device_id, []).append(
            Span(start, end, State(state), _LOSSES[loss], begins, startup, measured, product, pri_s or None, reason, stop)
        )
    return found


def part_of_hour_sums(connection: Connection, parts: Sequence[Part]) -> list[ProductionSums]:
    """The sums of each part, all products together, from spans and minutes; parts lie within an hour (UTC) each."""
    hours = sorted({(device_id, low // HOUR_US * HOUR_US, low // HOUR_US * HOUR_US + HOUR_US) for device_id, low, _ in parts})
    spans = spans_of_parts(connection, hours)
    counts = counts_of_parts(connection, parts)
    cuts: list[Span] = []
    number_of: list[int] = []
    units: list[Floats] = []
    rejects: list[Floats] = []
    for number, (device_id, low, high) in enumerate(parts):
        inside = [piece for piece in (cut(span, low, high) for span in spans.get(device_id, ())) if piece is not None]
        if inside:  # without gaps, so what was counted in it is one stretch
            covered = slice((inside[0].start_us - low) // MINUTE_US, (inside[-1].end_us - low) // MINUTE_US)
            cuts += inside
            number_of += [number] * len(inside)
            units.append(counts[number][0][covered])
            rejects.append(counts[number][1][covered])
    found = [ProductionSums()] * len(parts)
    if cuts:
        lengths = [(span.end_us - span.start_us) // MINUTE_US for span in cuts]
        part = np.repeat(np.array(number_of, np.int64), lengths)
        for (number, _), sums in part_sums(log_of(cuts), np.concatenate(units), np.concatenate(rejects), part, len(parts)).items():
            found[number] += sums
    return found


def counts_of_parts(connection: Connection, parts: Sequence[Part]) -> list[tuple[Floats, Floats]]:
    """(units, rejects) by minute of each part, NaN where nothing was reported."""
    machines = {machine.id: machine for machine in producing_machines(connection, sorted({part[0] for part in parts}))}
    found = [tuple(np.full((high - low) // MINUTE_US, np.nan) for _ in range(2)) for _, low, high in parts]
    wanted: list[tuple[int, int]] = []  # (2 × part + 0 or 1, sensor)
    for number, (device_id, low, high) in enumerate(parts):
        machine = machines.get(device_id)
        if machine is None:
            continue
        if any(counter.kind == "totalizer" for counter in _counters(machine) if counter is not None):
            minutes = machine_minutes(connection, machine, low, high, None)
            found[number] = (minutes.units, minutes.rejects)
            continue
        wanted += [(2 * number + which, counter.id) for which, counter in enumerate(_counters(machine)) if counter is not None]
    if wanted:
        lows, highs = (np.array([parts[number // 2][edge] for number, _ in wanted], np.int64) for edge in (1, 2))
        parameters = {
            "numbers": ids_array([number for number, _ in wanted]), "ids": ids_array([sensor for _, sensor in wanted]),
            "lows": times_array(lows), "highs": times_array(highs),
        }  # fmt: skip
        for number, bucket, units in zip(
            *(column.tolist() for column in fetch_columns(connection, ("n", "bucket", "sum"), _COUNTS, parameters)), strict=True
        ):
            found[number // 2][number % 2][(bucket - parts[number // 2][1]) // MINUTE_US] = units
    return [(units, rejects) for units, rejects in found]


def _counters(machine: ProducingMachine) -> tuple[Counter | None, Counter | None]:
    return machine.produced, machine.rejected


def _columns(parts: Sequence[Part]) -> dict[str, object]:
    return {
        "ids": ids_array([part[0] for part in parts]),
        "lows": times_array(np.array([part[1] for part in parts], np.int64)),
        "highs": times_array(np.array([part[2] for part in parts], np.int64)),
    }
