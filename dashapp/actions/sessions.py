"""Sessions: whose a token is, which ones there are, ending them, looking into another tenant.

A session is a row in its person's own tenant; only the SHA-256 of its token is stored. It ends after `lasts` without activity, and after
thirty days whatever happens.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from dashapp.actions import changes
from dashapp.actions.actor import ActionError, Actor, Forbidden, require_no_screen
from dashapp.actions.keys import hash_of
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import people as commands
from db.engine import Database
from db.queries import people as queries
from db.tenancy import tenant_reading, tenant_transaction

SESSION_COOKIE = "andon_session"
TOUCH_EVERY = timedelta(minutes=1)
TOKEN_LENGTH = 43  # 32 bytes as URL-safe text


class SessionReader:
    """Finds the session of a token: from memory for five seconds, and notes its use once a minute."""

    def __init__(self, database: Database, lasts: timedelta) -> None:
        self._database = database
        self._lasts = lasts
        self._recent: changes.Recent[queries.FoundSession] = changes.Recent()

    def find(self, token: str, now: datetime) -> queries.FoundSession | None:
        """The session, or None where it has ended, was never there, or its person is disabled."""
        if len(token) != TOKEN_LENGTH:
            return None
        hashed = hash_of(token)
        found = self._recent.find(hashed, lambda: self._read(hashed))
        if found is None or found.expires_at <= now:
            return None
        if now - found.seen_at >= TOUCH_EVERY:
            as_of = changes.count()
            with tenant_transaction(self._database.engine, found.tenant_id) as connection:
                expires_at = commands.touch_session(connection, found.id, now, self._lasts, TOUCH_EVERY)
            self._recent.keep(hashed, replace(found, seen_at=now, expires_at=expires_at or found.expires_at), as_of)
        return found

    def _read(self, hashed: bytes) -> queries.FoundSession | None:
        with self._database.engine.connect() as connection:
            return queries.find_session(connection, hashed)


def actor_of(session: queries.FoundSession, address: str | None = None) -> Actor:
    """The person of a session, in the tenant that it looks into. People of the platform administer every tenant."""
    abroad = session.is_platform and session.active_tenant_id != session.tenant_id
    return Actor(
        kind="user",
        id=session.user_id,
        tenant_id=session.active_tenant_id if abroad else session.tenant_id,
        role=Role.ADMIN if abroad else Role(session.role),
        lines=None if abroad else session.lines,
        name=session.name,
        address=address,
        is_platform=session.is_platform,
        home_tenant_id=session.tenant_id,
        session_id=session.id,
    )


def list_sessions(
    database: Database, actor: Actor, now: datetime, user_id: int | None = None
) -> list[queries.SessionRow]:
    """The actor's own sessions that have not ended; those of `user_id` for administrators. The one used last first."""
    with tenant_reading(database.engine, _tenant_of(actor, user_id)) as connection:
        return queries.sessions(connection, actor.id if user_id is None else user_id, now)


def sign_out(database: Database, actor: Actor) -> None:
    """Ends the session that the actor comes with; nothing happens where it has ended already."""
    if actor.session_id is None:
        return
    with tenant_transaction(database.engine, actor.home) as connection:
        if commands.delete_session(connection, actor.session_id, actor.id) is not None:
            audit.record(connection, actor, "sign_out", actor.label, {"session": actor.session_id})
    changes.announce()


def end_session(database: Database, actor: Actor, session_id: int, user_id: int | None = None) -> None:
    """Ends one of the actor's own sessions, or one of `user_id` for administrators. Raises ActionError where there is none."""
    with tenant_transaction(database.engine, _tenant_of(actor, user_id)) as connection:
        whose = commands.delete_session(connection, session_id, actor.id if user_id is None else user_id)
        if whose is None:
            raise ActionError("session", "there is no such session", status=404)
        audit.record(connection, actor, "end_session", f"user:{whose}", {"session": session_id})
    changes.announce()


def enter_tenant(database: Database, actor: Actor, tenant_id: int) -> None:
    """Makes the actor's session look into another tenant, where it stays over sign-ins; people of the platform only.

    Both tenants' logs say so. Going home is open to everyone. Raises Forbidden, or ActionError where there is no such tenant.
    """
    if actor.session_id is None or (not actor.is_platform and tenant_id != actor.home):
        raise Forbidden("platform")
    with database.engine.connect() as connection:
        target = next((tenant for tenant in queries.tenants(connection) if tenant.id == tenant_id), None)
    if target is None:
        raise ActionError("tenant", "there is no such tenant", status=404)
    with tenant_transaction(database.engine, actor.home) as connection:
        if not commands.move_session(connection, actor.session_id, tenant_id):
            raise ActionError("session", "there is no such session", status=404)
        commands.prefer(connection, actor.id, {"tenant": tenant_id})
        audit.record(connection, actor, "enter_tenant", target.key)
    if tenant_id != actor.home:
        with tenant_transaction(database.engine, tenant_id) as connection:
            audit.record(connection, actor, "enter_tenant", target.key, {"from_tenant": actor.home})
    changes.announce()


def _tenant_of(actor: Actor, user_id: int | None) -> int:
    """Where the sessions in question are. Raises Forbidden for somebody else's, unless the actor administers the tenant."""
    require_no_screen(actor)
    if user_id is None or (user_id == actor.id and actor.kind == "user"):
        return actor.home
    if not actor.role.includes(Role.ADMIN):
        raise Forbidden(Role.ADMIN)
    return actor.tenant_id
