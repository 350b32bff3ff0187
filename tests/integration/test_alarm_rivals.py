"""Who does the same at the same time: fifty people, two replicas."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from dashapp.actions import alerts as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.maintenance import Window, plan_window
from dashapp.actions.rules import enable_rule
from dashapp.domain.fleet import Role
from db.commands.partitions import ensure_partitions
from db.engine import Database
from jobs.alert_checks import AlertChecks
from tests.integration.alarm_plant import StoredPlant
from tests.integration.plant import START_US

CASE = {"steps": [{"by": "ann"}], "events": []}


@pytest.fixture
def plant(database: Database):
    ensure_partitions(database, (START_US, START_US + 3_600_000_000))
    made = StoredPlant(database, CASE)
    yield made
    made.stop()


def at_once(*works: Callable[[], object]) -> None:
    """Runs them together; each in a thread of its own."""
    together = threading.Barrier(len(works))

    def go(work: Callable[[], object]) -> None:
        together.wait()
        work()

    threads = [threading.Thread(target=go, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.requirement("AL-3", "AL-6")
def test_of_fifty_who_acknowledge_at_once_one_is_first_and_the_others_are_told_who(database: Database, plant: StoredPlant) -> None:
    plant.reading(0, 95, 0)
    alert_id = plant.open_alert()
    told: list[str] = []

    def acknowledge(number: int) -> None:
        try:
            actions.acknowledge_alert(database, Actor("key", number, plant.tenant_id, Role.OPERATOR), alert_id, now=plant.at(5))
            told.append(f"key:{number}")
        except ActionError as error:
            told.append(error.reason if error.status == 409 else f"status {error.status}")

    at_once(*(lambda number=number: acknowledge(number) for number in range(50)))

    (first,) = [each for each in told if each.startswith("key:") and " " not in each]
    assert sum(each == f"{first} acknowledged it before, at 00:00:05 UTC" for each in told) == 49
    assert [event["what"] for event in plant.events()] == ["raised", "acknowledged"]


@pytest.mark.requirement("AL-1", "OP-1")
def test_two_replicas_that_sweep_at_once_say_everything_once(database: Database, plant: StoredPlant) -> None:
    plant.reading(0, 95, 0)
    replicas = [AlertChecks(database, plant.services.rulebook) for _ in range(2)]
    for replica in replicas:
        replica.run(plant.at(1))

    at_once(*(lambda replica=replica: replica.run(plant.at(301)) for replica in replicas))

    assert [event["what"] for event in plant.events()] == ["raised", "escalated"]


@pytest.mark.requirement("AL-4")
def test_what_is_raised_in_a_planned_window_is_told_when_it_ends(database: Database, plant: StoredPlant) -> None:
    window = Window(plant.at(10), plant.at(10) + timedelta(seconds=50), "new bearing", device_id=plant.device_id)
    plan_window(database, plant.manager, window, now=plant.at(0))
    plant.tick(10)
    plant.reading(12, 95, 12)
    plant.tick(59)
    plant.tick(60)

    assert [(e["at"], e["what"], e["state"], e["silent"]) for e in plant.events()] == [
        (12, "raised", "B", True), (60, "back_in_service", "B", False),
    ]  # fmt: skip


@pytest.mark.requirement("AL-2")
def test_a_rule_that_is_switched_off_lets_go_of_what_it_raised(database: Database, plant: StoredPlant) -> None:
    plant.reading(0, 95, 0)
    enable_rule(database, plant.manager, plant.rule_id, False)
    plant.services.rulebook.forget(plant.tenant_id)
    plant.tick(1)
    plant.reading(2, 95, 2)

    assert [(e["at"], e["what"], e["state"]) for e in plant.events()] == [(0, "raised", "B"), (1, "returned", "D")]
