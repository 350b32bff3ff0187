"""Runs imports: checks, stores and takes back, in threads of the process that has the file.

An import is a row of `imports`; its state says what is to be done. A process takes one by writing its name into it and gives word of it
twice a second. What a process that died was at is found at the next start: an import is interrupted and can go on, a check begins anew,
an undo goes on by itself.
"""

import logging
import os
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.devices import guessed_sensor
from dashapp.actions.imports import make_sensors
from dashapp.domain.fleet import Role, SensorKind, SensorSpec
from dashapp.ingest import uploads
from dashapp.ingest.batch import Busy, Unavailable
from dashapp.ingest.csv_format import CsvError, CsvFormat
from dashapp.ingest.csv_import import CsvImport, ImportStopped
from dashapp.ingest.csv_plan import Plan, Wanted, planned_format, sample_of, wanted_sensors
from dashapp.ingest.services import Services
from db.columns import to_us
from db.commands import imports as commands
from db.commands import partitions
from db.queries.imports import ImportRow, OpenImport, find_import, open_imports
from db.tenancy import tenant_reading, tenant_transaction
from jobs.import_check import check
from jobs.import_undo import undo

log = logging.getLogger("andon.imports")
AT_ONCE = 2
LOOK_EVERY_S = 2.0
SILENT_S = 30.0  # without word for so long, whoever was at it is taken for dead
FORGOTTEN_S = 30 * 86_400.0  # a file that nobody imports
DRAFT_S = 7 * 86_400.0
LEFT_BEHIND_S = 3600.0
TASKS = {"checking": "checking", "queued": "running", "undoing": "undoing"}  # state → the state that it has while it is worked on


class ImportRunner(threading.Thread):
    """Looks for what is to be done and does one or two at once."""

    def __init__(self, services: Services) -> None:
        super().__init__(name="imports", daemon=True)
        self._services = services
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="import")
        self._active: set[int] = set()
        self._stopping = threading.Event()
        self._tidied_at = float("-inf")

    def stop(self) -> None:
        """Ends what runs between two batches; a running import is interrupted and can go on later."""
        self._stopping.set()
        self._services.imports_wanted.set()
        if self.is_alive():
            self.join(10)
        self._pool.shutdown(wait=True)

    def run(self) -> None:
        """Until it is stopped; a database that is away is tried again."""
        while not self._stopping.is_set():
            try:
                self.look()
            except Exception as error:
                log.warning("imports are looked for again: %s", str(error).splitlines()[0] if str(error) else repr(error))
            self._services.imports_wanted.wait(LOOK_EVERY_S)
            self._services.imports_wanted.clear()

    def look(self) -> None:
        """Takes what waits, says of what died that it did, and removes files that nobody wants."""
        with self._services.database.engine.connect() as connection:
            found = open_imports(connection)
        for each in found:
            if each.id in self._active or self._stopping.is_set():
                continue
            if each.state in ("running", "cancelling"):
                self._bury(each)
            elif each.state in TASKS and len(self._active) < AT_ONCE and (each.state == "undoing" or self._has(each)):
                self._take(each)
        if time.monotonic() - self._tidied_at > LEFT_BEHIND_S:
            self._tidied_at = time.monotonic()
            self._tidy(found)

    def _has(self, each: OpenImport) -> bool:
        return uploads.path_of(self._services.settings, each.upload) is not None

    def _take(self, each: OpenImport) -> None:
        stale_s = 0.0 if self._is_dead(each) else SILENT_S
        with tenant_transaction(self._services.database.engine, each.tenant_id) as connection:
            if not commands.claim(connection, each.id, each.state, TASKS[each.state], self._name, stale_s):
                return
        self._active.add(each.id)
        self._pool.submit(self._work, each)

    def _bury(self, each: OpenImport) -> None:
        """An import whose process is gone."""
        if not self._is_dead(each):
            return
        state = "cancelled" if each.state == "cancelling" else "interrupted"
        note = "" if state == "cancelled" else "The server stopped while it ran. What is stored is kept; it can go on."
        with tenant_transaction(self._services.database.engine, each.tenant_id) as connection:
            commands.move(connection, each.id, (each.state,), state, note=note)
            row = find_import(connection, each.id)
        if row is not None:
            _pin(self._services, row)
        log.info("import %d is %s", each.id, state)

    def _is_dead(self, each: OpenImport) -> bool:
        if each.runner is None or each.silent_s > SILENT_S:
            return True
        host, _, rest = each.runner.partition(":")
        pid = rest.partition(":")[0]
        if each.runner == self._name:
            return each.id not in self._active
        if host != socket.gethostname() or not pid.isdigit():
            return False
        if int(pid) == os.getpid():  # in a container every start has the same number
            return True
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def _work(self, each: OpenImport) -> None:
        try:
            with tenant_reading(self._services.database.engine, each.tenant_id) as connection:
                row = find_import(connection, each.id)
            if row is None:
                return
            if each.state == "undoing":
                undo(self._services, each.tenant_id, row, self._go_on)
            elif each.state == "checking":
                self._check(each.tenant_id, row)
            else:
                self._import(each.tenant_id, row)
        except ImportStopped as stopped:
            log.info("import %d waits: %s", each.id, stopped)
        except Exception:
            log.exception("import %d is not done", each.id)
        finally:
            self._active.discard(each.id)
            self._services.imports_wanted.set()

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise ImportStopped("interrupted", "the server is stopping")

    def _check(self, tenant_id: int, row: ImportRow) -> None:
        try:
            path, plan = self._file(row), Plan.of(row.detail.get("plan"))
            found = check(self._services, tenant_id, row, path, plan, self._go_on)
            note, state = "", "checked"
        except (CsvError, ActionError, OSError) as error:
            found, note, state = None, str(error), "draft"
        except ImportStopped:  # given up, or the server stops: then it begins anew at the next start
            return
        except Exception as error:
            log.exception("import %d could not be checked", row.id)
            found, note, state = None, f"The check failed: {type(error).__name__}. The server's log says more.", "draft"
        with tenant_transaction(self._services.database.engine, tenant_id) as connection:
            if commands.move(connection, row.id, ("checking",), state, note=note):
                commands.set_detail(connection, row.id, check=found)

    def _import(self, tenant_id: int, row: ImportRow) -> None:
        def stop(state: str) -> None:
            if state == "cancelling":
                raise ImportStopped("cancelled", "Cancelled. What was stored until then is kept.")
            if self._stopping.is_set():
                raise ImportStopped("interrupted", "The server stopped while it ran. What is stored is kept; it can go on.")
            if state != "running":
                raise ImportStopped(state, "it was changed elsewhere")

        try:
            path, plan = self._file(row), Plan.of(row.detail.get("plan"))
            zone = self._services.catalogue.of(tenant_id).zone
            fmt = planned_format(sample_of(path), plan, zone=zone, file_name=row.file_name)
            made = make_missing(self._services, tenant_id, path, fmt, plan.device, plan, row)
            job = CsvImport(
                self._services, tenant_id, path, fmt, plan.device, row.by, import_id=row.id, made=made, stop=stop
            )
            job.run()
        except ImportStopped:
            return
        except Busy:
            self._end(tenant_id, row, "interrupted", "The server stopped while it ran. What is stored is kept; it can go on.")
            return
        except Unavailable:
            self._end(tenant_id, row, "failed", "The database was away for too long. What is stored is kept; it can go on.")
            return
        except (CsvError, ActionError, OSError) as error:
            self._end(tenant_id, row, "failed", str(error))
            return
        except Exception:
            self._end(tenant_id, row, "failed", "Something went wrong that is our fault; the server's log says what.")
            raise
        uploads.remove(self._services.settings, row.upload)

    def _end(self, tenant_id: int, row: ImportRow, state: str, note: str) -> None:
        with tenant_transaction(self._services.database.engine, tenant_id) as connection:
            commands.move(connection, row.id, ("running", "cancelling", "failed"), state, note=note)

    def _file(self, row: ImportRow) -> Path:
        path = uploads.path_of(self._services.settings, row.upload)
        if path is None:
            raise CsvError("file", "it is no longer on this server; choose it again")
        return path

    def _tidy(self, found: list[OpenImport]) -> None:
        settings = self._services.settings
        for each in found:
            limit = DRAFT_S if each.state in ("draft", "checked") else FORGOTTEN_S
            if each.upload is None or each.state in TASKS or each.state in ("running", "cancelling") or each.age_s < limit:
                continue
            with tenant_transaction(self._services.database.engine, each.tenant_id) as connection:
                uploads.remove(settings, commands.drop_upload(connection, each.id))
                if each.state in ("draft", "checked"):
                    commands.delete_import(connection, each.id)
        with suppress(OSError):
            uploads.tidy(settings, {each.upload for each in found if each.upload}, older_than_s=LEFT_BEHIND_S)


def _pin(services: Services, row: ImportRow) -> None:
    if row.stored and row.first_at is not None and row.last_at is not None:
        partitions.pin_partitions(services.database, to_us(row.first_at), to_us(row.last_at), f"import {row.id}")


def make_missing(
    services: Services, tenant_id: int, path: Path, fmt: CsvFormat, device: str, plan: Plan, row: ImportRow
) -> dict[str, list[int]]:
    """Makes what the file needs and is missing; ids of all that is there because of this import, earlier runs of it included."""
    actor = Actor(kind="job", id=0, tenant_id=tenant_id, role=Role.MANAGER, name="import")
    wanted = {key: specs(sensors) for key, sensors in wanted_sensors(path, fmt, device, plan).items()}
    made = make_sensors(services.database, actor, wanted, {device: plan.device_name} if plan.device_name else None)
    before = row.detail.get("made") or {}
    kept = {
        "devices": sorted({*before.get("devices", []), *made.devices}), "sensors": sorted({*before.get("sensors", []), *made.sensors}),
    }  # fmt: skip
    with tenant_transaction(services.database.engine, tenant_id) as connection:
        commands.set_detail(connection, row.id, made=kept)  # at once: an undo must know it, whatever comes next
    services.catalogue.forget(tenant_id)
    return kept


def specs(sensors: list[Wanted]) -> list[SensorSpec]:
    """What would be made of the sensors that a file measures."""
    found = []
    for each in sensors:
        spec = guessed_sensor(each.key, each.unit, period_s=each.period_s)
        found.append(replace(spec, name=each.name or spec.name, kind=SensorKind(each.kind) if each.kind else spec.kind))
    return found
