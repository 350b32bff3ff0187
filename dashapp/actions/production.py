"""What someone can say of a machine's stops: why, where one ends and another begins, that there was one, that there was none.

Nothing is overwritten: every action adds to what was said (`downtime_edits`) and to the audit log, and the figures follow at once. An
actor who is narrowed to lines meets only theirs. `at` is the original time of what was said without a network; of two things said of the
same minute the later one holds, whichever arrives first. With an `idempotency_key` what arrives twice is done once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.fleet import Role
from dashapp.domain.production import Said
from dashapp.domain.shifts import busy_us, of_line
from db.columns import DAY_US, to_us
from db.commands import audit, idempotency
from db.commands.production import recompute_machines
from db.commands.production_edits import insert_stop_edit
from db.engine import Database
from db.queries.shifts import shift_calendars
from db.queries.stops import StopRow, one_stop, stops_between
from db.tenancy import tenant_transaction

CLOCKS_DIFFER = timedelta(seconds=60)  # a phone's clock may be ahead by this much
LONGEST_COMMENT = 2_000
LONGEST_ENTERED_US = 7 * DAY_US
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Wish:
    """An action on its way: what it is called, and when and how it was said."""

    verb: str
    comment: str = ""
    at: datetime | None = None
    key: str | None = None
    now: datetime | None = None
    role: Role = Role.OPERATOR


Do = Callable[[Connection, StopRow, datetime], None]


def assign_reason(
    database: Database, actor: Actor, stop_id: int, reason_id: int | None, comment: str = "", *, at: datetime | None = None,
    idempotency_key: str | None = None, now: datetime | None = None,
) -> bool:  # fmt: skip
    """Says why a machine stood still (None: takes the reason back); operators and above. False where it had arrived before.

    It covers the stop as a whole, also while that goes on and where readings that come later move its edges; a part that was split off
    by itself.
    """

    def do(connection: Connection, stop: StopRow, moment: datetime) -> None:
        _check_reason(connection, reason_id)
        _say(connection, actor, stop, Said.REASON, moment, reason_id=reason_id, comment=comment.strip())

    asked = {"reason": reason_id}
    return _on_stop(database, actor, stop_id, _Wish("assign_reason", comment, at, idempotency_key, now), do, asked)


def comment_stop(
    database: Database, actor: Actor, stop_id: int, comment: str, *, at: datetime | None = None, idempotency_key: str | None = None,
    now: datetime | None = None,
) -> bool:  # fmt: skip
    """Adds a remark to a stop; operators and above."""
    if not comment.strip():
        raise ActionError("comment", "say something")

    def do(connection: Connection, stop: StopRow, moment: datetime) -> None:
        _say(connection, actor, stop, Said.COMMENT, moment, comment=comment.strip())

    return _on_stop(database, actor, stop_id, _Wish("comment_stop", comment, at, idempotency_key, now), do, {})


def split_stop(database: Database, actor: Actor, stop_id: int, at_us: int, *, now: datetime | None = None) -> None:
    """Makes two stops of one from this minute on, each to be explained by itself; operators and above."""
    cut_us = at_us // MINUTE_US * MINUTE_US

    def do(connection: Connection, stop: StopRow, moment: datetime) -> None:
        if not stop.start_us < cut_us < _end_us(stop, moment):
            raise ActionError("at", "this is not within the stop")
        insert_stop_edit(connection, stop.device_id, Said.SPLIT, cut_us, cut_us + MINUTE_US, by=actor.label, at=moment)

    _on_stop(database, actor, stop_id, _Wish("split_stop", now=now), do, {"cut": cut_us})


def join_stop(database: Database, actor: Actor, stop_id: int, *, now: datetime | None = None) -> None:
    """Takes splits at the edges of a stop back: it is one again with what it was cut from, under its reason; operators and above."""

    def do(connection: Connection, stop: StopRow, moment: datetime) -> None:
        if not (stop.cut_start or stop.cut_end):
            raise ActionError("stop", "nobody split this stop", status=409)
        near = stops_between(connection, stop.start_us - DAY_US, _end_us(stop, moment) + DAY_US, device_ids=[stop.device_id])
        first = max((one for one in near if stop.cut_start and one.start_us < stop.start_us), key=_start_us, default=stop)
        last = min((one for one in near if stop.cut_end and one.start_us > stop.start_us), key=_start_us, default=stop)
        for before, after in ((first, stop), (stop, last)):
            if before is not after:
                low_us, high_us = _end_us(before, moment), after.start_us + MINUTE_US
                insert_stop_edit(connection, stop.device_id, Said.JOIN, low_us, high_us, by=actor.label, at=moment)
        insert_stop_edit(
            connection, stop.device_id, Said.REASON, first.start_us, _end_us(last, moment), by=actor.label, at=moment,
            open_edges=(not first.cut_start, not last.cut_end), reason_id=stop.reason_id,
        )  # fmt: skip

    _on_stop(database, actor, stop_id, _Wish("join_stop", now=now), do, {})


def edit_stop(
    database: Database, actor: Actor, stop_id: int, start_us: int, end_us: int | None, comment: str = "", *, now: datetime | None = None
) -> None:
    """Says when a stop really began and ended, whatever was measured; operators and above. None: it still goes on."""
    low_us = start_us // MINUTE_US * MINUTE_US
    high_us = None if end_us is None else end_us // MINUTE_US * MINUTE_US

    def do(connection: Connection, stop: StopRow, moment: datetime) -> None:
        old = (stop.start_us, _end_us(stop, moment))
        new = (low_us, old[1] if high_us is None else high_us)
        if stop.end_us is not None and high_us is None:
            raise ActionError("end", "this stop has ended; say when")
        _check_range(new, moment)
        if new[0] >= old[1] or new[1] <= old[0]:
            raise ActionError("start", "this has no minute in common with the stop; enter another one")
        for what, low, high in (
            (Said.STOP, new[0], old[0]), (Said.STOP, old[1], new[1]), (Said.RUN, old[0], new[0]), (Said.RUN, new[1], old[1]),
        ):  # fmt: skip
            if low < high:
                insert_stop_edit(connection, stop.device_id, what, low, high, by=actor.label, at=moment, comment=comment.strip())

    _on_stop(database, actor, stop_id, _Wish("edit_stop", comment, now=now), do, {"start": low_us, "end": high_us})


def withdraw_stop(database: Database, actor: Actor, stop_id: int, comment: str = "", *, now: datetime | None = None) -> None:
    """Says that the machine did not stand still then; managers and above. What was entered is taken back, what was measured overruled."""

    def do(connection: Connection, stop: StopRow, moment: datetime) -> None:
        what, end_us = Said.MEASURED if stop.source == "entered" else Said.RUN, _end_us(stop, moment)
        insert_stop_edit(connection, stop.device_id, what, stop.start_us, end_us, by=actor.label, at=moment, comment=comment.strip())

    _on_stop(database, actor, stop_id, _Wish("withdraw_stop", comment, now=now, role=Role.MANAGER), do, {})


def enter_stop(
    database: Database, actor: Actor, device_id: int, start_us: int, end_us: int, reason_id: int | None, comment: str = "", *,
    idempotency_key: str | None = None, at: datetime | None = None, now: datetime | None = None,
) -> bool:  # fmt: skip
    """Says that a machine stood still though nothing measured tells so; operators and above. False where it had arrived before."""
    wish = _Wish("enter_stop", comment, at, idempotency_key, now)
    moment, told_at = _when(actor, wish)
    part = (start_us // MINUTE_US * MINUTE_US, end_us // MINUTE_US * MINUTE_US)
    _check_range(part, moment)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device = connection.execute(text("select key, line from devices where id = :id and is_machine"), {"id": device_id}).one_or_none()
        if device is None or (actor.lines is not None and device.line not in actor.lines):
            raise ActionError("device", "there is no such machine", status=404)
        asked = {"device": device_id, "start": part[0], "end": part[1], "reason": reason_id}
        if _seen(connection, actor, wish, asked):
            return False
        _check_reason(connection, reason_id)
        if busy_us(of_line(shift_calendars(connection), device.line), *part) == 0:
            raise ActionError("start", "no production is planned then")
        words = comment.strip()
        insert_stop_edit(connection, device_id, Said.STOP, *part, by=actor.label, at=told_at)
        insert_stop_edit(connection, device_id, Said.REASON, *part, by=actor.label, at=told_at, reason_id=reason_id, comment=words)
        audit.record(connection, actor, wish.verb, device.key, {**asked, "at": told_at.isoformat(), "comment": words})
        _remember(connection, actor, wish)
    recompute_machines(database, actor.tenant_id, [device_id])
    return True


# ---- What they have in common


def _on_stop(database: Database, actor: Actor, stop_id: int, wish: _Wish, do: Do, asked: Mapping[str, object]) -> bool:
    moment, told_at = _when(actor, wish)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stop = one_stop(connection, stop_id)
        if stop is None or (actor.lines is not None and stop.line not in actor.lines):
            raise ActionError("stop", "there is no such stop", status=404)
        if _seen(connection, actor, wish, {"stop": stop_id, "comment": wish.comment, **asked}):
            return False
        if wish.at is not None and to_us(told_at) + MINUTE_US < stop.start_us:
            raise ActionError("at", "this lies before the stop began")
        if stop.gone and not stops_between(connection, stop.start_us, _end_us(stop, moment), device_ids=[stop.device_id], limit=1):
            raise ActionError("stop", "readings that came later say that the machine ran then", status=409)
        do(connection, stop, told_at)
        detail = {"stop": stop_id, "at": told_at.isoformat(), **asked, **({"comment": wish.comment} if wish.comment else {})}
        audit.record(connection, actor, wish.verb, stop.device_key, detail)
        _remember(connection, actor, wish)
    recompute_machines(database, actor.tenant_id, [stop.device_id])
    return True


def _say(
    connection: Connection, actor: Actor, stop: StopRow, what: Said, moment: datetime, *, reason_id: int | None = None, comment: str = ""
) -> None:
    """Of the stop as a whole: an edge that nobody set by a split is the stop's own, wherever that will be."""
    insert_stop_edit(
        connection, stop.device_id, what, stop.start_us, _end_us(stop, moment), by=actor.label, at=moment,
        open_edges=(not stop.cut_start, not stop.cut_end), reason_id=reason_id, comment=comment,
    )  # fmt: skip


def _start_us(stop: StopRow) -> int:
    return stop.start_us


def _end_us(stop: StopRow, now: datetime) -> int:
    """When it ended; of one that goes on the minute that has begun, and a minute after it began at least."""
    return max(to_us(now) // MINUTE_US * MINUTE_US, stop.start_us + MINUTE_US) if stop.end_us is None else stop.end_us


def _when(actor: Actor, wish: _Wish) -> tuple[datetime, datetime]:
    """(now, when it was said). Raises Forbidden and ActionError."""
    require(actor, wish.role)
    if len(wish.comment) > LONGEST_COMMENT:
        raise ActionError("comment", f"at most {LONGEST_COMMENT:,} characters are expected")
    now = wish.now or datetime.now(UTC)
    if wish.at is not None and wish.at > now + CLOCKS_DIFFER:
        raise ActionError("at", "this lies in the future")
    if wish.key is not None and not 1 <= len(wish.key) <= 200:
        raise ActionError("Idempotency-Key", "1 to 200 characters are expected")
    return now, min(wish.at or now, now)


def _seen(connection: Connection, actor: Actor, wish: _Wish, asked: Mapping[str, object]) -> bool:
    if wish.key is None:
        return False
    try:
        return idempotency.claim(connection, actor.label, wish.key, {"verb": wish.verb, "at": str(wish.at), **asked}) is not None
    except idempotency.KeyReused as error:
        raise ActionError("Idempotency-Key", "this key was used before for something else", status=422) from error


def _remember(connection: Connection, actor: Actor, wish: _Wish) -> None:
    if wish.key is not None:
        idempotency.remember(connection, actor.label, wish.key, {"done": True})


def _check_reason(connection: Connection, reason_id: int | None) -> None:
    there = text("select exists (select 1 from downtime_reasons where id = :id)")  # a removed one too: it was on offer when it was given
    if reason_id is not None and not connection.execute(there, {"id": reason_id}).scalar_one():
        raise ActionError("reason", "there is no such reason")


def _check_range(part: tuple[int, int], now: datetime) -> None:
    if part[0] >= part[1]:
        raise ActionError("end", "the end lies before the start; a stop lasts a minute at least")
    if part[1] > to_us(now + MINUTE):
        raise ActionError("end", "this lies in the future")
    if part[1] - part[0] > LONGEST_ENTERED_US:
        raise ActionError("end", "a stop is entered for a week at most")
