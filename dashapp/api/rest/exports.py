"""Readings as a file: `GET /api/v1/readings/export`, for programs and for the download links of the pages."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime
from starlette.types import Receive, Scope, Send

from dashapp.actions.actor import Actor
from dashapp.actions.exports import AT_ONCE, TYPES, Export, Format, Pieces, Wish, export_pieces, plan_export
from dashapp.api.routes import Route
from dashapp.api.security import DeviceViewer
from dashapp.api.shapes import Out
from dashapp.ingest.services import Services
from dashapp.sheets import attachment
from db.columns import to_us

router = APIRouter(prefix="/api/v1/readings", tags=["readings"], route_class=Route)
Several = Annotated[list[str] | None, Query(max_length=2_000)]


def _planned(
    request: Request,
    actor: DeviceViewer,
    since: Annotated[AwareDatetime, Query(alias="from")],
    to: AwareDatetime,
    device: Several = None,
    sensor: Several = None,
    line: Several = None,
    form: Annotated[Format, Query(alias="format")] = "csv",
) -> tuple[Actor, Export]:
    """What is asked for. `device`, `sensor` (a key, or DEVICE/KEY) and `line` may be given several times; without them it is everything."""
    services: Services = request.app.state.services
    wish = Wish(to_us(since), to_us(to), form, tuple(device or ()), tuple(sensor or ()), tuple(line or ()))
    return actor, plan_export(services.database.engine, actor, wish)


Planned = Annotated[tuple[Actor, Export], Depends(_planned)]


class Expected(Out):
    """What an export would be. `expected_rows` is by the sums of hours: what is imported meanwhile may come on top."""

    expected_rows: int
    sensors: int
    devices: int
    name: str


@router.get("/export/expected", summary="How long an export would be")
def expected(planned: Planned) -> Expected:
    """How many readings an export would have, and what the file would be called; nothing is exported."""
    _, export = planned
    devices = len({one.device for one in export.sensors})
    return Expected(expected_rows=export.expected, sensors=len(export.sensors), devices=devices, name=export.name)


@router.get("/export", response_class=StreamingResponse, summary="Readings as a file")
def export(request: Request, planned: Planned) -> StreamingResponse:
    """CSV, Parquet or XLSX, streamed at any length, sensor by sensor, each in order of time. 429 where two of yours run already.

    `X-Expected-Rows` says how many readings it will have, for a progress bar.
    """
    actor, planned_export = planned
    services: Services = request.app.state.services
    pieces = export_pieces(services.database.engine, actor, planned_export)
    headers = {
        "Content-Disposition": attachment(planned_export.name), "Cache-Control": "no-store",
        "X-Expected-Rows": str(planned_export.expected),
    }  # fmt: skip
    return _Download(pieces, TYPES[planned_export.format], headers)


class _Download(StreamingResponse):
    """Pieces made in threads of their own, so that neither pages nor other requests wait for them; ended when the reader goes."""

    def __init__(self, pieces: Pieces, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(self._sent(), media_type=media_type, headers=headers)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it; whatever becomes of that, the export's place is free afterwards."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._pieces.close, limiter=_limiter())

    async def _sent(self) -> AsyncIterator[bytes]:
        while (piece := await to_thread.run_sync(next, self._pieces, None, limiter=_limiter())) is not None:
            if piece:
                yield piece


_limiters: RunVar[CapacityLimiter] = RunVar("andon_export_threads")


def _limiter() -> CapacityLimiter:
    """Threads for exports alone; closing needs one more than run."""
    try:
        return _limiters.get()
    except LookupError:
        made = CapacityLimiter(AT_ONCE + 1)
        _limiters.set(made)
        return made
