"""Writes of wall screens, in the tenant's transaction that is handed over."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

TENANT = "current_setting('andon.tenant')::int"


def insert_link(
    connection: Connection, name: str, token_hash: bytes, pages: Sequence[str], page_s: int, theme: str, lines: Sequence[str] | None,
    created_by: str,
) -> int:  # fmt: skip
    """The new link's id."""
    values = {
        "name": name, "hash": token_hash, "pages": list(pages), "page_s": page_s, "theme": theme,
        "lines": None if lines is None else list(lines), "by": created_by,
    }  # fmt: skip
    made: int = connection.execute(
        text(
            "insert into kiosk_links (tenant_id, name, token_hash, pages, page_s, theme, lines, created_by)"
            f" values ({TENANT}, :name, :hash, :pages, :page_s, :theme, :lines, :by) returning id"
        ),
        values,
    ).scalar_one()
    return made


def update_link(
    connection: Connection, link_id: int, name: str, pages: Sequence[str], page_s: int, theme: str, lines: Sequence[str] | None
) -> bool:
    """Changes what a link shows; whether there is such a link in use."""
    changed = connection.execute(
        text(
            "update kiosk_links set name = :name, pages = :pages, page_s = :page_s, theme = :theme, lines = :lines"
            " where id = :id and revoked_at is null"
        ),
        {"id": link_id, "name": name, "pages": list(pages), "page_s": page_s, "theme": theme,
         "lines": None if lines is None else list(lines)},
    )  # fmt: skip
    return changed.rowcount == 1


def revoke_link(connection: Connection, link_id: int) -> str | None:
    """Ends a link and its screens; its name, or None where there is none in use."""
    name: str | None = connection.execute(
        text("update kiosk_links set revoked_at = now() where id = :id and revoked_at is null returning name"), {"id": link_id}
    ).scalar_one_or_none()
    if name is not None:
        connection.execute(text("delete from kiosk_screens where link_id = :id"), {"id": link_id})
    return name


def insert_screen(
    connection: Connection, link_id: int, token_hash: bytes, now: datetime, address: str | None, agent: str | None
) -> int | None:
    """The new screen's id; None where the link was revoked in this moment."""
    made: int | None = connection.execute(
        text(
            "insert into kiosk_screens (tenant_id, link_id, token_hash, created_at, seen_at, address, agent)"
            " select tenant_id, id, :hash, :now, :now, :address, :agent from kiosk_links where id = :link and revoked_at is null"
            " returning id"
        ),
        {"link": link_id, "hash": token_hash, "now": now, "address": address, "agent": agent},
    ).scalar_one_or_none()
    return made


def touch_screen(connection: Connection, screen_id: int, now: datetime, address: str | None, at_most_every: timedelta) -> None:
    """Notes that a screen is there, unless that was noted a moment ago."""
    connection.execute(
        text("update kiosk_screens set seen_at = :now, address = :address where id = :id and seen_at <= :now - :every"),
        {"id": screen_id, "now": now, "address": address, "every": at_most_every},
    )


def delete_old_screens(connection: Connection, before: datetime) -> int:
    """Forgets screens that were not there since; how many."""
    return connection.execute(text("delete from kiosk_screens where seen_at < :before"), {"before": before}).rowcount
