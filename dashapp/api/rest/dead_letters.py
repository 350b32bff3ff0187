"""Dead letters: what was refused, as it came, with why; replayed or dropped. Managers and above. REQUIREMENTS IN-7."""

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from dashapp.actions import dead_letters as actions
from dashapp.actions.actor import ActionError
from dashapp.api.problems import Problem
from dashapp.api.rest.common import database_of, services_of
from dashapp.api.routes import Route
from dashapp.api.security import Manager
from dashapp.api.shapes import Cursor, In, Limit, Out, Page, Time, example, make_cursor, read_cursor
from dashapp.ingest.batch import Busy, Unavailable
from dashapp.ingest.replay import replay
from db.queries import dead_letters as queries
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/dead-letters", tags=["connections"], route_class=Route)
Text = Annotated[str, Query(max_length=200)]


class DeadLetter(Out):
    """What was refused; `raw` are its bytes in base64. `context` says the device, the time and the topic that its message had."""

    id: int
    received_at: Time
    door: str
    source: str
    field: str
    reason: str
    raw: str
    truncated: bool
    settled_at: Time | None
    settled_how: Literal["replayed", "dropped"] | None
    context: dict[str, Any]
    tries: int


class DeadLetters(Page):
    """The newest first."""

    dead_letters: list[DeadLetter]


class Chosen(In):
    """Letters by their ids."""

    ids: list[Annotated[int, Field(ge=1, le=2**53)]] = Field(min_length=1, max_length=1_000)

    model_config = example({"ids": [1, 2]})


class Replayed(Out):
    """How many letters are stored now and how many were refused again, with the first reason."""

    stored: int
    refused: int
    reason: str


class Dropped(Out):
    """How many of them were open."""

    dropped: int


@router.get("")
def list_dead_letters(
    request: Request, actor: Manager, state: Literal["open", "replayed", "dropped", "all"] = "open", door: Text = "", source: Text = "",
    search: Text = "", limit: Limit = 50, cursor: Cursor = None,
) -> DeadLetters:  # fmt: skip
    """Letters of a state, of a door (`http`, `mqtt`, `kafka` …), of a source, with a text in the reason or in what came."""
    if any("\x00" in part for part in (door, source, search)):
        raise ActionError("search", "NUL is in no text")
    before = None
    if cursor is not None:
        parts = read_cursor(cursor)
        if len(parts) != 1 or type(parts[0]) is not int or not 0 < parts[0] < 2**62:
            raise ActionError("cursor", "this is no cursor of ours")
        before = parts[0]
    wanted = queries.Wanted("" if state == "all" else state, door, source, search)
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        rows = queries.dead_letters(connection, wanted, before=before, limit=limit + 1)
    shown = [DeadLetter(**{**vars_of(row), "raw": base64.b64encode(row.raw).decode()}) for row in rows[:limit]]
    return DeadLetters(dead_letters=shown, next_cursor=make_cursor(rows[limit - 1].id) if len(rows) > limit else None)


@router.post("/replay")
def replay_dead_letters(request: Request, actor: Manager, chosen: Chosen) -> Replayed:
    """Puts them through the pipeline again, each with its own time. Nothing is stored twice."""
    services = services_of(request)
    register = services.register
    assert register is not None  # the server sets it
    try:
        done = actions.replay_letters(
            services.database, actor, chosen.ids, lambda tenant, letters: replay(services, register, tenant, letters)
        )
    except (Busy, Unavailable, TimeoutError) as error:
        raise Problem(503, "Not now", "The queue is full or the database is away; ask again.") from error
    return Replayed.model_validate(done)


@router.post("/drop")
def drop_dead_letters(request: Request, actor: Manager, chosen: Chosen) -> Dropped:
    """Settles letters that nobody wants."""
    return Dropped(dropped=actions.drop_letters(database_of(request), actor, chosen.ids))


def vars_of(letter: queries.Letter) -> dict[str, Any]:
    """Its fields by name."""
    return {name: getattr(letter, name) for name in letter.__slots__}
