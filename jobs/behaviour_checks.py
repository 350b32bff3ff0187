"""Job `check-behaviour`: rules of the kinds anomaly and trend, which no single reading decides on. REQUIREMENTS AL-1, AN-5, AN-6.

Each minute it asks where a value is going, and whether a device behaves as it was learned. What it finds goes through the same life cycle
as every alert. A model is learned anew each day (UTC) from the hours before; it, and how far the watch has come, are
held in memory and follow from what is stored, so that another replica, or the next start, comes to the same.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from dashapp.domain import anomalies, trends
from dashapp.domain.alarm_words import alert_code, alert_message, alert_type, number
from dashapp.domain.alerts import Event
from dashapp.domain.anomalies import SENSITIVE, Model, State
from dashapp.domain.notices import lasted
from dashapp.domain.rule_settings import Limit, RuleSettings, RuleType
from dashapp.domain.rules import due_us
from dashapp.domain.watch import sweep_judged
from dashapp.ingest.catalogue import SensorEntry
from dashapp.ingest.rulebook import Rulebook, TenantRules, Watched
from db.columns import DAY_US, HOUR_US, MINUTE_US, to_us
from db.commands.alarms import Change, Facts, Loaded, Target, load, save
from db.engine import Database
from db.queries.grids import grid, step_for
from db.tenancy import tenant_reading, tenant_transaction

log = logging.getLogger("andon.jobs.behaviour_checks")
MOST_ROWS = 3000  # a model is learned from, and a line is laid through
STAYS = 1.5  # a warning ends when the limit is this much further away than where it began
LEAST_KNOWN = 0.5  # of the rows to learn from must hold something
NAMED = 2  # sensors, of those that make a score
Told = Callable[[Event], Facts]
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Learned:
    """A model with how far its watch has come: rows up to `until_us` are judged. None: too little was there to learn from."""

    version: int
    since_us: int
    until_us: int
    step_us: int
    model: Model | None
    state: State | None
    score: float = 0.0
    parts: tuple[float, ...] = ()


class BehaviourChecks:
    """Remembers the models of each target."""

    def __init__(self, database: Database, rulebook: Rulebook) -> None:
        self._database = database
        self._rulebook = rulebook
        self._learned: dict[int, dict[Target, Learned]] = {}

    def run(self, now: datetime) -> int:
        """Looks at everything once; the number of events."""
        began, told = time.perf_counter(), 0
        with self._database.engine.connect() as connection:
            tenants = list(connection.execute(text("select id from andon_tenants()")).scalars())
        for gone in set(self._learned) - set(tenants):
            del self._learned[gone]
        for tenant_id in tenants:
            try:
                book = self._rulebook.of(tenant_id)
                if book.swept:
                    told += self._check(tenant_id, book, to_us(now))
            except LookupError:  # the tenant was removed meanwhile
                continue
            except Exception:  # the others' alarms must not wait for what is wrong with one
                log.exception("behaviour in tenant %d was not checked", tenant_id)
        if told:
            log.info("%d events in %.0f ms", told, 1000 * (time.perf_counter() - began))
        return told

    def _check(self, tenant_id: int, book: TenantRules, now_us: int) -> int:
        held = self._learned.setdefault(tenant_id, {})
        for gone in set(held) - {each.target for each in book.swept}:
            del held[gone]
        with tenant_transaction(self._database.engine, tenant_id) as connection:
            loaded = load(connection, [each.target for each in book.swept])
        verdicts = {}
        with tenant_reading(self._database.engine, tenant_id) as connection:
            for each in book.swept:
                raised = loaded[each.target].watch.rule.severity is not None
                if each.rule.settings.type is RuleType.TREND:
                    verdicts[each.target] = heading(connection, each, raised=raised, now_us=now_us)
                else:
                    verdicts[each.target] = self._behaving(connection, each, held, now_us)
        with tenant_transaction(self._database.engine, tenant_id) as connection:
            loaded = load(connection, verdicts)
            changes = [_change(each, loaded[each.target], *verdicts[each.target], now_us) for each in book.swept]
            return save(connection, tenant_id, [change for change in changes if change is not None])

    def _behaving(
        self, connection: Connection, watched: Watched, held: dict[Target, Learned], now_us: int
    ) -> tuple[bool | None, Told]:
        """Whether a device, or one sensor, is under alarm now; None where too little is known."""
        settings, sensors = watched.rule.settings, looked_at(watched)
        known = held.get(watched.target)
        step_us = step_for(round(settings.learn_h * HOUR_US), MOST_ROWS)
        since_us = now_us // DAY_US * DAY_US
        if known is None or (known.version, known.since_us) != (watched.rule.version, since_us):
            known = held[watched.target] = learned(connection, watched, sensors, since_us, step_us)
        if known.model is None or known.state is None:
            return None, _plain(watched)
        until_us = now_us // step_us * step_us
        if until_us > known.until_us:
            rows = grid(connection, [sensor.id for sensor in sensors], known.until_us, until_us, step_us)
            known.until_us = until_us
            rows = rows[~np.isnan(rows).all(axis=1)]
            if len(rows):
                scores, known.state = anomalies.watch(known.model, known.state, rows)
                known.score, known.parts = float(scores.score[-1]), tuple(scores.parts[-1].tolist())
        return known.state.on, _unusual(watched, sensors, known)


def looked_at(watched: Watched) -> list[SensorEntry]:
    """The sensors that an anomaly is looked for in: the rule's, or every one of the device that measures something."""
    if watched.sensor is not None:
        return [watched.sensor]
    return [sensor for sensor in watched.device.sensors.values() if sensor.kind == "gauge"]


def learned(connection: Connection, watched: Watched, sensors: Sequence[SensorEntry], since_us: int, step_us: int) -> Learned:
    """A model of the hours before `since_us`."""
    nothing = Learned(watched.rule.version, since_us, since_us, step_us, None, None)
    if not sensors:
        return nothing
    settings = watched.rule.settings
    start_us = (since_us - round(settings.learn_h * HOUR_US)) // step_us * step_us
    rows = grid(connection, [sensor.id for sensor in sensors], start_us, since_us, step_us)
    seen = ~np.isnan(rows).all(axis=1)
    enough = seen.sum() >= max(anomalies.least_rows(len(sensors)), LEAST_KNOWN * len(rows))
    if not enough or np.isnan(rows).all(axis=0).any():
        return nothing
    model, state = anomalies.learn(rows[seen], SENSITIVE[settings.sensitivity])
    return Learned(watched.rule.version, since_us, since_us, step_us, model, state)


def heading(connection: Connection, watched: Watched, *, raised: bool, now_us: int) -> tuple[bool | None, Told]:
    """Whether a value is on its way to a limit, and what is said of it then; None where nothing came."""
    assert watched.sensor is not None  # a rule of this kind is about a sensor
    settings = watched.rule.settings
    back_us = round(settings.look_back_h * HOUR_US)
    step_us = step_for(back_us, 500)
    end_us = now_us // MINUTE_US * MINUTE_US
    start_us = (end_us - back_us) // step_us * step_us
    value = grid(connection, [watched.sensor.id], start_us, end_us, step_us)[:, 0]
    known = ~np.isnan(value)
    times = start_us + np.arange(len(value), dtype=np.int64) * step_us + step_us // 2
    line = trends.fitted(times[known], value[known])
    if line is None or not known[-max(1, len(known) // 4) :].any():
        return None, _plain(watched)
    ahead_us = round(settings.within_h * HOUR_US * (STAYS if raised else 1))
    for limit in (settings.high, settings.low):
        if limit is None:
            continue
        reach = trends.reaches(line, limit, now_us)
        if reach is not None and reach.at_us - now_us <= ahead_us:
            return True, _soon(watched, line, reach, now_us)
        if raised and _beyond(settings, line.now):
            return True, _plain(watched)  # it got there: what is to be said of that, a rule with a limit says
    return False, _plain(watched)


def _beyond(settings: RuleSettings, value: float) -> bool:
    return (settings.high is not None and value > settings.high) or (settings.low is not None and value < settings.low)


def _change(watched: Watched, loaded: Loaded, condition: bool | None, told: Told, now_us: int) -> Change | None:
    settings = watched.rule.settings
    if not loaded.on or loaded.version != watched.rule.version:
        return None
    watch, events = sweep_judged(settings, loaded.watch, condition, now_us)
    return Change(loaded, watch, events, loaded.version, told, watched.escalate_after_us, due_us(settings, watch.rule))


def _facts(watched: Watched, limit: Limit, message: str, value: float | None) -> Facts:
    return Facts(alert_type(limit), alert_code(limit, watched.sensor.key if watched.sensor else ""), message, value)


def _plain(watched: Watched) -> Told:
    """Where nothing more is known: what was waited for passed by the clock."""
    name = watched.sensor.name if watched.sensor else watched.device.name

    def told(event: Event) -> Facts:
        limit = event.limit or Limit(watched.rule.settings.type.value)
        return _facts(watched, limit, alert_message(watched.rule.settings, limit, name, "", None), None)

    return told


def _soon(watched: Watched, line: trends.Line, reach: trends.Reach, now_us: int) -> Told:
    """`Temperature rises and will be at 90 °C in about 3 h (2 h 40 min to 3 h 30 min)`."""
    assert watched.sensor is not None
    word = "rises" if line.trend.slope_per_hour > 0 else "falls"
    first = lasted((reach.earliest_us - now_us) / 1e6)
    between = f"not before {first}" if reach.latest_us is None else f"{first} to {lasted((reach.latest_us - now_us) / 1e6)}"
    message = (
        f"{watched.sensor.name} {word} and will be at {number(reach.limit, watched.sensor.unit)}"
        f" in about {lasted((reach.at_us - now_us) / 1e6)} ({between})"
    )
    return lambda event: _facts(watched, Limit.TREND, message, line.now)


def _unusual(watched: Watched, sensors: Sequence[SensorEntry], known: Learned) -> Told:
    """`MX-01 behaves unlike the 24 h before: 1.8 times the limit, most of it Temperature (63 %)`."""
    name = watched.sensor.name if watched.sensor else watched.device.name
    total = sum(known.parts)
    ranked = sorted(zip(known.parts, sensors, strict=False), key=lambda pair: -pair[0])[:NAMED]
    named = [f"{sensor.name} ({part / total:.0%})" for part, sensor in ranked if total > 0 and part >= 0.15 * total]
    message = f"{name} behaves unlike what was learned: {known.score:.2g} times the limit"
    if len(sensors) > 1 and named:
        message += f", most of it {' and '.join(named)}"
    return lambda event: _facts(watched, Limit.ANOMALY, message, known.score)
