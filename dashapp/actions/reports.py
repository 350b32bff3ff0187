"""What someone can do with reports: define, change and remove one, make it now, send one again. Managers and administrators."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from dashapp.actions.access import EMAIL
from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from dashapp.domain.report_periods import KINDS, last_period
from dashapp.notices.facts import Plant
from dashapp.reports.making import make_and_keep
from dashapp.settings import Settings
from db.columns import to_us
from db.commands import audit
from db.commands import reports as commands
from db.engine import Database
from db.queries.reports import one_report
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_transaction

MOST_DEFINITIONS = 100
MOST_RECIPIENTS = 50
LONGEST_WAIT_MIN = 720
AGAIN_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Definition:
    """A report as somebody wants it. `line` "" is the whole plant; `channel_id` None keeps it in the archive alone."""

    name: str
    kind: str
    line: str = ""
    channel_id: int | None = None
    recipients: tuple[str, ...] = ()
    after_min: int = 10
    enabled: bool = True


def create_definition(database: Database, actor: Actor, wanted: Definition) -> int:
    """Adds a report; its id. Raises ActionError that names the field which is wrong."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if connection.execute(text("select count(*) from report_definitions")).scalar_one() >= MOST_DEFINITIONS:
            raise ActionError("name", f"there are {MOST_DEFINITIONS} reports; remove one first", status=409)
        values = _checked(connection, actor, wanted)
        made = commands.insert_definition(connection, values)
        if made is None:
            raise _taken(wanted.name)
        audit.record(connection, actor, "create_report", str(values["name"]), values)
    return made


def change_definition(database: Database, actor: Actor, definition_id: int, wanted: Definition) -> None:
    """Changes a report; what was made stays as it is."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        _found(connection, actor, definition_id)
        values = _checked(connection, actor, wanted)
        if not commands.update_definition(connection, definition_id, values):
            raise _taken(wanted.name)
        audit.record(connection, actor, "change_report", str(values["name"]), {**values, "id": definition_id})


def remove_definition(database: Database, actor: Actor, definition_id: int) -> None:
    """No further ones are made; those that were stay in the archive."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, actor, definition_id)
        commands.delete_definition(connection, definition_id)
        audit.record(connection, actor, "remove_report", found.name, {"id": definition_id})


def make_now(database: Database, settings: Settings, actor: Actor, definition_id: int, now: datetime, *, mail: bool) -> int:
    """Makes a test of the day or shift that ended last; with `mail` it goes to whoever asks. The report's id.

    It counts as a test: the report of the period itself comes in its time all the same. Raises ActionError.
    """
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.home) as connection:
        own = connection.execute(text("select email from users where id = :id"), {"id": actor.id}).scalar_one_or_none()
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, actor, definition_id)
        recent = connection.execute(
            text("select count(*) from reports where kind = 'test' and made_at > :since"), {"since": now - AGAIN_AFTER}
        ).scalar_one()
        if recent >= 3:
            raise ActionError("report", "several tests were made just now; wait half a minute", status=429)
        if mail and (found.channel_id is None or own is None):
            raise ActionError("channel", "choose an e-mail channel for this report first", status=409)
        plant = _plant(connection, settings)
        period = last_period(found.kind, shift_calendars(connection, found.line), plant.zone, to_us(now))
        if period is None:
            raise ActionError("kind", "there is no shift calendar for this line, so no shift has ended", status=409)
        made = make_and_keep(
            connection, plant, found, period, now, recipients=[own] if mail and own else [], test=True,
            oee_target_percent=settings.oee_target_percent,
        )  # fmt: skip
        audit.record(connection, actor, "test_report", found.name, {"id": definition_id, "report": made})
    assert made is not None
    return made


def send_again(database: Database, actor: Actor, report_id: int, now: datetime) -> int:
    """Mails a report to its definition's recipients once more; to how many."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        report = one_report(connection, report_id)
        if report is None or (actor.lines is not None and report.line not in actor.lines):
            raise ActionError("report", "there is no such report", status=404)
        found = commands.lock_definition(connection, report.definition_id) if report.definition_id else None
        if found is None or found.channel_id is None or not found.recipients:
            raise ActionError("report", "nobody is named who would get it; change the report first", status=409)
        again = connection.execute(
            text("select 1 from notifications where report_id = :id and created_at > :since limit 1"),
            {"id": report_id, "since": now - AGAIN_AFTER},
        ).scalar_one_or_none()
        if again:
            raise ActionError("report", "it was sent a moment ago", status=429)
        count = commands.queue_mails(connection, report_id, report.title, found.channel_id, found.recipients, now)
        audit.record(connection, actor, "send_report", report.title, {"id": report_id, "recipients": list(found.recipients)})
    return count


def _plant(connection: Connection, settings: Settings) -> Plant:
    row = connection.execute(text("select name, zone from tenants")).one()
    return Plant(row.name, row.zone, settings.public_url or "")


def _found(connection: Connection, actor: Actor, definition_id: int) -> Any:
    found = commands.lock_definition(connection, definition_id)
    if found is None or (actor.lines is not None and found.line not in actor.lines):
        raise ActionError("report", "there is no such report any more", status=404)
    return found


def _taken(name: str) -> ActionError:
    return ActionError("name", f"there is a report “{name.strip()}” already", status=409)


def _checked(connection: Connection, actor: Actor, wanted: Definition) -> dict[str, Any]:
    """The columns of a definition. Raises ActionError by the name of the form's field."""
    name = audit.clean(wanted.name).strip()
    if not 1 <= len(name) <= 200:
        raise ActionError("name", "1 to 200 characters are expected")
    if wanted.kind not in KINDS:
        raise ActionError("kind", "choose daily or shift")
    lines = set(connection.execute(text("select distinct line from devices where line <> ''")).scalars())
    if wanted.line and wanted.line not in lines:
        raise ActionError("line", f"there is no line “{wanted.line}”")
    if actor.lines is not None and wanted.line not in actor.lines:
        raise ActionError("line", "choose one of your lines")
    if wanted.kind == "shift" and not shift_calendars(connection, wanted.line):
        raise ActionError("kind", "there is no shift calendar for this line; make one first, or choose daily")
    if not 0 <= wanted.after_min <= LONGEST_WAIT_MIN:
        raise ActionError("after_min", f"0 to {LONGEST_WAIT_MIN} minutes")
    recipients = list(dict.fromkeys(one.strip() for one in wanted.recipients if one.strip()))
    wrong = next((one for one in recipients if not EMAIL.fullmatch(one)), None)
    if wrong is not None:
        raise ActionError("recipients", f"“{wrong[:80]}” is no e-mail address")
    if len(recipients) > MOST_RECIPIENTS:
        raise ActionError("recipients", f"at most {MOST_RECIPIENTS} addresses")
    if wanted.channel_id is not None:
        kind = connection.execute(text("select kind from channels where id = :id"), {"id": wanted.channel_id}).scalar_one_or_none()
        if kind != "email":
            raise ActionError("channel_id", "choose an e-mail channel")
        if not recipients:
            raise ActionError("recipients", "name at least one address")
    elif recipients:
        raise ActionError("channel_id", "choose the e-mail channel that sends it")
    return {**asdict(wanted), "name": name, "recipients": recipients}
