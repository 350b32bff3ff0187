"""`python app.py import`: a file's history from the command line, beside a running server or without one."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.imports import Made, make_sensors, undo_import
from dashapp.administration import administrator, find_tenant
from dashapp.ingest.csv_dry_run import dry_run
from dashapp.ingest.csv_format import CsvError, CsvFormat, guess_format
from dashapp.ingest.csv_import import CsvImport, ImportReport, ImportStopped
from dashapp.ingest.csv_plan import wanted_sensors
from dashapp.ingest.services import Services, make_services
from dashapp.serving import open_system
from dashapp.settings import Settings
from db.commands.imports import claim
from db.commands.partitions import PartitionKeeper
from db.commands.rollups import recompute_dirty
from db.engine import DatabaseSetupError
from db.queries.imports import find_import
from db.tenancy import tenant_transaction
from jobs.import_undo import undo
from jobs.imports import specs

console = Console(highlight=False, soft_wrap=True)
SAMPLE_BYTES = 256 * 1024
BAR = (TextColumn("{task.description}"), BarColumn(40), TextColumn("{task.fields[note]}"), TimeElapsedColumn())


def run_import(
    settings: Settings, file: Path, device_key: str, tenant: str, zone: str, overrides: Mapping[str, Any], *, dry_run: bool
) -> int:
    """The exit code: 0 when every row was stored or was there, 3 when some were refused, 1 when nothing could be done."""
    try:
        with file.open("rb") as stream:
            fmt = guess_format(stream.read(SAMPLE_BYTES), zone=zone, file_name=file.name)
        fmt = with_overrides(fmt, overrides)
        with open_system(settings) as database:
            tenant_id = find_tenant(settings, database, tenant)
            services = make_services(settings, database, PartitionKeeper(database, settings.partition_by))
            _describe(fmt)
            if dry_run:
                return _dry_run(services, tenant_id, file, fmt, device_key)
            report = _import(services, tenant_id, file, fmt, device_key)
    except ImportStopped as stopped:
        console.print(str(stopped))
        return 1
    except (CsvError, ActionError, DatabaseSetupError) as error:
        console.print(f"[bold]Nothing was imported:[/] {error}")
        return 1
    _tell(report, done=True)
    console.print(f"Look at it: http://localhost:{settings.port}/devices/{quote(device_key, safe='')}?tenant={tenant}")
    return 3 if report.refused else 0


def with_overrides(fmt: CsvFormat, overrides: Mapping[str, Any]) -> CsvFormat:
    """The guess with what the person said instead. Raises CsvError where a named column is not in the file."""
    changes: dict[str, Any] = {}
    if overrides.get("separator"):
        changes["separator"] = {"tab": "\t", "\\t": "\t"}.get(overrides["separator"], overrides["separator"])
    if overrides.get("time_column"):
        changes["time_columns"] = (overrides["time_column"],)
    if overrides.get("time_format"):
        changes["time_format"] = overrides["time_format"]
    columns = list(fmt.columns)
    for wish in overrides.get("mapping") or ():
        name, _, target = wish.partition("=")
        at = next((i for i, column in enumerate(columns) if column.name == name), None)
        if at is None:
            raise CsvError("--map", f"the file has no column “{name}”; it has: {', '.join(column.name for column in columns)}")
        key, _, unit = target.partition(":")
        columns[at] = replace(columns[at], sensor_key=key or None, unit=unit or columns[at].unit)
    return replace(fmt, columns=tuple(columns), **changes)


def _describe(fmt: CsvFormat) -> None:
    separator = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}.get(fmt.separator, fmt.separator)
    used = ", ".join(f"{c.name} → {c.sensor_key}" + (f" [{c.unit}]" if c.unit else "") for c in fmt.columns if c.sensor_key)
    time_words = f"{' + '.join(fmt.time_columns)} ({fmt.time_format or 'ISO 8601'}, {fmt.zone})"
    console.print(f"{fmt.encoding}, {separator}, {fmt.layout}; time: {time_words}", markup=False)
    if used:
        console.print(f"columns: {used}", markup=False)


def _import(services: Services, tenant_id: int, file: Path, fmt: CsvFormat, device_key: str) -> ImportReport:
    actor = administrator(tenant_id)
    made = ensure_sensors(services, actor, file, fmt, device_key)
    services.start()
    try:
        with Progress(*BAR, console=console, transient=True) as bar:
            task = bar.add_task(file.name, total=None, note="")
            began = time.monotonic()

            def progress(rows: int, stored: int) -> None:
                bar.update(task, note=f"{rows:,} rows, {stored:,} readings, {stored / max(time.monotonic() - began, 0.001):,.0f}/s")

            ids = {"devices": made.devices, "sensors": made.sensors}
            job = CsvImport(services, tenant_id, file, fmt, device_key, "command line", made=ids, stop=_stop)
            report = job.run(progress)
            bar.update(task, note="minutes, hours and days")
            while recompute_dirty(services.database, tenant_id, limit=2_000):
                pass
    finally:
        services.stop()
    return report


def _stop(state: str) -> None:
    if state != "running":
        raise ImportStopped("cancelled", "Cancelled. What was stored until then is kept.")


def ensure_sensors(services: Services, actor: Actor, file: Path, fmt: CsvFormat, device_key: str) -> Made:
    """Makes the devices and sensors that the file needs and that are missing."""
    wanted = {device: specs(sensors) for device, sensors in wanted_sensors(file, fmt, device_key).items()}
    made = make_sensors(services.database, actor, wanted)
    services.catalogue.forget(actor.tenant_id)
    return made


def run_undo(settings: Settings, import_id: int, tenant: str) -> int:
    """Takes an import back, beside a running server or without one; the exit code."""
    try:
        with open_system(settings) as database:
            tenant_id = find_tenant(settings, database, tenant)
            services = make_services(settings, database, PartitionKeeper(database, settings.partition_by))
            undo_import(database, administrator(tenant_id), import_id)
            removed = _undo(services, tenant_id, import_id)
    except (ActionError, DatabaseSetupError) as error:
        console.print(f"[bold]Not done:[/] {error}")
        return 1
    console.print(f"Import {import_id} is undone: {removed:,} readings are gone. Importing the file again stores them again.")
    return 0


def _undo(services: Services, tenant_id: int, import_id: int) -> int:
    """By this process, or by the server that took it first; how many readings are gone."""
    engine, me = services.database.engine, f"command:{secrets.token_hex(4)}"
    while True:
        with tenant_transaction(engine, tenant_id) as connection:
            mine = claim(connection, import_id, "undoing", "undoing", me, 30.0)
            row = find_import(connection, import_id)
        if row is None or row.state != "undoing":
            return 0 if row is None else row.removed
        if mine:
            undo(services, tenant_id, row, lambda: None)
        else:
            time.sleep(0.2)


def _dry_run(services: Services, tenant_id: int, file: Path, fmt: CsvFormat, device_key: str) -> int:
    known = {name: sensor.id for name, sensor in services.catalogue.of(tenant_id).by_name.items()}
    report, new = dry_run(services.database.engine, tenant_id, file, fmt, device_key, known)
    _tell(report, done=False)
    if new:
        console.print("It would make the sensors: " + ", ".join(f"{device} {sensor}" for device, sensor in new), markup=False)
    return 3 if report.refused else 0


def _tell(report: ImportReport, *, done: bool) -> None:
    verb = "stored" if done else "would be stored"
    console.print(f"[bold]{report.rows:,}[/] rows read, [bold]{report.stored:,}[/] readings {verb}", end="")
    console.print(f", {report.duplicates:,} there already, {report.conflicts:,} conflicting duplicates, {report.refused:,} refused")
    if report.first_us is not None and report.last_us is not None:
        span = [datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S") for us in (report.first_us, report.last_us)]
        console.print(f"from {span[0]} to {span[1]} UTC")
    conflicts = [
        f"line {line}: {sensor} {value:g}; {kept:g} was there first and stays" for line, sensor, value, kept in report.conflict_examples
    ]
    _list("conflict", conflicts, report.conflicts)
    _list("refused", [f"line {line}: {field}: {reason}" for line, field, reason in report.refused_examples], report.refused)


def _list(word: str, lines: Sequence[str], total: int) -> None:
    for line in lines[:5]:
        console.print(f"  {word}: {line}", markup=False)
    if total > 5:
        console.print(f"  … {total - 5:,} more of {word}")
