"""Imports as they are shown and run: rows of `imports`, and what they did not store."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

_COLUMNS = (
    "i.id, i.file_name, i.by, i.state, i.note, i.started_at, i.finished_at, i.rows_read, i.stored, i.duplicates, i.conflicts, i.refused,"
    " i.first_at, i.last_at, i.upload, i.bytes, i.bytes_read, i.removed, i.runner, i.seen_at, i.detail,"
    " extract(epoch from now() - i.started_at)::double precision as running_s,"
    " extract(epoch from now() - coalesce(i.seen_at, i.started_at))::double precision as silent_s"
)
_PROBLEMS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One import. `running_s` since it was started, `silent_s` since its process last gave word of it.

    `detail` holds `plan` (what a person set), `check` (what the dry run found), `device`, `sensors` (ids that it may have touched) and
    `made` (ids of devices and sensors that are there because of it).
    """

    id: int
    file_name: str
    by: str
    state: str
    note: str
    started_at: datetime
    finished_at: datetime | None
    rows_read: int
    stored: int
    duplicates: int
    conflicts: int
    refused: int
    first_at: datetime | None
    last_at: datetime | None
    upload: str | None
    bytes: int
    bytes_read: int
    removed: int
    runner: str | None
    seen_at: datetime | None
    detail: dict[str, Any]
    running_s: float
    silent_s: float


@dataclass(frozen=True, slots=True)
class OpenImport:
    """An import that some process has to look after, of any tenant. Seconds since word of it, and since it was started."""

    tenant_id: int
    id: int
    state: str
    upload: str | None
    runner: str | None
    silent_s: float
    age_s: float


def find_import(connection: Connection, import_id: int) -> ImportRow | None:
    """The import of the transaction's tenant; None where there is none of this id."""
    row = connection.execute(text(f"select {_COLUMNS} from imports i where i.id = :id"), {"id": import_id}).one_or_none()
    return None if row is None else ImportRow(*row)


def list_imports(connection: Connection, limit: int = 100) -> list[ImportRow]:
    """The tenant's imports, the newest first; without what only one of them needs to show (`check`)."""
    columns = _COLUMNS.replace("i.detail", "i.detail - 'check' as detail")
    rows = connection.execute(text(f"select {columns} from imports i order by i.id desc limit :limit"), {"limit": limit})
    return [ImportRow(*row) for row in rows]


def imports_version(connection: Connection) -> str:
    """A text that changes with every change to the tenant's imports."""
    found = connection.execute(
        text(
            "select count(*) || ' ' || coalesce(max(id), 0) || ' ' || coalesce(sum(hashtext(state || rows_read || stored || removed)"
            "::bigint), 0) || ' ' || coalesce(max(seen_at)::text, '') from imports"
        )
    ).scalar_one()
    return str(found)


def open_imports(connection: Connection) -> list[OpenImport]:
    """What is under way or keeps a file, of every tenant, the oldest first."""
    return [OpenImport(*row) for row in connection.execute(text("select * from andon_open_imports()"))]


def import_problems(connection: Connection, import_id: int) -> Iterator[list[Any]]:
    """What was not stored, in the order of the file: lists of rows (line, kind, what, reason, value, kept)."""
    last_line, last_id = -1, -1
    while True:
        rows = connection.execute(
            text(
                "select line, kind, what, reason, value, kept, id from import_problems"
                " where import_id = :id and (line, id) > (:line, :last) order by line, id limit :limit"
            ),
            {"id": import_id, "line": last_line, "last": last_id, "limit": _PROBLEMS_AT_ONCE},
        ).all()
        if not rows:
            return
        yield [tuple(row)[:6] for row in rows]
        last_line, last_id = rows[-1].line, rows[-1].id


def stored_by(connection: Connection, import_id: int, sensor_ids: list[int]) -> int:
    """How many readings an import has stored in these sensors."""
    found: int = connection.execute(
        text(
            "select coalesce(sum(n), 0)::bigint from unnest(cast(:ids as int[])) s (id)"
            " cross join lateral (select count(*) as n from readings r where r.sensor_id = s.id and r.import_id = :import) c"
        ),
        {"ids": sensor_ids, "import": import_id},
    ).scalar_one()
    return found
