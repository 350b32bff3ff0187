"""What someone can do with channels: add, change, switch, remove and test one. Managers and administrators.

A secret goes in and never comes out: a change without one keeps what there is, unless it would then be sent to another server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from dashapp.actions.access import EMAIL
from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from dashapp.domain.notices import KINDS, SEVERITIES, TOLD, TemplateError, check_template, render
from dashapp.notices import facts
from dashapp.notices.guard import RefusedAddress, UnknownHost, allowed, check_host
from dashapp.notices.sender import PORTS, Target, host_of, make_plugin, send, webhook_parts
from dashapp.notices.services import KINDS as CHANNEL_KINDS
from dashapp.notices.services import RefusedService, check_address
from dashapp.settings import Settings
from db.commands import audit
from db.commands import channels as commands
from db.engine import Database
from db.tenancy import tenant_transaction

MOST_CHANNELS = 100
MOST_RECIPIENTS = 50
MOST_TESTS = 10  # of a tenant in a minute
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as somebody wants it. E-mail: `host` to `recipients`; a webhook or a service: `address`; a webhook: `header`, too.

    `password`, `address` and `header` None or empty keep what is stored. `templates` are {kind: {title, body}}.
    """

    name: str
    kind: str
    host: str = ""
    port: int | None = None
    security: str = "starttls"
    user: str = ""
    password: str | None = field(default=None, repr=False)
    sender: str = ""
    recipients: tuple[str, ...] = ()
    address: str | None = field(default=None, repr=False)
    header: str | None = field(default=None, repr=False)
    verify: bool = True
    events: tuple[str, ...] = ("raised", "escalated", "reminder", "ended")
    least_severity: str = "low"
    templates: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    for_people: bool = False
    enabled: bool = True
    rate_messages: int = 20
    rate_s: int = 600


@dataclass(frozen=True, slots=True)
class Tested:
    """What became of a test: `error` None where every message was taken."""

    sent: int
    error: str | None


def create_channel(database: Database, settings: Settings, actor: Actor, channel: Channel) -> int:
    """Adds a channel; its id. Raises ActionError that names the field which is wrong, 409 where the name is taken."""
    require(actor, Role.MANAGER)
    values = _checked(channel, None, settings)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if connection.execute(text("select count(*) from channels")).scalar_one() >= MOST_CHANNELS:
            raise ActionError("name", f"there are {MOST_CHANNELS} channels; remove one first", status=409)
        if channel.for_people:
            commands.let_nobody_else_write_to_people(connection, None)
        made = commands.insert_channel(connection, values)
        if made is None:
            raise _taken(channel.name)
        audit.record(connection, actor, "create_channel", channel.name, _told(values))
    return made


def change_channel(database: Database, settings: Settings, actor: Actor, channel_id: int, channel: Channel) -> None:
    """Changes a channel, which begins anew: no pause, no error. Raises ActionError; its kind stays what it is."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, channel_id)
        if stored.kind != channel.kind:
            raise ActionError("kind", "the kind of a channel stays; add another one instead", status=409)
        values = _checked(channel, stored, settings)
        if channel.for_people:
            commands.let_nobody_else_write_to_people(connection, channel_id)
        if not commands.update_channel(connection, channel_id, values):
            raise _taken(channel.name)
        renewed = values["secret"] != stored.secret
        audit.record(connection, actor, "change_channel", channel.name, {**_told(values), "id": channel_id, "secret_changed": renewed})


def switch_channel(database: Database, actor: Actor, channel_id: int, *, enabled: bool) -> None:
    """Switches a channel on or off. Off, what waits on it is dropped."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, channel_id)
        if stored.enabled != enabled:
            commands.switch_channel(connection, channel_id, enabled=enabled)
            audit.record(connection, actor, "switch_channel", stored.name, {"id": channel_id, "enabled": enabled})


def remove_channel(database: Database, actor: Actor, channel_id: int) -> None:
    """Removes a channel; policies no longer name it, its log stays."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, channel_id)
        commands.delete_channel(connection, channel_id)
        audit.record(connection, actor, "remove_channel", stored.name, {"id": channel_id, "kind": stored.kind})


def send_test(database: Database, settings: Settings, actor: Actor, channel_id: int, now: datetime) -> Tested:
    """Sends a real message, at once and whatever the rate; to each recipient of an e-mail channel, or whoever tests one that has none.

    Takes as long as the service does.
    Raises ActionError 429 after ten in a minute.
    """
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.home) as connection:
        own = connection.execute(text("select email from users where id = :id"), {"id": actor.id}).scalar_one_or_none() or ""
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, channel_id)
        if commands.tests_since(connection, now - timedelta(minutes=1)) >= MOST_TESTS:
            raise ActionError("test", "that were many tests in a minute; wait a moment", status=429)
        tenant = connection.execute(text("select name, zone from tenants")).one()
        sample = facts.sample(facts.Plant(tenant.name, tenant.zone, settings.public_url or ""), now)
        message = render("test", sample, stored.templates)
        recipients = stored.settings.get("recipients") or [own] if stored.kind == "email" else [""]
        until = now + timedelta(seconds=settings.notify_timeout_s)
        begun = [(one, commands.begin_test(connection, channel_id, one, message.title, now, until)) for one in recipients]
        audit.record(connection, actor, "test_channel", stored.name, {"id": channel_id})
    rules, sent, error = allowed(settings.notify_allow), 0, None
    for recipient, notice_id in begun:
        target = Target(stored.kind, stored.settings, stored.secret, (recipient,) if recipient else ())
        outcome = send(target, message, facts.payload(sample, notice_id), rules, settings.notify_timeout_s)
        failed = None if outcome.failure is None else outcome.error
        with tenant_transaction(database.engine, actor.tenant_id) as connection:
            commands.end_test(connection, notice_id, channel_id, failed, now)
        sent += failed is None
        error = error or (f"{recipient}: {failed}" if failed and recipient and len(begun) > 1 else failed)
    return Tested(sent, error)


def _found(connection: Connection, channel_id: int) -> Any:
    stored = commands.lock_channel_to_change(connection, channel_id)
    if stored is None:
        raise ActionError("channel", "there is no such channel any more", status=404)
    return stored


def _taken(name: str) -> ActionError:
    return ActionError("name", f"there is a channel “{name}” already", status=409)


def _checked(channel: Channel, stored: Any, settings: Settings) -> dict[str, Any]:
    """The columns of a channel. Raises ActionError by the name of the form's field."""
    name = audit.clean(channel.name).strip()
    if not 1 <= len(name) <= 200:
        raise ActionError("name", "1 to 200 characters are expected")
    if channel.kind not in CHANNEL_KINDS:
        raise ActionError("kind", "choose one of the kinds")
    if not channel.events or set(channel.events) - set(TOLD):
        raise ActionError("events", "choose at least one of the kinds of notices")
    if channel.least_severity not in SEVERITIES:
        raise ActionError("least_severity", "choose one of the priorities")
    if not 1 <= channel.rate_messages <= 1000 or not 1 <= channel.rate_s <= 86_400:
        raise ActionError("rate_messages", "1 to 1000 messages in at most a day")
    if channel.for_people and channel.kind != "email":
        raise ActionError("for_people", "only an e-mail channel can write to people")
    target = _email(channel, stored) if channel.kind == "email" else _addressed(channel, stored)
    _check_target(target, settings, "host" if channel.kind == "email" else "address")
    return {
        "name": name, "kind": channel.kind, "settings": dict(target.settings), "secret": target.secret, "hint": _hint(target),
        "events": [one for one in TOLD if one in channel.events], "least_severity": channel.least_severity,
        "templates": _templates(channel.templates), "for_people": channel.for_people, "enabled": channel.enabled,
        "rate_messages": channel.rate_messages, "rate_s": channel.rate_s,
    }  # fmt: skip


def _email(channel: Channel, stored: Any) -> Target:
    host, user = channel.host.strip(), channel.user.strip()
    if not host or len(host) > 253 or any(sign in host for sign in "/@ ?#"):
        raise ActionError("host", "the name or address of a mail server is expected, like mail.plant.example")
    if channel.security not in PORTS:
        raise ActionError("security", "choose one of the three")
    port = channel.port or PORTS[channel.security]
    if not 1 <= port <= 65_535:
        raise ActionError("port", "1 to 65535 is expected")
    if not _is_mail(channel.sender):
        raise ActionError("sender", "an e-mail address is expected, like Andon <andon@plant.example>")
    recipients = tuple(dict.fromkeys(one.strip() for one in channel.recipients if one.strip()))
    wrong = [one for one in recipients if not EMAIL.fullmatch(one) or len(one) > 254]
    if wrong:
        raise ActionError("recipients", f"{wrong[0]} is not an e-mail address")
    if len(recipients) > MOST_RECIPIENTS or (not recipients and not channel.for_people):
        raise ActionError("recipients", f"1 to {MOST_RECIPIENTS} addresses are expected")
    where = {"host": host, "port": port, "security": channel.security, "user": user, "verify": channel.verify}
    secret = channel.password or ""
    if not secret and stored is not None and stored.secret and user:
        if any(stored.settings.get(name) != value for name, value in where.items()):
            raise ActionError("password", "enter it again: the stored one is not sent to another server, or in another way")
        secret = stored.secret
    if user and not secret:
        raise ActionError("password", "a user needs a password")
    return Target("email", {**where, "sender": channel.sender.strip(), "recipients": list(recipients)}, secret if user else "")


def _is_mail(sender: str) -> bool:
    sender = sender.strip()
    bare = sender.rpartition("<")[2].removesuffix(">") if sender.endswith(">") else sender
    return bool(EMAIL.fullmatch(bare)) and len(sender) <= 254 and sender.isprintable()


def _addressed(channel: Channel, stored: Any) -> Target:
    kept, _, kept_header = (stored.secret if stored is not None else "").partition("\n")
    address, header = (channel.address or "").strip(), (channel.header or "").strip()
    if stored is not None and not address and not channel.verify and stored.settings.get("verify", True):
        raise ActionError("address", "enter it again: the stored one is not used without a look at the certificate")
    header = header or (kept_header if not address else "")
    address = address or kept
    if not address:
        raise ActionError("address", "an address is expected")
    if len(address) > LONGEST or not address.isprintable():
        raise ActionError("address", f"at most {LONGEST} characters, all of them visible, are expected")
    if channel.kind != "webhook":
        return Target(channel.kind, {}, address)
    if header and (":" not in header or not header.partition(":")[0].strip() or not header.isprintable() or not header.isascii()):
        raise ActionError("header", "a header is expected, like Authorization: Bearer …")
    return Target("webhook", {"verify": channel.verify}, address + (f"\n{header}" if header else ""))


def _check_target(target: Target, settings: Settings, name: str) -> None:
    try:
        host = host_of(target)
        if host is not None:
            check_host(host, allowed(settings.notify_allow))
        if target.kind != "email" or target.settings["recipients"]:
            make_plugin(target, {}, settings.notify_timeout_s)
    except (RefusedService, RefusedAddress, UnknownHost) as error:
        raise ActionError(name, str(error)) from error


def _templates(templates: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    kept: dict[str, dict[str, str]] = {}
    for what, parts in templates.items():
        if what not in KINDS:
            raise ActionError("templates", f"there is no kind {what}")
        for part in ("title", "body"):
            own = audit.clean(parts.get(part, "")).replace("\r\n", "\n").strip()
            if not own:
                continue
            try:
                check_template(own)
            except TemplateError as error:
                raise ActionError(f"{what}_{part}", str(error)) from error
            kept.setdefault(what, {})[part] = own
    return kept


def _hint(target: Target) -> str:
    """Where it goes, for people who may know that there is a channel and not its secrets."""
    if target.kind == "email":
        return str(target.settings["host"])
    if target.kind == "webhook":
        parts = webhook_parts(target.secret.partition("\n")[0])
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/…"
    return check_address(target.kind, target.secret).name


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit log: all but the secret."""
    return {name: value for name, value in values.items() if name != "secret"}
