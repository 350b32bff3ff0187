"""Programs that people sign in: a family of refresh tokens, each good for once.

Only the SHA-256 of a token is stored. One that comes a second time was stolen, from whoever came first or second: its family ends, and
whoever is right signs in anew (RFC 9700 §4.14.2). So does a family of a changed password, and every one after `lasts`.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashapp.actions import changes
from dashapp.actions.access import SignInRefused
from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.keys import hash_of
from dashapp.actions.sessions import TOKEN_LENGTH
from db.commands import audit
from db.commands import tokens as commands
from db.engine import Database
from db.queries import people
from db.queries import tokens as queries
from db.tenancy import tenant_reading, tenant_transaction


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Whom the next access token is for. `token` is the refresh token, which is nowhere else; `expires_at` is the family's end."""

    person: people.Person
    tenant_id: int
    family_id: int
    token: str
    expires_at: datetime


def begin_family(
    database: Database, person: people.Person, tenant_id: int, address: str | None, agent: str | None, now: datetime, lasts: timedelta
) -> Refreshed:
    """After a sign-in: the first refresh token, for the tenant that is looked into."""
    token = secrets.token_urlsafe(32)
    agent = None if agent is None else audit.clean(agent)[:300]
    with tenant_transaction(database.engine, person.tenant_id) as connection:
        family_id = commands.insert_family(connection, person.id, tenant_id, now, lasts, address, agent)
        commands.insert_refresh_token(connection, family_id, hash_of(token), now)
    return Refreshed(person, tenant_id, family_id, token, now + lasts)


def refresh(database: Database, token: str, address: str | None, now: datetime) -> Refreshed:
    """The next token of the family. Raises SignInRefused for one that is unknown, too old, or was used before: that ends its family."""
    found = None
    if len(token) == TOKEN_LENGTH:
        with database.engine.connect() as connection:
            found = queries.find_refresh_token(connection, hash_of(token))
    if found is None:
        raise SignInRefused("refresh")
    fresh = secrets.token_urlsafe(32)
    replayed = False
    with tenant_transaction(database.engine, found.tenant_id) as connection:
        family = commands.use_refresh_token(connection, found.id, found.family_id, now, address)
        person = None if family is None else people.user(connection, family.user_id)
        if family is not None and family.used:
            replayed = True
            commands.delete_family(connection, family.id)
            who = f"user:{family.user_id}"
            audit.record(connection, who, "replay_refresh_token", who, {"family": family.id}, address)
        elif family is not None and person is not None and person.disabled_at is None and family.expires_at > now:
            commands.insert_refresh_token(connection, family.id, hash_of(fresh), now)
            return Refreshed(person, family.active_tenant_id, family.id, fresh, family.expires_at)
    if replayed:
        changes.announce()
    raise SignInRefused("refresh")


def list_families(database: Database, actor: Actor, now: datetime) -> list[queries.FamilyRow]:
    """The actor's own programs."""
    with tenant_reading(database.engine, actor.home) as connection:
        return queries.families(connection, actor.id, now)


def end_family(database: Database, actor: Actor, family_id: int) -> None:
    """Signs one of the actor's own programs out. Raises ActionError where there is none."""
    if actor.kind != "user":
        raise ActionError("user", "only people sign in", status=403)
    with tenant_transaction(database.engine, actor.home) as connection:
        if commands.delete_family(connection, family_id, actor.id) is None:
            raise ActionError("program", "there is no such program", status=404)
        audit.record(connection, actor, "sign_out", actor.label, {"family": family_id})
    changes.announce()
