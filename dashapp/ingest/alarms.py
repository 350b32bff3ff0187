"""Rules evaluated as readings are stored, in the same transaction. REQUIREMENTS AL-1, IN-9.

Most readings change nothing: one pass over columns finds those that may (`dashapp.domain.still`), and only the targets of these are
locked, read, decided on one by one (`dashapp.domain.watch`) and written. What the rules of a slice wait for comes with the lock
of its state, so that a slice in which nothing stirs costs no round trip.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.domain import alerts, rules
from dashapp.domain.alerts import Event
from dashapp.domain.rule_settings import SWEPT, RuleType
from dashapp.domain.rules import Reading, RuleState
from dashapp.domain.still import NEVER_US, NO_READING_US, Pairs, stillness, stirring
from dashapp.domain.watch import Watch, read
from dashapp.ingest.rulebook import Rulebook, TenantRules, Watched
from dashapp.ingest.writer import NewRows
from db.binary import INT4, array_bytes
from db.commands.alarm_sql import WAITING
from db.commands.alarms import Change, Facts, Loaded, Target, load, save
from db.commands.readings import Connection
from db.exchange import Parameters, Statement


@dataclass(frozen=True, slots=True)
class Sequenced:
    """The new rows that are evaluated, by sensor and time, each with the reading of its sensor before it; columns of shape (n,)."""

    sensor_ids: NDArray[np.int32]
    times_us: NDArray[np.int64]
    values: NDArray[np.float64]
    before_us: NDArray[np.int64]  # NO_READING_US where there is none
    before_values: NDArray[np.float64]

    def of(self, sensor_id: int) -> slice:
        """The rows of one sensor."""
        low, high = np.searchsorted(self.sensor_ids, [sensor_id, sensor_id + 1])
        return slice(int(low), int(high))

    def before(self, row: int) -> Reading | None:
        """The reading before a row."""
        time_us = int(self.before_us[row])
        return None if time_us == NO_READING_US else Reading(time_us, float(self.before_values[row]))

    def reading(self, row: int) -> Reading:
        """A row."""
        return Reading(int(self.times_us[row]), float(self.values[row]))


class Evaluation:
    """What the writers call: `asks` before the rows are stored, the object itself once they are."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook

    def asks(self, tenant_id: int, sensor_ids: NDArray[np.int32]) -> Sequence[tuple[Statement, Parameters]]:
        """What the rules of these sensors wait for, asked while their state is being locked."""
        book = self._rulebook.of(tenant_id)
        if not book:
            return ()
        sensors = np.unique(sensor_ids)
        devices = {book.device_of[sensor] for sensor in sensors.tolist() if sensor in book.device_of} if book.devices else ()
        return ((WAITING, (array_bytes(sensors, INT4), array_bytes(np.array(sorted(devices), np.int32), INT4))),)

    def __call__(self, connection: Connection, new: NewRows) -> None:
        book = self._rulebook.of(new.tenant_id)
        if not book or not new.asked:
            return
        waiting = _waiting(book, new.asked[0].get_value(0, 0))
        rows = sequenced(new)
        stirred = _stirred(book, waiting, rows)
        sensors = set(new.rows.sensor_ids.tolist())
        devices = {book.device_of.get(sensor) for sensor in sensors} if book.offline else set()
        for target in waiting:  # what was silent, and now something arrived
            if _is_offline(book, target) and (target.sensor_id in sensors or (not target.sensor_id and target.device_id in devices)):
                stirred[target] = len(rows.sensor_ids)
        stirred.update({each.target: stirred.get(each.target, len(rows.sensor_ids)) for each in _suppressed(book, rows)})
        if not stirred:
            return
        loaded = load(connection, stirred)
        arrived_us = round(new.received_at * 1e6)
        changes = [
            change
            for target, first in stirred.items()
            if (watched := book.watched(target)) is not None
            and (change := _change(watched, loaded[target], rows, first, arrived_us)) is not None
        ]
        save(connection, new.tenant_id, changes)


def sequenced(new: NewRows) -> Sequenced:
    """The rows that are newer than the last evaluated one of their sensor, in the order in which they are evaluated."""
    position = np.searchsorted(new.state.sensor_ids, new.rows.sensor_ids)
    live = new.rows.times_us > new.before_us[position]
    rows, position = new.rows.take(live), position[live]
    order = np.lexsort((rows.times_us, rows.sensor_ids))
    rows, position = rows.take(order), position[order]
    before_us, before_values = new.before_us[position], new.before_values[position]
    follows = np.flatnonzero(rows.sensor_ids[1:] == rows.sensor_ids[:-1]) + 1
    before_us[follows], before_values[follows] = rows.times_us[follows - 1], rows.values[follows - 1]
    return Sequenced(rows.sensor_ids, rows.times_us, rows.values, before_us, before_values)


def _waiting(book: TenantRules, raw: bytes | None) -> dict[Target, RuleState]:
    """Target → what its rule waits for, where it waits for something in the version that is known here."""
    found: dict[Target, RuleState] = {}
    for rule_id, device_id, sensor_id, version, state in json.loads(raw) if raw else ():
        target = Target(rule_id, device_id, sensor_id)
        watched = book.watched(target)
        if watched is not None and watched.rule.version == version:
            found[target] = RuleState.from_record(state)
    return found


def _stirred(book: TenantRules, waiting: Mapping[Target, RuleState], rows: Sequenced) -> dict[Target, int]:
    """Target → the first row that may change something there."""
    if not len(book.sensor_ids) or not len(rows.sensor_ids):
        return {}
    place = np.minimum(np.searchsorted(book.sensor_ids, rows.sensor_ids), len(book.sensor_ids) - 1)
    count = np.where(book.sensor_ids[place] == rows.sensor_ids, book.count[place], 0)
    row = np.repeat(np.arange(len(count)), count)
    if not len(row):
        return {}
    pair = np.repeat(book.first[place], count) + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    low, high, until_us, holds = book.low, book.high, np.full(len(book.low), NEVER_US), np.zeros(len(book.low), bool)
    numbers = [(book.number_of[target], state) for target, state in waiting.items() if target in book.number_of]
    if numbers:
        low, high = low.copy(), high.copy()
    for number, state in numbers:
        still = stillness(book.pairs[number].rule.settings, state)
        low[number], high[number], until_us[number], holds[number] = still.low, still.high, still.until_us, still.holds
    columns = Pairs(low[pair], high[pair], until_us[pair], holds[pair], book.gap_us[pair], book.is_rate[pair])
    found = np.flatnonzero(
        stirring(columns, rows.values[row], rows.times_us[row], rows.before_values[row], rows.before_us[row])
    )
    first: dict[Target, int] = {}
    for n in found.tolist():  # rows of a sensor are in the order of time
        first.setdefault(book.pairs[pair[n]].target, int(row[n]))
    return first


def _suppressed(book: TenantRules, rows: Sequenced) -> Iterable[Watched]:
    """Targets whose suppress-when turned, true or false, by a row of the sensor that it looks at."""
    for sensor_id, targets in book.suppressing.items():
        mine = rows.of(sensor_id)
        for each in targets if mine.start < mine.stop else ():
            if any(truth != was for _, truth, was in _turns(each, rows, mine)):
                yield each


def _turns(watched: Watched, rows: Sequenced, mine: slice) -> Iterable[tuple[int, bool, bool]]:
    """(time, whether suppress-when is true, whether it was) at each row of the sensor that it looks at."""
    when = watched.rule.settings.suppress_when
    assert when is not None  # only such are among the suppressing
    for row in range(mine.start, mine.stop):
        before = rows.before(row)
        yield int(rows.times_us[row]), when.holds(float(rows.values[row])), before is not None and when.holds(before.value)


def _change(watched: Watched, loaded: Loaded, rows: Sequenced, first: int, arrived_us: int) -> Change | None:
    """What the slice does to one target: its rows from the first that stirred, and what suppresses it, by their times."""
    if not loaded.on or loaded.version != watched.rule.version:
        return None  # the rule was changed a moment ago: what comes next is evaluated by the new one
    settings, watch, events, values = watched.rule.settings, loaded.watch, list[Event](), dict[int, float]()
    steps: list[tuple[int, int, object]] = []
    silent = settings.type is RuleType.OFFLINE
    if watched.sensor is not None and not silent and settings.type not in SWEPT:
        mine = rows.of(watched.sensor.id)
        steps += [(int(rows.times_us[row]), 1, row) for row in range(max(first, mine.start), mine.stop)]
    when = settings.suppress_when
    if when is not None and (looked_at := watched.device.sensors.get(when.sensor)) is not None:
        turns = _turns(watched, rows, rows.of(looked_at.id))
        steps += [(time_us, 0, truth) for time_us, truth, was in turns if truth != was]
    lag_us = 0
    for time_us, kind, what in sorted(steps, key=lambda step: step[:2]):
        if kind == 0:
            alert, told = (alerts.suppress(watch.alert, time_us, _reason(watched)) if what else alerts.unsuppress(watch.alert, time_us))
            watch = Watch(watch.rule, alert)
        else:
            assert isinstance(what, int)
            before, reading = rows.before(what), rows.reading(what)
            watch, told = read(settings, watch, before, reading, arrived_us, watched.offline_us)
            lag_us = arrived_us - reading.time_us
            held = reading.value if before is None else before.value
            values.update({event.at_us: held if event.at_us < reading.time_us else reading.value for event in told if event.limit})
        events += told
    if silent:
        watch, told = read(settings, watch, None, Reading(arrived_us, 0.0), arrived_us, watched.offline_us)
        events += told
    due_us = rules.due_us(settings, watch.rule)
    if watch.rule == loaded.watch.rule:  # what it waits for, and when that is due by our clock, is as it was
        due_us, lag_us = loaded.due_us, 0
    return Change(
        loaded, watch, events, watched.rule.version, lambda event: _facts(watched, event, values), watched.escalate_after_us,
        None if due_us is None else due_us + lag_us,
    )  # fmt: skip


def _is_offline(book: TenantRules, target: Target) -> bool:
    watched = book.watched(target)
    return watched is not None and watched.rule.settings.type is RuleType.OFFLINE


def _facts(watched: Watched, event: Event, values: Mapping[int, float]) -> Facts:
    assert event.limit is not None  # asked about events that raise
    return watched.facts(event.limit, values.get(event.at_us))


def _reason(watched: Watched) -> str:
    when = watched.rule.settings.suppress_when
    return "" if when is None else f"{when.sensor} is {when.relation} {when.value:g}"
