"""Wall screens: links that show pages without a sign-in, read-only, and the screens that they open.

The link's token is shown once; it is exchanged for a cookie of the screen, so that it need not stay anywhere. Of both only the SHA-256
is stored. A revoked link ends its screens: at once on this replica, after `REMEMBERED_S` at most on the others.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dashapp.actions import changes
from dashapp.actions.actor import ActionError, Actor, require
from dashapp.actions.keys import hash_of
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import kiosk as commands
from db.engine import Database
from db.queries import kiosk as queries
from db.tenancy import enter_tenant, tenant_reading, tenant_transaction

REMEMBERED_S = 1.5  # and a screen looks each second or two: a busy machine has time left of the five seconds
TOUCH_EVERY = timedelta(minutes=1)
TOKEN_LENGTH = 43  # 32 bytes as URL-safe text
SHORTEST_S, LONGEST_S = 10, 600
MOST_PAGES = 20
THEMES = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Showing:
    """What a link shows: paths of pages with their query, seconds of each, theme, lines of the plant (None: every line)."""

    name: str
    pages: tuple[str, ...] = ("/",)
    page_s: int = 20
    theme: str = "system"
    lines: tuple[str, ...] | None = None


def create_link(database: Database, actor: Actor, wanted: Showing) -> tuple[int, str]:
    """Makes a link; administrators only. Returns its id and the token, which is shown this once.

    Raises ActionError for a name, pages, seconds or theme that cannot be taken.
    """
    require(actor, Role.ADMIN)
    wanted = _checked(wanted)
    token = secrets.token_urlsafe(32)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        link_id = commands.insert_link(
            connection, wanted.name, hash_of(token), wanted.pages, wanted.page_s, wanted.theme, wanted.lines, actor.name
        )
        audit.record(connection, actor, "create_wall_screen", wanted.name, {"id": link_id, **_detail(wanted)})
    return link_id, token


def change_link(database: Database, actor: Actor, link_id: int, wanted: Showing) -> None:
    """Changes what a link shows; its open screens take it up. Administrators only; raises ActionError as `create_link`, and 404."""
    require(actor, Role.ADMIN)
    wanted = _checked(wanted)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if not commands.update_link(connection, link_id, wanted.name, wanted.pages, wanted.page_s, wanted.theme, wanted.lines):
            raise ActionError("link", "this link has been revoked", status=404)
        audit.record(connection, actor, "change_wall_screen", wanted.name, {"id": link_id, **_detail(wanted)})
    changes.announce()


def revoke_link(database: Database, actor: Actor, link_id: int) -> None:
    """Ends a link and every screen that it opened; administrators only. Raises ActionError where there is none in use."""
    require(actor, Role.ADMIN)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        name = commands.revoke_link(connection, link_id)
        if name is None:
            raise ActionError("link", "this link has been revoked", status=404)
        audit.record(connection, actor, "revoke_wall_screen", name, {"id": link_id})
    changes.announce()


def list_links(database: Database, actor: Actor) -> list[queries.LinkRow]:
    """The plant's links that are in use, each with where and when its screens were seen; administrators only."""
    require(actor, Role.ADMIN)
    with tenant_reading(database.engine, actor.tenant_id) as connection:
        return queries.links(connection)


def link_of(database: Database, token: str) -> tuple[int, int] | None:
    """(tenant, id) of the link that a token opens; None where there is none in use."""
    if len(token) != TOKEN_LENGTH:
        return None
    with database.engine.connect() as connection:
        return queries.find_link(connection, hash_of(token))


def open_screen(
    database: Database, tenant_id: int, link_id: int, address: str | None, agent: str | None, now: datetime
) -> str | None:
    """Makes a screen of a link that `link_of` found; its token, which goes into the cookie. None where it was revoked in this moment."""
    token = secrets.token_urlsafe(32)
    agent = None if agent is None else audit.clean(agent)[:300]
    with tenant_transaction(database.engine, tenant_id) as connection:
        screen_id = commands.insert_screen(connection, link_id, hash_of(token), now, address, agent)
        if screen_id is None:
            return None
        audit.record(connection, f"kiosk:{link_id}", "open_wall_screen", f"kiosk:{link_id}", {"screen": screen_id}, address)
    return token


class ScreenReader:
    """Finds the screen of a cookie: from memory for `REMEMBERED_S` seconds, and notes once a minute that it is there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: changes.Recent[queries.FoundScreen] = changes.Recent(lasts_s=REMEMBERED_S)

    def find(self, token: str, address: str | None, now: datetime) -> queries.FoundScreen | None:
        """The screen, or None where it was never there or its link has been revoked."""
        if len(token) != TOKEN_LENGTH:
            return None
        hashed = hash_of(token)
        found = self._recent.find(hashed, lambda: self._read(hashed))
        if found is None or now - found.seen_at < TOUCH_EVERY:
            return found
        as_of = changes.count()
        with self._database.engine.begin() as connection:
            enter_tenant(connection, found.tenant_id)  # whatever else a screen may not write
            commands.touch_screen(connection, found.id, now, address, TOUCH_EVERY)
        found = replace(found, seen_at=now)
        self._recent.keep(hashed, found, as_of)
        return found

    def _read(self, hashed: bytes) -> queries.FoundScreen | None:
        with self._database.engine.connect() as connection:
            return queries.find_screen(connection, hashed)


def actor_of(screen: queries.FoundScreen, address: str | None = None) -> Actor:
    """Who a screen is: a viewer that no action takes anything from."""
    return Actor("kiosk", screen.link_id, screen.tenant_id, Role.VIEWER, screen.lines, screen.name, address)


def _checked(wanted: Showing) -> Showing:
    name = audit.clean(wanted.name).strip()
    if not 1 <= len(name) <= 100:
        raise ActionError("name", "1 to 100 characters are expected")
    pages = tuple(page.strip() for page in wanted.pages)
    if not 1 <= len(pages) <= MOST_PAGES:
        raise ActionError("pages", f"1 to {MOST_PAGES} pages are expected")
    wrong = next((page for page in pages if not _is_path(page)), None)
    if wrong is not None:
        raise ActionError("pages", f"{wrong[:80]} is not the address of a page here, such as /devices/MX-01?range=8h")
    if not SHORTEST_S <= wanted.page_s <= LONGEST_S:
        raise ActionError("page_s", f"{SHORTEST_S} to {LONGEST_S} seconds are expected")
    if wanted.theme not in THEMES:
        raise ActionError("theme", f"one of {', '.join(THEMES)} is expected")
    if wanted.lines is not None and not all(0 < len(line) <= 200 for line in wanted.lines):
        raise ActionError("lines", "lines of the plant are expected")
    return replace(wanted, name=name, pages=pages)


def _is_path(page: str) -> bool:
    return page.startswith("/") and not page.startswith("//") and len(page) <= 500 and page.isprintable() and "\\" not in page


def _detail(wanted: Showing) -> dict[str, Sequence[str] | int | str | None]:
    return {"pages": wanted.pages, "page_s": wanted.page_s, "theme": wanted.theme, "lines": wanted.lines}
