"""Writes of imports, inside a tenant's transaction: the row that everyone watches, and the list of what was not stored."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from db.columns import from_us
from db.commands.audit import clean

MOST_PROBLEMS = 10_000  # rows of an import that are listed one by one; beyond it they are counted


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is. Times in microseconds since 1970 UTC."""

    bytes_read: int
    rows: int
    stored: int
    duplicates: int
    conflicts: int
    refused: int
    first_us: int | None
    last_us: int | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not stored: `kind` conflict (`what` is the sensor, `kept` the value that stays) or refused (the column)."""

    line: int
    kind: str
    what: str
    reason: str = ""
    value: float | None = None
    kept: float | None = None


def insert_import(
    connection: Connection,
    tenant_id: int,
    file_name: str,
    by: str,
    *,
    state: str = "running",
    upload: str | None = None,
    size: int = 0,
    runner: str | None = None,
    detail: dict[str, Any] | None = None,
) -> int:
    """A new import; its id."""
    values = {
        "tenant": tenant_id, "file": clean(file_name)[:300], "by": clean(by)[:200], "state": state, "upload": upload, "bytes": size,
        "runner": runner, "detail": json.dumps(detail or {}),
    }  # fmt: skip
    made: int = connection.execute(
        text(
            "insert into imports (tenant_id, file_name, by, state, upload, bytes, runner, seen_at, detail)"
            " values (:tenant, :file, :by, :state, :upload, :bytes, :runner, now(), cast(:detail as jsonb)) returning id"
        ),
        values,
    ).scalar_one()
    return made


def move(connection: Connection, import_id: int, expected: Sequence[str], state: str, *, note: str = "") -> bool:
    """From one of the expected states to another; False where it is in none of them (any more)."""
    ended = state in ("done", "failed", "cancelled", "interrupted", "undone")
    moved = connection.execute(
        text(
            "update imports set state = :state, note = :note, seen_at = now(), runner = null,"
            " finished_at = case when :ended then now() else finished_at end"
            " where id = :id and state = any(:expected) returning id"
        ),
        {"id": import_id, "state": state, "note": clean(note)[:1000], "ended": ended, "expected": list(expected)},
    )
    return moved.one_or_none() is not None


def claim(connection: Connection, import_id: int, expected: str, state: str, runner: str, stale_s: float) -> bool:
    """Takes an import for a process, unless another one gave word of it within `stale_s`."""
    taken = connection.execute(
        text(
            "update imports set state = :state, runner = :runner, seen_at = now(), note = '',"
            " started_at = case when state = 'queued' then now() else started_at end,"
            " finished_at = case when state = 'queued' then null else finished_at end"
            " where id = :id and state = :expected and (runner is null or runner = :runner or seen_at is null"
            "   or seen_at < now() - :stale * interval '1 second') returning id"
        ),
        {"id": import_id, "expected": expected, "state": state, "runner": runner, "stale": stale_s},
    )
    return taken.one_or_none() is not None


def write_progress(connection: Connection, import_id: int, progress: Progress) -> str | None:
    """Writes how far it is; the state that it is in now, None where the import is gone."""
    values = {name: getattr(progress, name) for name in ("bytes_read", "rows", "stored", "duplicates", "conflicts", "refused")}
    moments = [None if us is None else from_us(us) for us in (progress.first_us, progress.last_us)]
    state: str | None = connection.execute(
        text(
            "update imports set bytes_read = :bytes_read, rows_read = :rows, stored = :stored, duplicates = :duplicates,"
            " conflicts = :conflicts, refused = :refused, first_at = least(first_at, :first), last_at = greatest(last_at, :last),"
            " seen_at = now() where id = :id returning state"
        ),
        {**values, "first": moments[0], "last": moments[1], "id": import_id},
    ).scalar_one_or_none()
    return state


def note_life(connection: Connection, import_id: int, *, bytes_read: int | None = None, removed: int = 0) -> str | None:
    """Word from the process that works on it (and how much it read, or removed more); the state that it is in now."""
    state: str | None = connection.execute(
        text(
            "update imports set seen_at = now(), bytes_read = coalesce(:bytes, bytes_read), removed = removed + :removed"
            " where id = :id returning state"
        ),
        {"id": import_id, "bytes": bytes_read, "removed": removed},
    ).scalar_one_or_none()
    return state


def keep_plan(connection: Connection, import_id: int, plan: Mapping[str, Any], said: tuple[str, int] | None) -> bool:
    """Replaces the plan of an import that is being set up. `said` is who said it and when, in milliseconds; False where it is not
    being set up, or the same one said what is kept later.
    """
    kept = {"plan": dict(plan), **({"said": {"by": said[0], "ms": said[1]}} if said else {})}
    changed = connection.execute(
        text(
            "update imports set state = 'draft', detail = (detail - '{check,said}'::text[]) || cast(:kept as jsonb)"
            " where id = :id and state in ('draft', 'checked') and (cast(:by as text) is null"
            " or detail->'said'->>'by' is distinct from :by or (detail->'said'->>'ms')::bigint <= :ms) returning id"
        ),
        {"id": import_id, "kept": json.dumps(kept), "by": said[0] if said else None, "ms": said[1] if said else 0},
    )
    return changed.one_or_none() is not None


def set_detail(connection: Connection, import_id: int, **parts: Any) -> None:
    """Puts parts into `detail`; None takes one out."""
    kept = {name: value for name, value in parts.items() if value is not None}
    gone = [name for name, value in parts.items() if value is None]
    connection.execute(
        text("update imports set detail = (detail || cast(:kept as jsonb)) - cast(:gone as text[]) where id = :id"),
        {"id": import_id, "kept": json.dumps(kept), "gone": gone},
    )


def drop_upload(connection: Connection, import_id: int) -> str | None:
    """Forgets the file; its name among the uploads."""
    upload: str | None = connection.execute(
        text("select upload from imports where id = :id for update"), {"id": import_id}
    ).scalar_one_or_none()
    connection.execute(text("update imports set upload = null where id = :id"), {"id": import_id})
    return upload


def delete_import(connection: Connection, import_id: int) -> None:
    """Takes an import out of the history: one that stored nothing."""
    connection.execute(text("delete from imports where id = :id"), {"id": import_id})


def add_problems(connection: Connection, tenant_id: int, import_id: int, problems: Sequence[Problem]) -> None:
    """Lists what was not stored."""
    if not problems:
        return
    rows = [
        {
            "tenant": tenant_id, "import": import_id, "line": each.line, "kind": each.kind, "what": clean(each.what)[:300],
            "reason": clean(each.reason)[:500], "value": each.value, "kept": each.kept,
        }
        for each in problems
    ]  # fmt: skip
    connection.execute(
        text(
            "insert into import_problems (tenant_id, import_id, line, kind, what, reason, value, kept)"
            " values (:tenant, :import, :line, :kind, :what, :reason, :value, :kept)"
        ),
        rows,
    )


def forget_problems(connection: Connection, import_id: int) -> None:
    """Before the file is read again: what was listed, and the dead letters that nobody has settled."""
    connection.execute(text("delete from import_problems where import_id = :id"), {"id": import_id})
    connection.execute(
        text("delete from dead_letters where door = 'csv' and source = :source and settled_at is null"), {"source": f"import:{import_id}"}
    )
