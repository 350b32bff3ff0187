"""The figures of alarm performance from a journal that was recorded live, and the file of them for those who may have it."""

import csv
import io
from collections.abc import Iterator

import pytest
from flask import Flask

from dashapp.domain.alarm_performance import performance
from dashapp.domain.fleet import Role
from dashapp.ui.web import create_web
from db.commands.partitions import ensure_partitions
from db.engine import Database
from db.queries.alarm_performance import journal_of
from db.tenancy import tenant_reading
from tests.integration.access import new_user
from tests.integration.alarm_plant import StoredPlant
from tests.integration.plant import START_US, make_pipeline, running
from tests.integration.web import clean_dash, signed_in_client
from tests.scenarios import Case, run

pytestmark = pytest.mark.requirement("AL-7")
S = 1_000_000
HOUR_US = 3600 * S
STEPS = [
    {"t": 0, "v": 95}, {"t": 2, "v": 80}, {"t": 4, "v": 95}, {"t": 6, "v": 80}, {"t": 8, "v": 95}, {"ack": 20, "by": "ann"},
    {"t": 22, "v": 80}, {"shelve": 30, "by": "ann", "until": 50, "reason": "loose"}, {"t": 36, "v": 95}, {"tick": 51},
    {"ack": 61, "by": "ann"},
]  # fmt: skip
CASE: Case = {"name": "performance", "rule": {"high": 90}, "steps": STEPS}
RANGE = "from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z"
FILE = f"/alerts/performance.csv?{RANGE}&operators=2"


@pytest.fixture(scope="module")
def plant(database: Database) -> Iterator[StoredPlant]:
    ensure_partitions(database, (START_US - 7_200_000_000, START_US + 7_200_000_000))
    made = StoredPlant(database, CASE)
    run(CASE, made)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(database: Database) -> Iterator[Flask]:
    with running(make_pipeline(database)) as services, clean_dash():
        yield create_web(services)


def test_a_recorded_journal_gives_its_figures(plant: StoredPlant) -> None:
    with tenant_reading(plant.database.engine, plant.tenant_id) as connection:
        journal = journal_of(connection, START_US, START_US + HOUR_US)
        of_no_line = journal_of(connection, START_US, START_US + HOUR_US, lines=["Building Z"])
        before = journal_of(connection, START_US - 2 * HOUR_US, START_US - HOUR_US)
    found = performance(journal.happenings, START_US, START_US + HOUR_US)

    # raised at 0, again at 4 and 8 (answered at 20, so over at 22), silently at 36, told at 50 when the shelving ended, answered at 61
    assert (found.count, found.asked, found.acknowledged, len(found.chattering)) == (4, 2, 2, 1)
    assert (found.mtta_mean_s, found.never_acknowledged) == ((20 + 11) / 2, 0)
    assert [(whose.device_key, whose.rule, whose.sensor) for whose in journal.sources.values()] == [("MX-01", "the rule", "Temperature")]
    assert (of_no_line.happenings, before.happenings) == ([], [])


def test_a_manager_gets_the_file_and_an_operator_does_not(server: Flask, plant: StoredPlant) -> None:
    def client(role: Role):  # type: ignore[no-untyped-def]
        return signed_in_client(server, new_user(plant.database, plant.tenant_id, role))

    answer = client(Role.MANAGER).get(FILE)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    by_name = {row["figure"]: row for row in rows}
    assert (by_name["Announcements"]["value"], by_name["Most in 10 minutes per operator"]["value"]) == ("4", "2.0")
    assert (by_name["most frequent, 1: MX-01, the rule"]["value"], rows[0]["operators"]) == ("4", "2")
    assert client(Role.OPERATOR).get(FILE).status_code == 403
    assert client(Role.MANAGER).get("/alerts/performance.csv?range=nonsense").status_code == 400
