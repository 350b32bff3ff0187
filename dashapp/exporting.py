"""`python app.py export`: readings into a file from the command line, beside a running server or without one."""

import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from rich.console import Console

from dashapp.actions.actor import ActionError
from dashapp.actions.exports import Wish, export_pieces, plan_export
from dashapp.administration import administrator, find_tenant
from dashapp.serving import open_system
from dashapp.settings import Settings
from db.columns import to_us
from db.engine import DatabaseSetupError

console = Console(stderr=True, highlight=False, soft_wrap=True)


def run_export(
    settings: Settings, devices: tuple[str, ...], sensors: tuple[str, ...], lines: tuple[str, ...],
    times: tuple[str, str | None, str], form: str, out: Path | None, tenant: str,
) -> int:  # fmt: skip
    """The exit code: 0 when the file is whole, 1 when nothing was written. A file appears under its name only when it is whole."""
    try:
        start, end, zone = times
        wish = Wish(moment_us(start, zone), moment_us(end, zone) if end else time.time_ns() // 1000, form, devices, sensors, lines)
        with open_system(settings) as database:
            actor = administrator(find_tenant(settings, database, tenant))
            export = plan_export(database.engine, actor, wish)
            pieces = export_pieces(database.engine, actor, export)
            try:
                size = _write(pieces, out or Path(export.name))
            finally:
                pieces.close()
    except (ActionError, DatabaseSetupError, OSError) as error:
        console.print(f"[bold]Nothing was exported:[/] {error}")
        return 1
    count = len(export.sensors)
    console.print(f"Readings of {count:,} sensor{'' if count == 1 else 's'}, {size / 1e6:,.1f} MB, are in {out or export.name}.")
    return 0


def moment_us(text: str, zone: str) -> int:
    """Microseconds since 1970 of a time in ISO 8601; without an offset it is one of `zone`. Raises ActionError for anything else."""
    try:
        moment = datetime.fromisoformat(text.strip())
        local = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        return to_us(local.astimezone(UTC))
    except (ValueError, KeyError, OverflowError) as error:
        raise ActionError("time", f"“{text}” in {zone} is no time; write it like 2026-01-31T06:00+01:00") from error


def _write(pieces: Iterable[bytes], out: Path) -> int:
    """How many bytes it is."""
    if str(out) == "-":
        return _copy(pieces, sys.stdout.buffer)
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            size = _copy(pieces, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
        return size
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _copy(pieces: Iterable[bytes], file: BinaryIO) -> int:
    return sum(file.write(piece) for piece in pieces)
