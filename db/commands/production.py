"""Computes production: spans, stops, hours and days of machines, from minutes, shifts, products and what people said.

Everything is a function of what is stored (`dashapp.domain.production`), so it can be computed anew as often as one likes. What changed is
marked (`production_marks`) or lies after `computed_to`. One transaction deletes the marks, reads, and writes the hours that came out
otherwise than they are. Times are microseconds since 1970 UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.periods import days_between
from dashapp.domain.production import STARTUP_MINUTES, Stop, machine_log
from dashapp.domain.production_sums import part_of, part_sums, spans_of
from dashapp.domain.shifts import Shift, ShiftCalendar, of_line, shifts_between
from db.columns import DAY_US, HOUR_US, to_us
from db.commands import production_rows as rows
from db.commands.production_stops import settle_stops
from db.engine import Database
from db.queries import production_facts as facts
from db.queries.production_facts import ProducingMachine
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_reading, tenant_transaction

PRODUCING_LOCK = 7_266_304
MOST_US = 7 * DAY_US  # of one machine in one transaction
MACHINES_AT_ONCE = 10

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plant:
    """What machines of a plant have in common."""

    calendars: Sequence[ShiftCalendar]
    zone: str
    known_to_us: int


@dataclass(frozen=True, slots=True)
class Recomputed:
    """Machines looked at, hours that came out otherwise, and whether something is left for the next run."""

    machines: int = 0
    hours: int = 0
    more: bool = False

    def __add__(self, other: "Recomputed") -> "Recomputed":
        return Recomputed(self.machines + other.machines, self.hours + other.hours, self.more or other.more)


def recompute_production(database: Database, tenant_id: int) -> Recomputed:
    """One run over the machines of a tenant: what is marked and what is new, at most a week of each. Safe to run twice at once."""
    with tenant_reading(database.engine, tenant_id) as connection:
        known_to = connection.execute(text("select computed_to from rollup_progress")).scalar_one_or_none()
        due = list(connection.execute(_WAITING, {"to": known_to}).scalars()) if known_to is not None else []
    done = Recomputed()
    for low in range(0, len(due), MACHINES_AT_ONCE):
        done += _recompute_some(database, tenant_id, due[low : low + MACHINES_AT_ONCE])
    return done


def recompute_machines(database: Database, tenant_id: int, device_ids: Sequence[int], *, wait_s: float = 0.5) -> bool:
    """What is marked of these machines, at once: for whoever changed something and wants to see what it makes of the figures.

    False where the job has them in hand for longer than that: it comes to it then.
    """
    with tenant_reading(database.engine, tenant_id) as connection:
        if not device_ids or connection.execute(text("select computed_to from rollup_progress")).scalar_one_or_none() is None:
            return False
    try:
        _recompute_some(database, tenant_id, device_ids, wait_s=wait_s)
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            return False
        raise
    return True


# A machine that counts and has ever reported, and is not computed as far as minutes are; and whatever is marked.
_WAITING = text("""
select d.id from devices d left join production_progress p on p.tenant_id = d.tenant_id and p.device_id = d.id
where d.is_machine and (p.computed_to < :to or (p.computed_to is null and exists (
  select 1 from sensors s where s.device_id = d.id and s.kind in ('increment', 'totalizer')
    and exists (select 1 from rollup_hour r where r.sensor_id = s.id))))
union select device_id from production_dirty order by 1""")


def _recompute_some(database: Database, tenant_id: int, device_ids: Sequence[int], *, wait_s: float = 0) -> Recomputed:
    with tenant_transaction(database.engine, tenant_id) as connection:
        connection.execute(text(f"set local lock_timeout = {round(wait_s * 1000)}"))  # 0: as long as it takes
        # A statement of its own: the next one's snapshot sees what the holder before committed.
        connection.execute(text("select pg_advisory_xact_lock(:lock, :tenant)"), {"lock": PRODUCING_LOCK, "tenant": tenant_id})
        marks: dict[int, list[Range]] = {}
        taken = text("delete from production_dirty where device_id = any(:ids) returning device_id, starts_at, ends_at")
        for row in connection.execute(taken, {"ids": list(device_ids)}):
            marks.setdefault(row.device_id, []).append((to_us(row.starts_at), to_us(row.ends_at)))
        known_to = connection.execute(text("select computed_to from rollup_progress")).scalar_one()
        plant = Plant(shift_calendars(connection), facts.plant_zone(connection), to_us(known_to))
        done = Recomputed()
        for machine in facts.producing_machines(connection, device_ids):
            done += _recompute_machine(connection, tenant_id, machine, plant, marks.get(machine.id, []))
        return done


def _recompute_machine(
    connection: Connection, tenant_id: int, machine: ProducingMachine, plant: Plant, marks: Sequence[Range]
) -> Recomputed:
    progress = rows.read_progress(connection, machine.id)
    firsts = facts.first_hours(connection, machine.sensor_ids)
    if not firsts:
        return Recomputed(1)
    first_us = min(firsts.values())
    rejects_from_us = firsts.get(machine.rejected.id) if machine.rejected is not None else None
    wanted = list(marks)
    if progress is None:
        wanted.append((first_us, plant.known_to_us))
    else:
        # Retention takes the oldest hours away; that they were there stays true.
        first_us = min(first_us, progress.first_us)
        if rejects_from_us is not None and progress.rejects_from_us is not None:
            rejects_from_us = min(rejects_from_us, progress.rejects_from_us)
        wanted += [(first_us, progress.first_us), (progress.computed_to_us, plant.known_to_us)]
        if rejects_from_us != progress.rejects_from_us:
            either = [us for us in (rejects_from_us, progress.rejects_from_us) if us is not None]
            wanted.append((min(either), max(either) if len(either) > 1 else plant.known_to_us))
    ranges = _reached(wanted, machine, plant, first_us)
    now, later = _within(ranges, MOST_US)
    for low, high in later:
        rows.insert_mark(connection, tenant_id, machine.id, low, high)
    hours = 0
    for low, high in now:
        hours += _compute(connection, tenant_id, machine, plant, (low, high), rejects_from_us, first_us)
    rows.keep_progress(connection, tenant_id, machine.id, plant.known_to_us, first_us, rejects_from_us)
    return Recomputed(1, hours, bool(later))


def _reached(wanted: Sequence[Range], machine: ProducingMachine, plant: Plant, first_us: int) -> list[Range]:
    """The whole hours of which something may change: the shifts that the ranges touch, in order and apart."""
    calendars = of_line(plant.calendars, machine.line)
    found: list[Range] = []
    for low, high in wanted:
        low, high = max(low - machine.silence_us, first_us), min(high + (STARTUP_MINUTES * MINUTE_US), plant.known_to_us)
        if low >= high:
            continue
        shifts = shifts_between(calendars, low, high)
        low = max(min([low, *(shift.start_us for shift in shifts)]), first_us)
        high = min(max([high, *(shift.end_us for shift in shifts)]), plant.known_to_us)
        found.append((low // HOUR_US * HOUR_US, -(-high // HOUR_US) * HOUR_US))
    merged: list[Range] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1]:
            low, high = merged[-1][0], max(high, merged.pop()[1])
        merged.append((low, high))
    return merged


def _within(ranges: Sequence[Range], most_us: int) -> tuple[list[Range], list[Range]]:
    """The newest of the ranges up to a length in all, and what is left of them: people look at today first."""
    now, later = [], []
    for low, high in reversed(ranges):
        middle = max(low, high - most_us)
        if middle < high:
            now.append((middle, high))
        if low < middle:
            later.append((low, middle))
        most_us -= high - middle
    return now, later


def _compute(
    connection: Connection, tenant_id: int, machine: ProducingMachine, plant: Plant, part: Range, rejects_from_us: int | None,
    first_us: int,
) -> int:  # fmt: skip
    """Computes whole hours of one machine; how many came out otherwise."""
    calendars = of_line(plant.calendars, machine.line)
    # Whole shifts, and an hour before them: what went on from the shift before is known then.
    around = shifts_between(calendars, part[0], part[1])
    low = min([part[0], *(shift.start_us for shift in around)]) // MINUTE_US * MINUTE_US - HOUR_US
    high = min(max([part[1], *(shift.end_us for shift in around)]), plant.known_to_us)
    shifts = shifts_between(calendars, low, high)
    minutes = facts.machine_minutes(connection, machine, low, high, rejects_from_us)
    said = facts.declared(connection, machine.id, low - DAY_US, high + DAY_US)
    log, stops = machine_log(minutes, shifts, said)
    inside = (max(part[0], first_us), min(part[1], high))
    begin, end = ((edge - log.start_us) // MINUTE_US for edge in inside)
    if begin >= end:
        return 0
    edges = _edges(inside, shifts, days_between(plant.zone, *inside))
    parts = part_sums(log, minutes.units, minutes.rejects, part_of(log.start_us, len(log.state), edges), len(edges) - 1)
    pieces = [rows.Piece(edges[number], edges[number + 1], product, sums) for (number, product), sums in parts.items()]
    changed = rows.settle_hours(connection, tenant_id, machine.id, part, pieces, spans_of(log, low=begin, high=end))
    if changed:
        rows.settle_days(connection, tenant_id, machine.id, days_between(plant.zone, min(changed), max(changed) + HOUR_US))
    judged = _judged(shifts, part)
    here = [stop for stop in stops if judged[0] <= stop.start_us < judged[1]]
    settle_stops(connection, tenant_id, machine.id, judged, here)
    return len(changed)


def stops_found(connection: Connection, machine: ProducingMachine, known_to_us: int) -> list[Stop]:
    """The stops of all that is known of a machine, computed and not stored: for whoever has something to say of each."""
    firsts = facts.first_hours(connection, machine.sensor_ids)
    if not firsts:
        return []
    low = min(firsts.values())
    minutes = facts.machine_minutes(connection, machine, low, known_to_us, None)
    shifts = shifts_between(of_line(shift_calendars(connection), machine.line), low, known_to_us)
    return machine_log(minutes, shifts, facts.declared(connection, machine.id, low, known_to_us))[1]


def _edges(part: Range, shifts: Sequence[Shift], days: Sequence[Range]) -> list[int]:
    """Where pieces begin and end: full hours, edges of shifts, midnights; on whole minutes."""
    edges = {*part, *range(-(-part[0] // HOUR_US) * HOUR_US, part[1], HOUR_US)}
    edges |= {edge // MINUTE_US * MINUTE_US for shift in shifts for edge in (shift.start_us, shift.end_us)}
    edges |= {edge // MINUTE_US * MINUTE_US for day in days for edge in day}
    return sorted(edge for edge in edges if part[0] <= edge <= part[1])


def _judged(shifts: Sequence[Shift], part: Range) -> Range:
    """The part with every shift that it touches: stops in it are known as a whole."""
    touched = [shift for shift in shifts if shift.end_us > part[0] and shift.start_us < part[1]]
    return min([part[0], *(shift.start_us for shift in touched)]), max([part[1], *(shift.end_us for shift in touched)])


