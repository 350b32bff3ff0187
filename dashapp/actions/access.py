"""Getting in: the first owner, accounts, signing in, passwords. What comes after is in `dashapp.actions.sessions`."""

import hashlib
import logging
import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashapp.actions import changes, passwords
from dashapp.actions.actor import ActionError, Actor, require
from dashapp.actions.keys import hash_of
from dashapp.actions.sessions import end_session, enter_tenant, list_sessions, sign_out
from dashapp.domain.fleet import Role
from dashapp.domain.limits import network_of
from db.commands import audit
from db.commands import people as commands
from db.commands.tokens import delete_families_of
from db.engine import Database
from db.queries import people as queries
from db.tenancy import tenant_transaction

__all__ = [
    "SignInRefused",
    "SignedIn",
    "change_password",
    "check_credentials",
    "count_attempt",
    "create_owner",
    "create_user",
    "end_session",
    "enter_tenant",
    "has_users",
    "list_sessions",
    "note_token",
    "register",
    "sign_in",
    "sign_out",
]
log = logging.getLogger("andon.access")
WINDOW = timedelta(minutes=5)
MOST_PER_EMAIL = 10
MOST_PER_ADDRESS = 30
EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. `token` goes into the cookie and is nowhere else; `expires_at` is aware UTC."""

    token: str
    session_id: int
    user_id: int
    tenant_id: int
    active_tenant_id: int
    expires_at: datetime


class SignInRefused(Exception):
    """Not signed in: `credentials`, `refresh` or `too_many`. `retry_after_s` says when the next attempt is looked at, in seconds."""

    def __init__(self, reason: str, retry_after_s: int = 0) -> None:
        minutes = max(math.ceil(retry_after_s / 60), 1)
        words = {
            "credentials": "wrong e-mail or password", "too_many": f"too many attempts, try again in {minutes} min",
            "refresh": "this refresh token is not valid (any more): sign in again",
        }  # fmt: skip
        super().__init__(words[reason])
        self.reason = reason
        self.retry_after_s = retry_after_s


def has_users(database: Database) -> bool:
    """Whether anybody has an account."""
    with database.engine.connect() as connection:
        return queries.has_users(connection)


def create_owner(
    database: Database, *, tenant_id: int, email: str, name: str, password: str, address: str | None = None
) -> int:
    """Makes the first account: administrator of the plant and of the platform. Its id.

    Of two at once one wins; the other, and everyone once somebody has an account, gets ActionError 409. Raises ActionError also for
    an e-mail address, name or password that cannot be taken.
    """
    email, name = _checked_email(email), _checked_name(name)
    passwords.check(password, email=email, name=name)
    taken = ActionError("email", "somebody has an account here already; ask them for one", status=409)
    if has_users(database):
        raise taken
    hashed = passwords.hash_password(password)
    with tenant_transaction(database.engine, tenant_id) as connection:
        commands.lock_set_up(connection)
        if queries.has_users(connection):
            raise taken
        user_id = commands.insert_user(connection, email, name, hashed, Role.ADMIN, None, is_platform=True)
        if user_id is None:
            raise taken
        audit.record(connection, f"user:{user_id}", "create_owner", f"user:{user_id}", {"email": email}, address)
    return user_id


def create_user(
    database: Database,
    actor: Actor,
    *,
    email: str,
    name: str,
    role: Role,
    password: str | None = None,
    lines: Sequence[str] | None = None,
) -> int:
    """Makes an account in the actor's tenant; administrators only. Its id.

    Without a password nobody can sign in with it yet; `lines` narrows it to lines of the plant. Raises ActionError for what cannot
    be taken, 409 where the e-mail address has an account.
    """
    require(actor, Role.ADMIN)
    email, name = _checked_email(email), _checked_name(name)
    if password is not None:
        passwords.check(password, email=email, name=name)
    hashed = None if password is None else passwords.hash_password(password)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        user_id = commands.insert_user(connection, email, name, hashed, role, lines)
        if user_id is None:
            raise ActionError("email", "this e-mail address has an account already", status=409)
        detail = {"email": email, "role": role, "lines": None if lines is None else list(lines)}
        audit.record(connection, actor, "create_user", f"user:{user_id}", detail)
    return user_id


def register(
    database: Database, *, tenant_id: int, email: str, name: str, password: str, address: str | None, now: datetime
) -> queries.Person:
    """Somebody makes an account of their own: a viewer of the tenant. Whoever calls this has seen that the setting opens it.

    Raises ActionError for what cannot be taken, 409 where the e-mail address has an account, SignInRefused after many attempts.
    """
    count_attempt(database, [(address_subject("register", address), MOST_PER_EMAIL)], now)
    email, name = _checked_email(email), _checked_name(name)
    passwords.check(password, email=email, name=name)
    hashed = passwords.hash_password(password)
    with tenant_transaction(database.engine, tenant_id) as connection:
        user_id = commands.insert_user(connection, email, name, hashed, Role.VIEWER, None)
        if user_id is None:
            raise ActionError("email", "this e-mail address has an account already", status=409)
        audit.record(connection, f"user:{user_id}", "register", f"user:{user_id}", {"email": email}, address)
        person = queries.user(connection, user_id)
    if person is None:
        raise ActionError("email", "the account went as it was made; try again", status=409)
    return person


def check_credentials(
    database: Database, email: str, password: str, address: str | None, now: datetime
) -> queries.Person:
    """The person whose e-mail address and password these are. Raises SignInRefused.

    Attempts are limited before anything is hashed (10 in 5 minutes per e-mail address, 30 per network address; those that succeed do
    not count), and an unknown address takes as long as a wrong password. Failures are in the audit log.
    """
    email = audit.clean(email).strip()[:254]
    limits = [(_subject("email", email.casefold()), MOST_PER_EMAIL)]
    if address:
        limits.append((_subject("address", network_of(address)), MOST_PER_ADDRESS))
    count_attempt(database, limits, now)
    with database.engine.connect() as connection:
        found = queries.find_user(connection, email)
    stored = None if found is None or found.disabled else found.password_hash
    right = passwords.verify(stored, password)
    if found is None or stored is None or not right:
        _note_failure(database, found, address)
        raise SignInRefused("credentials")
    renewed = passwords.hash_password(password) if passwords.is_outdated(stored) else None
    with tenant_transaction(database.engine, found.tenant_id) as connection:
        if renewed is not None:
            commands.renew_hash(connection, found.id, stored, renewed)
        commands.forget_attempt(connection, limits[0][0])
        for subject, _ in limits[1:]:
            commands.forget_attempt(connection, subject, now)
        person = queries.user(connection, found.id)
    if person is None or person.disabled_at is not None:  # went while the password was looked at
        raise SignInRefused("credentials")
    return person


def sign_in(
    database: Database,
    email: str,
    password: str,
    address: str | None,
    agent: str | None,
    now: datetime,
    lasts: timedelta = timedelta(hours=12),
) -> SignedIn:
    """Opens a session that ends after `lasts` without activity. Raises SignInRefused as `check_credentials` does."""
    person = check_credentials(database, email, password, address, now)
    token = secrets.token_urlsafe(32)
    agent = None if agent is None else audit.clean(agent)[:300]
    with tenant_transaction(database.engine, person.tenant_id) as connection:
        active = _first_tenant(queries.tenants(connection), person, has_devices=queries.has_devices(connection))
        session_id, expires_at = commands.insert_session(
            connection, person.id, hash_of(token), active, now, lasts, address, agent
        )
        audit.record(connection, f"user:{person.id}", "sign_in", f"user:{person.id}", {"session": session_id}, address)
    return SignedIn(token, session_id, person.id, person.tenant_id, active, expires_at)


def note_token(database: Database, person: queries.Person, address: str | None) -> int:
    """Writes into the log that somebody signed in for a bearer token; the tenant that it is for, as where a sign-in lands."""
    with tenant_transaction(database.engine, person.tenant_id) as connection:
        audit.record(connection, f"user:{person.id}", "sign_in", f"user:{person.id}", {"for": "token"}, address)
        return _first_tenant(queries.tenants(connection), person, has_devices=queries.has_devices(connection))


def change_password(database: Database, actor: Actor, current: str, new: str, now: datetime) -> int:
    """Changes the actor's own password and ends all their other sessions and programs; how many.

    Raises ActionError where the current password is wrong or the new one cannot be taken, SignInRefused after ten wrong ones.
    """
    if actor.kind != "user":
        raise ActionError("user", "only people have passwords", status=403)
    subject = _subject("change", str(actor.id))
    with tenant_transaction(database.engine, actor.home) as connection:
        person = queries.user(connection, actor.id)
    if person is None:
        raise ActionError("user", "there is no such account", status=404)
    passwords.check(new, email=person.email, name=person.name)
    count_attempt(database, [(subject, MOST_PER_EMAIL)], now)
    if not passwords.verify(person.password_hash, current):
        raise ActionError("current_password", "this is not your password")
    hashed = passwords.hash_password(new)
    with tenant_transaction(database.engine, actor.home) as connection:
        commands.set_password(connection, actor.id, hashed)
        ended = commands.delete_sessions_of(connection, actor.id, except_id=actor.session_id)
        ended += delete_families_of(connection, actor.id)
        commands.forget_attempt(connection, subject)
        audit.record(connection, actor, "change_password", actor.label, {"sessions_ended": ended})
    changes.announce()
    return ended


def count_attempt(database: Database, limits: Sequence[tuple[bytes, int]], now: datetime) -> None:
    """Counts an attempt against each (subject, most in five minutes). Raises SignInRefused where one of them is used up."""
    with database.engine.begin() as connection:
        possible_at = commands.count_attempt(connection, limits, now, WINDOW)
    if possible_at is not None:
        raise SignInRefused("too_many", max(math.ceil((possible_at - now).total_seconds()), 1))


def address_subject(purpose: str, address: str | None) -> bytes:
    """What attempts from a network address are counted under; IPv6 by /64, which one customer has to themselves."""
    return _subject(purpose, network_of(address))


def _note_failure(database: Database, found: queries.Credentials | None, address: str | None) -> None:
    """Writes to the log of the account's tenant; where there is no such account to the installation's own, which takes as long."""
    reason, target = "no such account", ""
    if found is not None:
        reason = "disabled" if found.disabled else "no password yet" if found.password_hash is None else "wrong password"
        target = f"user:{found.id}"
    with database.engine.connect() as connection:
        own = next((tenant.id for tenant in queries.tenants(connection) if not tenant.is_demo), None)
    tenant_id = own if found is None else found.tenant_id
    log.warning("sign-in refused from %s: %s %s", address, reason, target)
    if tenant_id is not None:
        with tenant_transaction(database.engine, tenant_id) as connection:
            audit.record(connection, "anonymous", "sign_in_failed", target, {"reason": reason}, address)


def _first_tenant(tenants: Sequence[queries.Tenant], person: queries.Person, *, has_devices: bool) -> int:
    """Where a sign-in lands: people of the platform where they were last; while their own plant is empty, in the demo."""
    if not person.is_platform:
        return person.tenant_id
    last = next((tenant.id for tenant in tenants if tenant.id == person.preferences.get("tenant")), None)
    if last is not None:
        return last
    demo = next((tenant.id for tenant in tenants if tenant.is_demo), None)
    return person.tenant_id if has_devices or demo is None else demo


def _subject(purpose: str, value: str) -> bytes:
    return hashlib.sha256(f"{purpose}:{value}".encode()).digest()


def _checked_email(email: str) -> str:
    email = email.strip()
    if len(email) > 254 or not EMAIL.fullmatch(email) or audit.clean(email) != email:
        raise ActionError("email", "this is not an e-mail address")
    return email


def _checked_name(name: str) -> str:
    name = audit.clean(name).strip()
    if not 1 <= len(name) <= 200:
        raise ActionError("name", "1 to 200 characters are expected")
    return name
