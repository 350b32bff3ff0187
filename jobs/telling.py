"""Who is told of an event: outbox rows become notices, one for each recipient, by the policy of the alert's rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from dashapp.domain.notices import as_bad_as
from dashapp.notices.facts import Plant, facts_of
from db.commands import notices as commands
from db.commands.notices import NewNotice
from db.queries import notices as queries

ANNOUNCED = ("raised", "re_raised", "severity_raised")
SUPPRESSORS_ENDED = ("shelving_ended", "suppression_ended", "back_in_service")  # an alert that is active then is announced
OTHERS = {"escalated": "escalated", "returned": "ended", "acknowledged": "acknowledged"}


def kind_of(what: str, state: str) -> str | None:
    """The kind of notice that an event of an alert is told by; None for those that are nobody's business."""
    if what in ANNOUNCED or (what in SUPPRESSORS_ENDED and state == "B"):
        return "raised"
    return OTHERS.get(what)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A channel, and for e-mail the address; `user_id` where it is written to a person."""

    channel_id: int
    address: str = ""
    user_id: int | None = None


class Book:
    """Policies, channels and people of a tenant, as they are now."""

    def __init__(self, connection: Connection) -> None:
        found = queries.policies(connection)
        self._policies = {policy.id: policy for policy in found}
        self._default = next((policy for policy in found if policy.is_default), None)
        self._channels = {row.id: row for row in queries.plain_channels(connection)}
        self._mail = next((row for row in self._channels.values() if row.for_people and row.enabled), None)
        self._people = queries.people(connection)

    def policy(self, policy_id: int | None) -> queries.Policy | None:
        """The rule's policy, else the default one."""
        return self._policies.get(policy_id, self._default) if policy_id is not None else self._default

    def takes(self, channel_id: int, what: str, severity: str) -> bool:
        """Whether a channel is on and wants to hear of this."""
        channel = self._channels.get(channel_id)
        return channel is not None and channel.enabled and what in channel.events and as_bad_as(severity, channel.least_severity)

    def recipients(self, step: queries.Step, line: str) -> set[Recipient]:
        """Whom a step tells of an alert on a line of the plant."""
        found: set[Recipient] = set()
        for target in step.targets:
            if target.user_id is not None or target.role is not None:
                found |= self._of_people(target, line)
            elif (channel := self._channels.get(target.channel_id or 0)) is not None:
                addresses = channel.settings.get("recipients", []) if channel.kind == "email" else [""]
                found |= {Recipient(channel.id, address) for address in addresses}
        return found

    def _of_people(self, target: queries.Target, line: str) -> set[Recipient]:
        mail = self._channels.get(target.channel_id or 0, self._mail)
        if mail is None or mail.kind != "email":
            return set()
        return {
            Recipient(mail.id, person.email, person.id)
            for person in self._people
            if (person.id == target.user_id or (target.user_id is None and person.role == target.role))
            and (person.lines is None or line in person.lines)
        }


def tell(connection: Connection, plant: Plant, now: datetime) -> int:
    """Makes notices of the events in the outbox of the transaction's tenant; how many events were looked at.

    Of a new alert and of an escalation the policy's step hears, of an end and of an acknowledgement whoever was told before.
    """
    events = commands.take_events(connection, now)
    if not events:
        return 0
    heard = [(outbox_id, payload, kind_of(str(payload.get("what")), str(payload.get("state")))) for outbox_id, payload in events]
    asked = [(outbox_id, payload, what) for outbox_id, payload, what in heard if what is not None]
    book = Book(connection)
    rows = queries.facts_of(connection, [int(one[1]["alert_id"]) for one in asked], [one[1].get("event_id") for one in asked])
    told = queries.told(connection, [row.alert_id for row in rows])
    by_event = {(row.alert_id, row.event_id): row for row in rows}
    notices: list[NewNotice] = []
    for outbox_id, payload, what in asked:
        row = by_event.get((int(payload["alert_id"]), payload.get("event_id")))
        if row is None:  # the alert has been deleted since
            continue
        made = _notices_of(book, row, what, payload, outbox_id, plant, now, told)
        notices += made
        if what in ("raised", "escalated"):
            told.setdefault(row.alert_id, []).extend((one.channel_id, one.recipient, one.user_id) for one in made)
        _keep_reminding(connection, book.policy(row.policy_id), row, what, now)
    commands.queue(connection, notices, now)
    commands.finish_events(connection, [outbox_id for outbox_id, _ in events], now)
    return len(events)


def _notices_of(
    book: Book, row: Any, what: str, payload: Mapping[str, Any], outbox_id: int | None, plant: Plant, now: datetime,
    told: Mapping[int, list[tuple[int, str, int | None]]],
) -> list[NewNotice]:  # fmt: skip
    severity, level = str(payload.get("severity") or row.severity), int(payload.get("level") or 0)
    if what in ("ended", "acknowledged"):
        recipients = {Recipient(*one) for one in told.get(row.alert_id, [])}
    else:
        policy = book.policy(row.policy_id)
        wanted = range(level + 1) if what == "reminder" else [level if what == "escalated" else 0]
        steps = [step for step in policy.steps if step.position in wanted] if policy is not None else []
        recipients = set().union(*(book.recipients(step, row.line) for step in steps)) if steps else set()
    facts = facts_of(row, what, severity, level, plant, now)
    return [
        NewNotice(outbox_id, row.alert_id, row.event_id, one.channel_id, one.address, one.user_id, what, severity, level, facts)
        for one in sorted(recipients, key=lambda one: (one.channel_id, one.address))
        if book.takes(one.channel_id, what, severity)
    ]


def _keep_reminding(connection: Connection, policy: queries.Policy | None, row: Any, what: str, now: datetime) -> None:
    if what in ("ended", "acknowledged"):
        commands.stop_reminders(connection, [row.alert_id])
    elif policy is not None and policy.reminder_every_s:
        commands.start_reminders(connection, row.alert_id, policy.reminder_every_s, now)


def remind(connection: Connection, plant: Plant, now: datetime) -> int:
    """Notices for alerts that nobody has acknowledged for as long as their policy waits; how many alerts.

    Everyone who was to be told so far hears it again: all steps up to the alert's level. What is shelved, suppressed or out of service
    is passed by, and reminded of again when that has ended.
    """
    due = commands.take_reminders(connection, now)
    if not due:
        return 0
    book = Book(connection)
    rows = [row for row in queries.facts_of(connection, due, [None] * len(due)) if not row.suppressed]
    notices = [
        notice for row in rows for notice in _notices_of(book, row, "reminder", {"level": row.escalation_level}, None, plant, now, {})
    ]
    commands.queue(connection, notices, now)
    return len(due)
