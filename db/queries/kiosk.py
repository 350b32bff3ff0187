"""Reads of wall screens.

`find_…` run before a tenant is known, by hash, on any connection; `links` sees the tenant whose transaction it runs in.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class FoundScreen:
    """An open screen with what its link says it shows. `lines` None: every line; `page_s` in seconds."""

    tenant_id: int
    id: int
    link_id: int
    name: str
    pages: tuple[str, ...]
    page_s: int
    theme: str
    lines: tuple[str, ...] | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ScreenRow:
    """A screen that a link has opened, in UTC."""

    address: str | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link in use; `screens` as they were seen last, the newest first."""

    id: int
    name: str
    pages: tuple[str, ...]
    page_s: int
    theme: str
    lines: tuple[str, ...] | None
    created_by: str
    created_at: datetime
    screens: tuple[ScreenRow, ...] = ()


def find_link(connection: Connection, token_hash: bytes) -> tuple[int, int] | None:
    """(tenant, id) of the link of a token, unless it was revoked."""
    row = connection.execute(text("select * from andon_find_kiosk_link(:hash)"), {"hash": token_hash}).one_or_none()
    return None if row is None else (row.tenant_id, row.id)


def find_screen(connection: Connection, token_hash: bytes) -> FoundScreen | None:
    """The screen of a cookie, unless its link was revoked or it was away for a month."""
    row = connection.execute(text("select * from andon_find_kiosk_screen(:hash)"), {"hash": token_hash}).one_or_none()
    if row is None:
        return None
    return FoundScreen(**{**row._mapping, "pages": tuple(row.pages), "lines": None if row.lines is None else tuple(row.lines)})


def links(connection: Connection) -> list[LinkRow]:
    """The tenant's links that are in use, by name, each with its screens of the last thirty days."""
    seen: dict[int, list[ScreenRow]] = {}
    for row in connection.execute(
        text("select link_id, address, seen_at from kiosk_screens where seen_at > now() - interval '30 days' order by seen_at desc")
    ):
        seen.setdefault(row.link_id, []).append(ScreenRow(row.address, row.seen_at))
    rows = connection.execute(
        text(
            "select id, name, pages, page_s, theme, lines, created_by, created_at from kiosk_links"
            " where revoked_at is null order by lower(name), id"
        )
    )
    return [
        LinkRow(
            row.id, row.name, tuple(row.pages), row.page_s, row.theme, None if row.lines is None else tuple(row.lines), row.created_by,
            row.created_at, tuple(seen.get(row.id, ())),
        )
        for row in rows
    ]  # fmt: skip
