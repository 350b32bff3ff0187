"""The demo plant's journal: the alerts that its rules would have raised over its history, answered by people who are simulated too.

What its readings say is replayed as a backtest does it (`dashapp.domain.backtest`), so that a backtest agrees with the journal. What
was still there at the end is left to the live rules. Nothing is told to anybody. Safe to run again: a journal that is there stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import text

from dashapp.domain.backtest import REPLAYED, Track, WouldBe, replay, would_be
from dashapp.domain.rule_settings import SECOND_US
from dashapp.domain.simulation_noise import stable_hash
from dashapp.ingest.catalogue import Catalogue
from dashapp.ingest.rulebook import Watched, compiled
from db.columns import from_us
from db.commands.alarms import Facts
from db.engine import Database
from db.queries.backtest import stored_track
from db.queries.rules import groups_of, rules
from db.tenancy import tenant_reading, tenant_transaction

PEOPLE = ("Ada Marin", "Jonas Weber", "Rita Klein")
FIRST_ANSWER_S, LAST_ANSWER_S = 15, 285  # before anything escalates
_COMMENTS = ("", "", "", "seen, on my way", "cooling turned up", "belt tightened", "known, maintenance is told")
_ALERT = text(
    "insert into alerts (tenant_id, rule_id, device_id, sensor_id, type, code, severity, state, message, value, raised_at, ended_at, cause,"
    " acknowledged_at, acknowledged_by, last_event_at) values (current_setting('andon.tenant')::int, :rule, :device, :sensor, :type, :code,"
    " :severity, 'A', :message, :value, :raised, :ended, :cause, :answered, :by, :ended) returning id"
)
_EVENTS = text(
    "insert into alert_events (tenant_id, alert_id, rule_id, device_id, sensor_id, at, recorded_at, what, state, by, comment, severity,"
    " value) values (current_setting('andon.tenant')::int, :alert, :rule, :device, :sensor, :at, :at, :what, :state, :by, :comment,"
    " :severity, :value)"
)


@dataclass(frozen=True, slots=True)
class _Past:
    """An alert of the past: who raised it, what it said, and who answered when."""

    watched: Watched
    was: WouldBe
    ended_us: int
    facts: Facts
    answered_us: int
    by: str
    comment: str


def write_past_alerts(database: Database, tenant_id: int, start_us: int, end_us: int) -> int:
    """Journals what the rules would have raised in start ≤ time < end; the number of alerts. None where there is a journal."""
    catalogue = Catalogue(database).of(tenant_id)
    with tenant_reading(database.engine, tenant_id) as connection:
        if connection.execute(text("select exists (select 1 from alerts)")).scalar_one():
            return 0
        book = compiled(rules(connection, enabled_only=True), groups_of(connection), catalogue)
        past: list[_Past] = []
        for watched in book.pairs:
            if watched.sensor is not None and watched.rule.settings.type in REPLAYED:
                track = stored_track(connection, watched.sensor.id, start_us, end_us).track
                past += _alerts(watched, track, start_us, end_us)
    past.sort(key=lambda one: one.was.raised_us)
    with tenant_transaction(database.engine, tenant_id) as connection:
        for one in past:
            alert_id = connection.execute(_ALERT, _row(one)).scalar_one()
            connection.execute(_EVENTS, list(_events(one, alert_id)))
    return len(past)


def _alerts(watched: Watched, track: Track, start_us: int, end_us: int) -> Iterator[_Past]:
    assert watched.sensor is not None
    for was in would_be(replay(watched.rule.settings, track, watched.offline_us), start_us):
        if was.ended_us is None:
            continue
        chance = [stable_hash("answer", watched.sensor.id, was.raised_us, number) / 2**64 for number in range(3)]
        answered_us = was.raised_us + round((FIRST_ANSWER_S + chance[0] ** 2 * (LAST_ANSWER_S - FIRST_ANSWER_S)) * SECOND_US)
        if max(answered_us, was.ended_us) >= end_us:
            continue
        row = int(np.searchsorted(track.times_us, was.raised_us, side="right")) - 1
        facts = watched.facts(was.limit, float(track.values[row]) if row >= 0 else None)
        by, comment = PEOPLE[int(chance[1] * len(PEOPLE))], _COMMENTS[int(chance[2] * len(_COMMENTS))]
        yield _Past(watched, was, was.ended_us, facts, answered_us, by, comment)


def _row(one: _Past) -> dict[str, object]:
    last_us = max(one.ended_us, one.answered_us)
    return {
        **_whose(one), "type": one.facts.type, "code": one.facts.code, "severity": one.was.severity, "message": one.facts.message,
        "value": one.facts.value, "raised": from_us(one.was.raised_us), "ended": from_us(last_us), "cause": one.was.limit.value,
        "answered": from_us(one.answered_us), "by": one.by,
    }  # fmt: skip


def _events(one: _Past, alert_id: int) -> Iterator[dict[str, object]]:
    """Raised, acknowledged and returned, in their order, with the state after each (REQUIREMENTS §4)."""
    first = one.answered_us < one.ended_us
    answered = (one.answered_us, "acknowledged", "C" if first else "A", one.by, one.comment or None)
    returned = (one.ended_us, "returned", "A" if first else "D", "system", None)
    for at_us, what, state, by, comment in ((one.was.raised_us, "raised", "B", "system", None), *sorted((answered, returned))):
        yield {
            **_whose(one), "alert": alert_id, "at": from_us(at_us), "what": what, "state": state, "by": by, "comment": comment,
            "severity": one.was.severity, "value": one.facts.value if what == "raised" else None,
        }  # fmt: skip


def _whose(one: _Past) -> dict[str, object]:
    target = one.watched.target
    return {"rule": target.rule_id, "device": target.device_id, "sensor": target.sensor_id}
