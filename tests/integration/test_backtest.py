"""A journal that was recorded live, from shuffled and late arrivals, comes out of a backtest over what was stored: one for one."""

import random
from collections.abc import Iterator

import pytest

from dashapp.domain.backtest import replay, would_be
from dashapp.domain.rule_settings import RuleSettings
from dashapp.domain.rules import offline_limit_us
from db.commands.partitions import ensure_partitions
from db.engine import Database
from db.queries.backtest import Replayable, stored_track
from db.tenancy import tenant_reading
from tests.integration.alarm_plant import StoredPlant
from tests.integration.plant import START_US
from tests.scenarios import settings_record

pytestmark = pytest.mark.requirement("AL-8", "IN-9")
S = 1_000_000
PERIOD_S = 2
RULES = {
    "plain": {"high": 90},
    "severities and delays": {"high": 90, "severity": "medium", "high_high": 96, "high_high_severity": "critical", "deadband": 2,
                              "on_delay": 5, "off_delay": 3},
    "rate": {"high": None, "rate": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(database: Database) -> Database:
    ensure_partitions(database, (START_US - 7_200_000_000, START_US + 7_200_000_000))
    return database


@pytest.fixture
def recorded(prepared: Database, request: pytest.FixtureRequest) -> Iterator[StoredPlant]:
    """A live recording with the rule: shuffled, late, in batches, with a silence, an import, a sweep and a restart in it."""
    plant = StoredPlant(prepared, {"name": "backtest", "rule": RULES[request.param], "steps": []})
    chance = random.Random(8)
    value, readings = 88.0, list[tuple[float, float]]()
    for n in range(180):
        value = min(max(value + chance.uniform(-6, 6), 82), 100)
        readings.append((n * PERIOD_S + (90 if n >= 120 else 0), round(value, 1)))
    try:
        at = 0
        while at < len(readings):
            piece = readings[at : at + chance.choice([1, 1, 2, 5])]
            held = [one for one in piece if chance.random() < 0.15]  # these come after what follows them
            now_s = piece[-1][0] + chance.choice([0, 0.4, 3])
            _post(plant, chance.sample(piece, len(piece)) if not held else [one for one in piece if one not in held], now_s)
            at += len(piece)
            if held:
                readings[at + 2 : at + 2] = held
            if at in range(60, 64):
                plant.restart(now_s)
            if chance.random() < 0.1:
                plant.tick(now_s + 0.5)
        plant.bring_in([(-20.0, 99.0), (-10.0, 99.0), (600.0, 99.0)])
        yield plant
    finally:
        plant.stop()


def _post(plant: StoredPlant, piece: list[tuple[float, float]], now_s: float) -> None:
    plant.now_s = now_s
    body = [
        {"device_id": "MX-01", "sensor_type": "temperature", "value": value, "timestamp": plant.at(at).isoformat()} for at, value in piece
    ]
    if body:
        answer = plant.door.post(body if len(body) > 1 else body[0])
        assert answer.status_code in (200, 201, 409), answer.text


def stored(plant: StoredPlant, *, with_imports: bool = False) -> Replayable:
    low, high = START_US - 3600 * S, START_US + 3600 * S
    with tenant_reading(plant.database.engine, plant.tenant_id) as connection:
        return stored_track(connection, plant.sensor_id, low, high, with_imports=with_imports)


def driven(plant: StoredPlant) -> list[tuple[str, float, str]]:
    """The journal's events that readings drove, in their order: what, when, how severe."""
    words = {"re_raised": "raised"}
    return [
        (words.get(event["what"], event["what"]), round(event["at"], 6), event["severity"])
        for event in plant.events()
        if event["what"] in ("raised", "re_raised", "severity_raised", "returned")
    ]


def replayed(plant: StoredPlant, settings: RuleSettings) -> list[tuple[str, float, str]]:
    found = stored(plant)
    signals = replay(settings, found.track, offline_limit_us(PERIOD_S), until_us=START_US + round(plant.now_s * S))
    return [(signal.kind.value, round((signal.at_us - START_US) / S, 6), signal.severity.value) for signal in signals]


@pytest.mark.parametrize("recorded", RULES, indirect=True)
def test_unchanged_settings_give_the_journal_event_by_event(recorded: StoredPlant) -> None:
    settings = RuleSettings.from_record(settings_record(recorded.case))
    journal, found = driven(recorded), stored(recorded)

    assert len(journal) >= 6
    assert found.late > 5, "nothing came late: the recording shows too little"
    assert replayed(recorded, settings) == journal


@pytest.mark.parametrize("recorded", ["plain"], indirect=True)
def test_a_deadband_shows_how_many_alerts_fewer_and_imports_count_where_wanted(recorded: StoredPlant) -> None:
    def alerts(settings: RuleSettings, *, with_imports: bool = False) -> int:
        track = stored(recorded, with_imports=with_imports).track
        return len(would_be(replay(settings, track, offline_limit_us(PERIOD_S)), START_US - 3600 * S))

    raised = sum(what == "raised" for what, _, _ in driven(recorded))
    assert alerts(RuleSettings(high=90)) == raised
    assert 0 < alerts(RuleSettings(high=90, deadband=6)) < raised
    assert alerts(RuleSettings(high=90), with_imports=True) > raised
    assert stored(recorded).imported == 3
