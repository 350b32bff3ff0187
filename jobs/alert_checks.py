"""Job `check-alerts`: what no reading triggers. REQUIREMENTS AL-1.

Delays that pass without a reading, silence, levels of escalation, shelving and maintenance that end, alerts whose rule was changed.
Each decision is made on what is locked and read in its own transaction, so that the job may run twice, or on two replicas.
"""

import logging
import time
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text

from dashapp.domain import alerts, rules
from dashapp.domain.alerts import ACTIVE, Event
from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import SWEPT, Limit, RuleType
from dashapp.domain.rules import QUIET, Reading, Signal, SignalKind
from dashapp.domain.watch import Watch, escalation_us, sweep, sweep_judged, sweep_silence
from dashapp.ingest.rulebook import Rulebook, TenantRules, Watched
from db.columns import to_us
from db.commands.alarms import Change, Facts, Loaded, Target, due_targets, load, open_targets, save
from db.commands.maintenance import Escalation, begin_window, due_windows, end_window, no_facts
from db.engine import Database
from db.queries.arrivals import Arrival, last_arrivals, lock_sensors
from db.tenancy import tenant_transaction

log = logging.getLogger("andon.jobs.alert_checks")
LOOK_AGAIN_US = 15_000_000  # at silence, at the latest; nobody goes offline sooner than 30 s after an arrival
MOST_AT_ONCE = 500


class AlertChecks:
    """Remembers of each tenant when somebody can next be offline, and which rules its open alerts were compared with.

    `started_us`: who has been silent since before is given time to come back, since it may be us who were away.
    """

    def __init__(self, database: Database, rulebook: Rulebook, *, started_us: int | None = None) -> None:
        self._database = database
        self._rulebook = rulebook
        self._started_us = started_us
        self._silence: dict[int, tuple[TenantRules, int]] = {}
        self._compared: dict[int, TenantRules] = {}

    def run(self, now: datetime) -> int:
        """Everything that is due; the number of events."""
        began, now_us, told = time.perf_counter(), to_us(now), 0
        with self._database.engine.connect() as connection:
            due = set(connection.execute(text("select andon_tenants_with_alarms_due(:now)"), {"now": now}).scalars())
            tenants = list(connection.execute(text("select id from andon_tenants()")).scalars())
        for tenant_id in tenants:
            try:
                told += self._check(tenant_id, now_us, tenant_id in due)
            except LookupError:  # the tenant was removed meanwhile
                continue
            except Exception:  # the others' alarms must not wait for what is wrong with one
                log.exception("alarms of tenant %d were not checked", tenant_id)
        if told:
            log.info("%d events in %.0f ms", told, 1000 * (time.perf_counter() - began))
        return told

    def _check(self, tenant_id: int, now_us: int, due: bool) -> int:
        book = self._rulebook.of(tenant_id)
        told = 0
        if self._compared.get(tenant_id) is not book:
            told += self._compare(tenant_id, book, now_us)
            self._compared[tenant_id] = book
        if due:
            told += self._pass(tenant_id, book, now_us)
        known, look_at_us = self._silence.get(tenant_id, (None, 0))
        if book.offline and (known is not book or now_us >= look_at_us):
            told += self._hear(tenant_id, book, now_us)
        return told

    def _pass(self, tenant_id: int, book: TenantRules, now_us: int) -> int:
        """What passes by the clock."""
        told = 0
        with tenant_transaction(self._database.engine, tenant_id) as connection:
            for window in due_windows(connection, now_us):
                if not window.began and window.ends_us > now_us:
                    begin_window(connection, tenant_id, window, _escalation(book))
                else:
                    end_window(connection, tenant_id, window.id, window.ends_us, "system", _escalation(book))
            targets = due_targets(connection, now_us)[:MOST_AT_ONCE]
            seen = lock_sensors(connection, _sensors(book, targets))
            changes = [_passed(book, each, seen, now_us) for each in load(connection, targets).values()]
            told += save(connection, tenant_id, changes)
        return told

    def _hear(self, tenant_id: int, book: TenantRules, now_us: int) -> int:
        """Who has been silent for too long."""
        offline = [each for each in (*book.devices.values(), *book.pairs) if each.rule.settings.type is RuleType.OFFLINE]
        with tenant_transaction(self._database.engine, tenant_id) as connection:
            arrivals = last_arrivals(connection)
            deadlines = {each.target: self._deadline(each, arrivals) for each in offline}
            late = [each for each in offline if (at_us := deadlines[each.target]) is not None and at_us <= now_us]
            told = 0
            if late:
                arrivals = lock_sensors(connection, [sensor.id for each in late for sensor in each.device.sensors.values()])
                loaded = load(connection, [each.target for each in late])
                told = save(connection, tenant_id, [_silent(each, loaded[each.target], arrivals, now_us) for each in late])
        ahead = [at_us for at_us in deadlines.values() if at_us is not None and at_us > now_us]
        self._silence[tenant_id] = (book, min([*ahead, now_us + LOOK_AGAIN_US]))
        return told

    def _deadline(self, watched: Watched, arrivals: dict[int, Arrival]) -> int | None:
        last_us, offline_us = _last_arrival(watched, arrivals)
        if last_us is None:
            return None
        at_us = last_us + offline_us + watched.rule.settings.on_delay_us
        if self._started_us is not None and at_us <= self._started_us + offline_us and last_us < self._started_us:
            return self._started_us + offline_us
        return at_us

    def _compare(self, tenant_id: int, book: TenantRules, now_us: int) -> int:
        """Alerts whose rule no longer says that something is wrong: it was changed, switched off or removed, or its target went."""
        with tenant_transaction(self._database.engine, tenant_id) as connection:
            devices = list(connection.execute(text("select id from devices")).scalars())
            targets = open_targets(connection, devices)
            lock_sensors(connection, _sensors(book, targets))
            loaded = load(connection, targets)
            return save(connection, tenant_id, [_compared(book, each, now_us) for each in loaded.values()])


def _passed(book: TenantRules, loaded: Loaded, seen: dict[int, Arrival], now_us: int) -> Change:
    """What the clock does to one target."""
    watched, rule = book.watched(loaded.target), book.rules.get(loaded.target.rule_id)
    steps = () if rule is None else escalation_us(rule.settings)
    if watched is None or loaded.version != watched.rule.version:
        alert, events = alerts.advance(loaded.watch.alert, now_us, steps)
        return Change(loaded, Watch(loaded.watch.rule, alert), events, loaded.version, no_facts, steps, None)
    settings = watched.rule.settings
    held: float | None = None
    if settings.type is RuleType.OFFLINE:
        last_us, offline_us = _last_arrival(watched, seen)
        watch, events = sweep_silence(settings, loaded.watch, last_us, now_us, offline_us)
        lag_us = 0
    elif settings.type in SWEPT:
        watch, events = sweep_judged(settings, loaded.watch, None, now_us)
        lag_us = 0
    else:
        before, lag_us = None, 0
        state = seen.get(loaded.target.sensor_id)
        if state is not None and state.time_us is not None and state.value is not None:
            before, held = Reading(state.time_us, state.value), state.value
        waits_us = rules.due_us(settings, loaded.watch.rule)
        if waits_us is not None and loaded.due_us is not None:
            lag_us = loaded.due_us - waits_us
        watch, events = sweep(settings, loaded.watch, before, lag_us, now_us, watched.offline_us)
    due_us = rules.due_us(settings, watch.rule)
    due_us = None if due_us is None or due_us + lag_us <= now_us else due_us + lag_us  # what did not pass was held no longer
    return Change(loaded, watch, events, loaded.version, lambda event: _facts(watched, event, held), watched.escalate_after_us, due_us)


def _silent(watched: Watched, loaded: Loaded, arrivals: dict[int, Arrival], now_us: int) -> Change:
    last_us, offline_us = _last_arrival(watched, arrivals)
    watch, events = loaded.watch, tuple[Event, ...]()
    if loaded.on and loaded.version == watched.rule.version:
        watch, events = sweep_silence(watched.rule.settings, loaded.watch, last_us, now_us, offline_us)
    return Change(
        loaded, watch, events, loaded.version, lambda event: _facts(watched, event, None), watched.escalate_after_us, loaded.due_us
    )


def _compared(book: TenantRules, loaded: Loaded, now_us: int) -> Change:
    rule, watched = book.rules.get(loaded.target.rule_id), book.watched(loaded.target)
    steps = () if rule is None else escalation_us(rule.settings)
    says = loaded.watch.rule.severity is not None and watched is not None and loaded.on
    external = rule is not None and rule.settings.type is RuleType.EXTERNAL
    if says or external or loaded.watch.alert.base not in ACTIVE:
        return Change(loaded, loaded.watch, (), loaded.version, no_facts, steps, loaded.due_us)
    latch = rule is not None and rule.settings.latch and watched is not None
    signal = Signal(SignalKind.RETURNED, now_us, loaded.watch.alert.severity or Severity.LOW, Limit.HIGH)
    alert, events = alerts.signalled(loaded.watch.alert, signal, latch=latch)
    why = "the rule was changed" if watched is not None else "the rule does not watch it any more"
    return Change(loaded, Watch(QUIET, alert), alerts.commented(events, why), loaded.version, no_facts, steps, None)


def _facts(watched: Watched, event: Event, value: float | None) -> Facts:
    assert event.limit is not None  # asked about events that raise
    return watched.facts(event.limit, value)


def _last_arrival(watched: Watched, arrivals: dict[int, Arrival]) -> tuple[int | None, int]:
    """(when something last arrived, the silence that is too long): of the sensor, or of whatever the device has that was ever live."""
    wanted = watched.device.sensors.values() if watched.sensor is None else (watched.sensor,)
    live = [(arrival.arrived_us, each.period_s) for each in wanted if (arrival := arrivals.get(each.id)) and arrival.arrived_us is not None]
    if not live:
        return None, watched.offline_us
    return max(arrived for arrived, _ in live if arrived is not None), rules.offline_limit_us(min(period for _, period in live))


def _sensors(book: TenantRules, targets: Iterable[Target]) -> list[int]:
    """Sensors whose state decides on these targets."""
    found: set[int] = set()
    for target in targets:
        watched = book.watched(target)
        if watched is not None:
            found.update([watched.sensor.id] if watched.sensor else [sensor.id for sensor in watched.device.sensors.values()])
    return sorted(found)


def _escalation(book: TenantRules) -> Escalation:
    def steps(target: Target) -> tuple[int, ...]:
        rule = book.rules.get(target.rule_id)
        return () if rule is None else escalation_us(rule.settings)

    return steps

