"""Every named case of the alarm semantics on PostgreSQL: readings by the HTTP door, actions, sweeps, restarts."""

import pytest

from db.commands.partitions import ensure_partitions
from db.engine import Database
from tests.integration.alarm_plant import StoredPlant
from tests.integration.plant import START_US
from tests.scenarios import Case, cases, differences, run


@pytest.fixture(scope="module")
def prepared(database: Database) -> Database:
    ensure_partitions(database, (START_US - 7_200_000_000, START_US + 7_200_000_000))
    return database


@pytest.mark.requirement("AL-1", "AL-2", "AL-3", "IN-9")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_a_named_case_on_the_database(prepared: Database, case: Case) -> None:
    plant = StoredPlant(prepared, case)
    try:
        assert differences(case, run(case, plant)) == []
    finally:
        plant.stop()
