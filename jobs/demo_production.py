"""The demo plant's production: calendars of its lines, products, and reasons for most of the stops of its history.

Calendars say what the simulation does (`dashapp.domain.simulation_episodes`). Safe to run again: what is there stays.
"""

from datetime import date, timedelta

from sqlalchemy import Connection, text

from dashapp.domain.fleet import SEEDED_FLEET
from dashapp.domain.production import Stop
from dashapp.domain.simulation import ideal_units_per_s
from dashapp.domain.simulation_noise import stable_hash
from db.columns import DAY_US, to_us
from db.commands.production import stops_found
from db.commands.production_edits import insert_reasons
from db.commands.products import insert_product, insert_product_run, set_rates
from db.commands.reasons import ensure_default_reasons
from db.commands.shifts import insert_shift_calendar
from db.engine import Database
from db.queries.production_facts import producing_machines
from db.queries.shifts import shift_calendars
from db.queries.stops import reasons
from db.tenancy import tenant_transaction
from jobs import production

WORKDAYS = [1, 2, 3, 4, 5]
EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
EARLY = {"name": "Early", "start": "06:00", "end": "14:00"}
LATE = {"name": "Late", "start": "14:00", "end": "22:00"}
NIGHT = {"name": "Night", "start": "22:00", "end": "06:00"}
EARLY_BREAKS, LATE_BREAKS = [["09:00", "09:15"], ["12:00", "12:30"]], [["17:00", "17:15"], ["19:30", "20:00"]]
PLANT = {
    "shifts": [
        {**EARLY, "days": WORKDAYS, "breaks": EARLY_BREAKS},
        {**LATE, "days": WORKDAYS, "breaks": LATE_BREAKS},
        {**NIGHT, "days": [1, 2, 3, 4], "breaks": [["02:00", "02:30"]]},
    ]
}
"""Two shifts on weekdays, and a third over the nights between them: where a line has no calendar of its own."""
LINES = {
    "Building A": ("Around the clock", {"shifts": [{**shift, "days": EVERY_DAY} for shift in (EARLY, LATE, NIGHT)]}),
    "Building B": (
        "Two shifts",
        {"shifts": [{**EARLY, "days": WORKDAYS, "breaks": EARLY_BREAKS}, {**LATE, "days": WORKDAYS, "breaks": LATE_BREAKS}]},
    ),
}
PRODUCTS = {
    "MX-01": (("cap-28", "Cap 28 mm", 1.0), ("cap-38", "Cap 38 mm", 1.06)),
    "MX-02": (("bracket-l", "Bracket left", 1.0), ("bracket-r", "Bracket right", 1.04)),
    "MX-03": (("lens-40", "Lens 40 mm", 1.0), ("lens-52", "Lens 52 mm", 1.08)),
}
"""Machine → products: key, name, planned run time per item against that of the fastest one."""
SHIFT_BEGINS_US = DAY_US // 4  # the early one
GIVEN_AFTER = timedelta(minutes=4)
EXPLAINED_SHARE = 0.75  # of the stops of the past; somebody has still to look at the others
_WHY = (
    ("breakdown", 0.40, ("", "Waited for the electrician", "Drive reset")),
    ("tool", 0.58, ("", "Gripper changed", "Nozzle cleaned")),
    ("adjustment", 0.72, ("", "Sensor moved back")),
    ("changeover", 0.84, ("",)),
    ("material", 0.93, ("", "Pallet came late")),
    ("maintenance", 1.0, ("Greased while it stood still",)),
)


def ensure_calendars(connection: Connection) -> None:
    """Calendars of the plant and of its lines, each where there is none."""
    there = {calendar.line for calendar in shift_calendars(connection)}
    for line, (name, pattern) in {"": ("Three shifts", PLANT), **LINES}.items():
        if line not in there:
            insert_shift_calendar(connection, name, "UTC", pattern, date(2020, 1, 1), line=line)


def ensure_products(connection: Connection, start_us: int, end_us: int) -> None:
    """Products with their planned run times, and which ran when: each machine changes every day. Nothing where there are products."""
    ensure_default_reasons(connection)
    if connection.execute(text("select exists (select 1 from products)")).scalar_one():
        return
    ids = {row.key: row.id for row in connection.execute(text("select id, key from devices where is_machine"))}
    for device in SEEDED_FLEET:
        if device.key not in ids or device.key not in PRODUCTS:
            continue
        made = []
        for key, name, factor in PRODUCTS[device.key]:
            product_id = insert_product(connection, key, name)
            assert product_id is not None
            set_rates(connection, product_id, {ids[device.key]: round(factor / ideal_units_per_s(device), 4)}, None)
            made.append(product_id)
        first = start_us // DAY_US
        insert_product_run(connection, ids[device.key], made[first % 2], first * DAY_US, by="system")
        for day in range(first + 1, (end_us - SHIFT_BEGINS_US) // DAY_US + 1):
            insert_product_run(connection, ids[device.key], made[day % 2], day * DAY_US + SHIFT_BEGINS_US, by="system")


def explain_and_compute(database: Database, tenant_id: int) -> int:
    """Gives most stops of the past a reason, where none has been given yet, and computes production; how many were given."""
    with tenant_transaction(database.engine, tenant_id) as connection:
        known_to = connection.execute(text("select computed_to from rollup_progress")).scalar_one_or_none()
        there = connection.execute(text("select exists (select 1 from downtime_edits)")).scalar_one()
        said = 0
        if known_to is not None and not there:
            by_code = {reason.code: reason.id for reason in reasons(connection)}
            for machine in producing_machines(connection):
                why = [_why(machine.key, stop, by_code) for stop in stops_found(connection, machine, to_us(known_to)) if not stop.open]
                given = [one for one in why if one is not None]
                insert_reasons(connection, machine.id, given, by="system", after=GIVEN_AFTER)
                said += len(given)
    production.run_for(database, tenant_id)
    return said


def _why(machine: str, stop: Stop, by_code: dict[str, int]) -> tuple[int, int, int, str] | None:
    """What somebody said of a stop; None of those that nobody has looked at."""
    chance = [stable_hash("why", machine, stop.start_us, number) / 2**64 for number in range(3)]
    if chance[0] > EXPLAINED_SHARE:
        return None
    code, _, words = next(one for one in _WHY if chance[1] <= one[1])
    return stop.start_us, stop.end_us, by_code[code], words[int(chance[2] * len(words))]
