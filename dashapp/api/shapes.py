"""What the API's JSON is made of: base classes, times, numbers of rows, cursors."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from dashapp.actions.actor import ActionError
from db.columns import to_us

Row = TypeVar("Row")
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def iso(time_us: int | None) -> str | None:
    """RFC 3339 in UTC, in milliseconds, of microseconds since 1970."""
    if time_us is None:
        return None
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_time(value: Any) -> Any:
    """Microseconds since 1970 as a time; anything else as it is."""
    return datetime.fromtimestamp(value / 1_000_000, UTC) if isinstance(value, int) else value


def _text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _possible(value: datetime) -> datetime:
    if not EARLIEST <= value <= LATEST:
        raise ValueError("a time from 1970 to 2200 is expected")
    return value


Time = Annotated[
    datetime, BeforeValidator(_as_time), PlainSerializer(_text, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A time in an answer, made of an aware datetime or of microseconds since 1970: `2026-01-15T12:00:00.000Z`."""
When = Annotated[AwareDatetime, AfterValidator(_possible)]
"""A time that somebody says, with its zone."""
Id = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[1])]
LongId = Annotated[int, Path(ge=1, le=2**53, examples=[1])]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Limit = Annotated[int, Query(ge=1, le=500, description="The most that one page holds.")]
Cursor = Annotated[str | None, Query(max_length=500, description="The `next_cursor` of the page before.")]
From = Annotated[When | None, Query(alias="from", description="The beginning, included.")]
To = Annotated[When | None, Query(description="The end, not included.")]
Short = Annotated[str, Field(max_length=200)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Out(BaseModel):
    """What is answered, read from a row by its names."""

    model_config = ConfigDict(from_attributes=True)


class In(BaseModel):
    """What is sent; a name that is not known is refused, for it is misspelt."""

    model_config = ConfigDict(extra="forbid")


def example(*values: dict[str, Any]) -> ConfigDict:
    """The configuration of a model that shows examples; the first one is what the documentation sends."""
    return ConfigDict(json_schema_extra={"examples": list(values)})


class Page(Out):
    """A part of a list. `next_cursor` asks for what follows; null where nothing does."""

    next_cursor: str | None = None


def cut(rows: Sequence[Row], key: Callable[[Row], Sequence[Any]], limit: int, cursor: str | None) -> tuple[list[Row], str | None]:
    """One page of rows that are in the order of `key`, and the cursor of the next. Raises ActionError for a cursor that is none of ours.

    The cursor is the key of the last row: rows that come and go meanwhile neither hide others nor show them twice.
    """
    if cursor is not None:
        after = read_cursor(cursor)
        try:
            rows = [row for row in rows if list(key(row)) > after]
        except TypeError as error:
            raise ActionError("cursor", "this is no cursor of ours") from error
    page = list(rows[:limit])
    return page, make_cursor(*key(page[-1])) if len(rows) > limit else None


def make_cursor(*parts: Any) -> str:
    """An opaque text that holds the place."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> list[Any]:
    """The parts of a cursor. Raises ActionError."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise ActionError("cursor", "this is no cursor of ours") from error
    if not isinstance(parts, list):
        raise ActionError("cursor", "this is no cursor of ours")
    return parts


def us(moment: datetime | None) -> int | None:
    """Microseconds since 1970 of a time that may be missing."""
    return None if moment is None else to_us(moment)
