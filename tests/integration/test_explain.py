"""What is behind a figure: an independent computation from the export alone gives what the queries and the API give."""

import random
import re
from pathlib import Path

import pytest

from dashapp.actions import production
from dashapp.domain.oee import Loss, figures, waterfall
from dashapp.domain.shifts import DAY_US
from db.columns import from_us
from db.engine import Database
from db.queries.explain import HEADER, explain, explain_rows
from db.queries.production import production_table
from db.tenancy import tenant_reading
from tests import oee_by_hand
from tests.integration.works import SENSORS, Works, new_works

pytestmark = pytest.mark.requirement("PR-5", "PR-1", "PR-2")
FIGURES = ("availability", "effectiveness", "quality", "oee", "nee", "teep", "mtbf_s", "mttr_s", "known")


def lively(works: Works, machine: str, seed: int, days: int = 3) -> None:
    """Days with everything in them: stops of every length, faults, silence, rejects, other speeds, off-shift work."""
    chance = random.Random(seed)
    for day in range(1, days + 1):
        minute = 5 * 60 + chance.randrange(60)
        while minute < 23 * 60:
            length = min(chance.choice((1, 2, 3, 8, 25, 60, 90)), 23 * 60 - minute)
            kind = chance.random()
            units = [float(chance.randrange(18, 36)) if kind < 0.6 else 0.0 if kind < 0.93 else None] * length
            start = f"{day} {minute // 60:02}:{minute % 60:02}"
            works.make(machine, start, units, rejects=chance.randrange(3), fault=float(0.6 <= kind < 0.75))
            minute += length


@pytest.fixture(scope="module")
def works(database: Database) -> Works:
    """Three machines with lively days, one of which does not count rejects, and stops that were explained, split, entered."""
    made = new_works(database, ("M1", "M2", "M3"))
    for number, machine in enumerate(("M1", "M2", "M3")):
        lively(made, machine, number)
    made.settle("4 00:00")
    chance, now = random.Random(9), from_us(made.at("4 00:00"))
    for machine in ("M1", "M2"):
        for stop in made.stops(machine):
            if chance.random() < 0.7:
                production.assign_reason(database, made.manager, stop.id, chance.choice(list(made.reasons.values())), now=now)
        longest = max(made.stops(machine), key=lambda stop: stop.planned_s)
        production.split_stop(database, made.manager, longest.id, (longest.start_us + (longest.end_us or 0)) // 2, now=now)
    entered = (made.at("2 10:00"), made.at("2 10:20"))
    production.enter_stop(database, made.manager, made.devices["M3"], *entered, made.reasons["staff"], now=now)
    return made


@pytest.mark.parametrize("machine", ["M1", "M2", "M3"])
def test_every_figure_can_be_computed_again_from_the_export_alone(works: Works, machine: str) -> None:
    chance, compared = random.Random(machine), 0
    device_id = works.devices[machine]
    for _ in range(15):
        low = works.at("00:00") + chance.randrange(3 * DAY_US)
        high = low + chance.randrange(60_000_000, works.at("4 00:00") - low + 60_000_001)
        with tenant_reading(works.database.engine, works.tenant_id) as connection:
            found = explain(connection, device_id, low, high)
            assert found is not None
            sums = production_table(connection, [device_id], [(low, high)])[device_id][0]
        text = "\r\n".join(",".join(str(cell) for cell in row) for row in [HEADER, *explain_rows(found, {})])
        by_hand = oee_by_hand.figures_of(oee_by_hand.rows_of(text))
        shown = figures(sums)
        for name in FIGURES:
            value = getattr(shown, name).value
            assert by_hand[name] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), (name, low, high)
            compared += value is not None
        steps = {step.key: step.seconds for step in waterfall(sums)}
        if steps:
            assert {key: pytest.approx(value, rel=1e-9, abs=1e-9) for key, value in by_hand["losses"].items() if value is not None} == {
                key: steps[key] for key in by_hand["losses"] if steps[key] is not None
            }
            assert by_hand["counts"] == {str(loss): sums.of(loss)[1] for loss in map(Loss, by_hand["counts"])}
        assert (by_hand["produced"], by_hand["rejected"]) == (sums.produced, sums.rejected)
        assert found.sums == sums
    assert compared > 60


def test_a_machine_whose_rejects_nobody_counts_is_explained_too(database: Database) -> None:
    blind = new_works(database, sensors=[sensor for sensor in SENSORS if sensor.key != "reject_count"])
    lively(blind, "M1", 5, days=1)
    blind.settle("2 00:00")
    with tenant_reading(database.engine, blind.tenant_id) as connection:
        found = explain(connection, blind.devices["M1"], blind.at("00:00"), blind.at("2 00:00"))
    assert found is not None
    text = "\r\n".join(",".join(str(cell) for cell in row) for row in [HEADER, *explain_rows(found, {})])
    by_hand = oee_by_hand.figures_of(oee_by_hand.rows_of(text))
    assert (by_hand["quality"], by_hand["oee"], by_hand["rejected"]) == (None, None, None)
    assert by_hand["effectiveness"] == pytest.approx(figures(found.sums).effectiveness.value, rel=1e-9)


def test_the_independent_computation_is_independent() -> None:
    source = Path(oee_by_hand.__file__).read_text()
    assert set(re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)) == {"csv", "io", "json", "sys", "datetime"}
