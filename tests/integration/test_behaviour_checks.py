"""Rules of the kinds anomaly and trend: what the job finds in stored readings becomes alerts, once, and ends again."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.rules import RuleDraft, create_rule
from dashapp.domain.fleet import Role
from dashapp.domain.rule_settings import RuleSettings, RuleType
from dashapp.ingest.services import Services
from db.columns import DAY_US, HOUR_US, MINUTE_US, from_us
from db.commands.rules import RuleTarget
from db.engine import Database
from db.queries.grids import grid, step_for
from db.tenancy import tenant_reading
from jobs.alert_checks import AlertChecks
from jobs.behaviour_checks import BehaviourChecks
from tests.integration.plant import START_US, Press, make_pipeline
from tests.integration.stored import store

pytestmark = pytest.mark.requirement("AL-2")
MIDNIGHT_US = START_US + 2 * DAY_US  # START_US is one as well


@pytest.fixture
def running(database: Database) -> Iterator[Services]:
    services = make_pipeline(database)
    yield services
    services.pipeline.stop()


def rule_of(press: Press, settings: RuleSettings, sensor_id: int | None = None) -> int:
    """A new rule on a sensor of the press, or on the press itself."""
    with tenant_reading(press.database.engine, press.tenant_id) as connection:
        device_id = connection.execute(text("select id from devices")).scalar_one()
    target = RuleTarget(device_id=device_id) if sensor_id is None else RuleTarget(sensor_id=sensor_id)
    return create_rule(press.database, Actor("user", 0, press.tenant_id, Role.MANAGER), RuleDraft("the rule", settings, target))


def alerts(press: Press) -> list[tuple[str, str, str]]:
    """(type, state, message) of every alert, the oldest first."""
    with tenant_reading(press.database.engine, press.tenant_id) as connection:
        rows = connection.execute(text("select type, state, message from alerts order by id"))
        return [(row.type, row.state, row.message.replace("\u202f", " ")) for row in rows]


def minutes(start_us: int, end_us: int) -> np.ndarray:
    return np.arange(start_us, end_us, MINUTE_US) + 1_000_000


@pytest.mark.requirement("AN-6")
def test_a_value_on_its_way_to_a_limit_warns_once_and_the_warning_ends(press: Press, running: Services) -> None:
    rule_of(press, RuleSettings(RuleType.TREND, high=90, low=10, look_back_h=4, within_h=6), press.temperature)
    checks, random = BehaviourChecks(press.database, running.rulebook), np.random.default_rng(3)
    at = minutes(START_US, START_US + 4 * HOUR_US)
    store(press.database, press.tenant_id, press.temperature, at, 60 + 5 * (at - START_US) / HOUR_US + random.normal(0, 0.5, len(at)))
    now = from_us(START_US + 4 * HOUR_US)

    checks.run(now)
    checks.run(now)
    ((kind, state, message),) = alerts(press)
    assert (kind, state) == ("trend_warning", "B")
    assert re.fullmatch(r"Temperature rises and will be at 90 °C in about (1 h 5\d|2 h \d) min \(1 h 5?\d min to 2 h \d+ min\)", message)

    flat = minutes(START_US + 4 * HOUR_US, START_US + 9 * HOUR_US)
    store(press.database, press.tenant_id, press.temperature, flat, 80 + random.normal(0, 0.5, len(flat)))
    checks.run(from_us(START_US + 9 * HOUR_US))
    assert [state for _, state, _ in alerts(press)] == ["D"]


def test_a_flat_or_far_or_silent_value_warns_of_nothing(press: Press, running: Services) -> None:
    rule_of(press, RuleSettings(RuleType.TREND, high=90, look_back_h=4, within_h=1), press.temperature)
    checks, random = BehaviourChecks(press.database, running.rulebook), np.random.default_rng(3)
    checks.run(from_us(START_US))
    at = minutes(START_US, START_US + 4 * HOUR_US)
    store(press.database, press.tenant_id, press.temperature, at, 60 + 5 * (at - START_US) / HOUR_US + random.normal(0, 0.5, len(at)))

    checks.run(from_us(START_US + 4 * HOUR_US))  # it is two hours away
    checks.run(from_us(START_US + 40 * HOUR_US))  # nothing came for long
    assert alerts(press) == []


@pytest.fixture
def learned(press: Press) -> Press:
    """A day of two sensors, each minute, and the three hours after midnight, in the last of which the vibration is twice what it was."""
    random = np.random.default_rng(5)
    at = minutes(MIDNIGHT_US - DAY_US, MIDNIGHT_US + 3 * HOUR_US)
    wave = np.sin((at - START_US) / HOUR_US * np.pi / 3)
    store(press.database, press.tenant_id, press.temperature, at, 70 + 4 * wave + random.normal(0, 0.6, len(at)))
    shaken = at >= MIDNIGHT_US + 2 * HOUR_US
    store(press.database, press.tenant_id, press.vibration, at, 2 + 0.5 * wave + random.normal(0, 0.2, len(at)) + 2 * shaken)
    return press


@pytest.mark.requirement("AN-5")
def test_a_device_that_behaves_unlike_before_raises_an_anomaly_that_names_the_sensor(learned: Press, running: Services) -> None:
    rule_of(learned, RuleSettings(RuleType.ANOMALY))
    checks = BehaviourChecks(learned.database, running.rulebook)

    checks.run(from_us(MIDNIGHT_US + 2 * HOUR_US))
    assert alerts(learned) == []
    checks.run(from_us(MIDNIGHT_US + 3 * HOUR_US))

    ((kind, state, message),) = alerts(learned)
    assert (kind, state) == ("data_anomaly", "B")
    assert message.startswith("Press behaves unlike what was learned:")
    assert "most of it Vibration" in message


@pytest.mark.requirement("AN-5")
def test_another_replica_comes_to_the_same(learned: Press, running: Services) -> None:
    rule_of(learned, RuleSettings(RuleType.ANOMALY), learned.vibration)
    BehaviourChecks(learned.database, running.rulebook).run(from_us(MIDNIGHT_US + 3 * HOUR_US))
    before = alerts(learned)

    BehaviourChecks(learned.database, running.rulebook).run(from_us(MIDNIGHT_US + 3 * HOUR_US))

    assert [(kind, state) for kind, state, _ in before] == [("data_anomaly", "B")]
    assert alerts(learned) == before


def test_a_delay_passes_between_two_looks_by_the_clock(learned: Press, running: Services) -> None:
    rule_of(learned, RuleSettings(RuleType.ANOMALY, on_delay_s=90), learned.vibration)
    behaviour = BehaviourChecks(learned.database, running.rulebook)
    clock = AlertChecks(learned.database, running.rulebook, started_us=START_US)
    looked_us = MIDNIGHT_US + 3 * HOUR_US

    behaviour.run(from_us(looked_us))
    clock.run(from_us(looked_us + 89_000_000))
    assert alerts(learned) == []
    clock.run(from_us(looked_us + 90_000_000))
    assert [kind for kind, *_ in alerts(learned)] == ["data_anomaly"]


def test_a_device_that_is_silent_is_not_judged(learned: Press, running: Services) -> None:
    rule_of(learned, RuleSettings(RuleType.ANOMALY))
    checks = BehaviourChecks(learned.database, running.rulebook)
    checks.run(from_us(MIDNIGHT_US + 3 * HOUR_US))

    checks.run(from_us(MIDNIGHT_US + 9 * HOUR_US))

    assert [state for _, state, _ in alerts(learned)] == ["B"]  # as it was when it was last heard


def test_too_little_to_learn_from_judges_nothing(press: Press, running: Services) -> None:
    rule_of(press, RuleSettings(RuleType.ANOMALY))
    at = minutes(MIDNIGHT_US - HOUR_US, MIDNIGHT_US + HOUR_US)
    store(press.database, press.tenant_id, press.temperature, at, np.where(at > MIDNIGHT_US, 900.0, 70.0))

    BehaviourChecks(press.database, running.rulebook).run(from_us(MIDNIGHT_US + HOUR_US))

    assert alerts(press) == []


def test_single_readings_leave_these_rules_alone(press: Press, running: Services) -> None:
    """However far beyond: a rule of these kinds is not evaluated as readings come."""
    rule_of(press, RuleSettings(RuleType.TREND, high=90, look_back_h=4, within_h=2), press.temperature)
    rule_of(press, RuleSettings(RuleType.ANOMALY), press.temperature)
    book = running.rulebook.of(press.tenant_id)

    assert np.isneginf(book.low).all()
    assert np.isposinf(book.high).all()
    assert len(book.swept) == 2


@pytest.mark.parametrize(("settings", "field"), [
    (RuleSettings(RuleType.TREND), "high"),
    (RuleSettings(RuleType.TREND, high=5, within_h=90, look_back_h=2), "within_h"),
    (RuleSettings(RuleType.ANOMALY, learn_h=1), "learn_h"),
])  # fmt: skip
def test_what_no_such_rule_can_be_set_to_is_refused(press: Press, settings: RuleSettings, field: str) -> None:
    with pytest.raises(ActionError) as refused:
        rule_of(press, settings, press.temperature)
    assert refused.value.field == field


def test_a_trend_needs_a_sensor(press: Press) -> None:
    with pytest.raises(ActionError) as refused:
        rule_of(press, RuleSettings(RuleType.TREND, high=5))
    assert refused.value.field == "sensor"


def test_a_grid_holds_means_where_readings_are_and_nothing_elsewhere(press: Press, database: Database) -> None:
    times = [START_US + 1, START_US + 30_000_000, START_US + 2 * MINUTE_US, START_US + 5 * MINUTE_US]
    store(database, press.tenant_id, press.temperature, times, [10.0, 20.0, 7.0, 99.0])

    def asked(step_us: int) -> list[list[float | None]]:
        with tenant_reading(database.engine, press.tenant_id) as connection:
            found = grid(connection, [press.temperature, press.vibration], START_US, START_US + 5 * MINUTE_US, step_us)
        return [[None if np.isnan(value) else float(value) for value in row] for row in found]

    assert asked(MINUTE_US) == [[15, None], [None, None], [7, None], [None, None], [None, None]]
    assert asked(5 * MINUTE_US) == [[pytest.approx(37 / 3), None]]
    with pytest.raises(ValueError, match="whole minutes"):
        asked(90_000_000)
    assert [step_for(n * HOUR_US, 1000) // MINUTE_US for n in (1, 17, 24 * 30)] == [1, 2, 60]
