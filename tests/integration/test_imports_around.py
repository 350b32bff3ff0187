"""What is around an import: the list of what was not stored, who may, what is refused, files that are tidied away."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from dashapp.actions import imports as actions
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.domain.fleet import DeviceSpec, Role, SensorKind, SensorSpec
from dashapp.ingest import uploads
from dashapp.ingest.services import Services
from db.commands.devices import insert_device
from db.engine import Database
from db.queries.imports import find_import, import_problems
from db.tenancy import tenant_reading, tenant_transaction
from jobs.imports import ImportRunner
from tests.integration.access import administrator, new_tenant
from tests.integration.importing import bring_in, check, importing, row_of, until, upload, wide
from tests.integration.plant import Sent
from tests.serving import wait_until

pytestmark = pytest.mark.requirement("IN-5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="module")
def services(database: Database, folder: Path) -> Iterator[Services]:
    with importing(database, folder) as started:
        yield started


def test_what_was_not_stored_is_listed_line_by_line(services, runner, press):
    actor = administrator(press.tenant_id)
    lines = wide(20).decode().splitlines()
    lines[5] = lines[5].replace(",2.", ",broken2.")
    lines.append(lines[3].split(",")[0] + ",999,2.002")
    row = bring_in(services, actor, ("\n".join(lines) + "\n").encode())
    assert (row.rows_read, row.stored, row.conflicts, row.refused, row.duplicates) == (21, 39, 1, 1, 1)
    with tenant_reading(services.database.engine, press.tenant_id) as connection:
        (problems,) = list(import_problems(connection, row.id))
    assert [problem[:3] for problem in problems] == [(6, "refused", "oil"), (22, "conflict", "MX-01 temperature")]
    assert problems[1][4:] == (999.0, 72.0)


def test_nobody_reaches_the_import_of_another_tenant(services, runner, press):
    actor = administrator(press.tenant_id)
    stranger = administrator(new_tenant(press.database))
    row = bring_in(services, actor, wide(50))
    for act in (actions.start_import, actions.cancel_import, actions.undo_import, actions.discard_import):
        with pytest.raises(ActionError) as refused:
            act(services.database, stranger, row.id)
        assert refused.value.status == 404
    assert row_of(services, actor, row.id).state == "done"


def test_managers_import_and_operators_do_not(services, press):
    operator = Actor("user", 7, press.tenant_id, Role.OPERATOR)
    acts: list[Callable[[], Any]] = [
        lambda: actions.register_upload(services.database, operator, "x.csv", "x", 1),
        lambda: actions.plan_import(services.database, operator, 1, {}),
        lambda: actions.check_import(services.database, operator, 1, devices=None),
        lambda: actions.start_import(services.database, operator, 1),
        lambda: actions.cancel_import(services.database, operator, 1),
        lambda: actions.undo_import(services.database, operator, 1),
        lambda: actions.discard_import(services.database, operator, 1),
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            act()


def test_who_is_narrowed_to_lines_imports_into_devices_of_those_alone(services, press):
    with tenant_transaction(services.database.engine, press.tenant_id) as connection:
        insert_device(connection, press.tenant_id, DeviceSpec("east-1", "East", "", "east", (SensorSpec("t", "T", "", SensorKind.GAUGE),)))
    manager = Actor("user", 7, press.tenant_id, Role.MANAGER, lines=("east",))
    number = upload(services, manager, wide(10))
    for devices in (None, ["MX-01"], ["new-one"], ["east-1", "MX-01"]):
        with pytest.raises(ActionError) as refused:
            actions.check_import(services.database, manager, number, devices=devices)
        assert refused.value.status == 403
    actions.check_import(services.database, manager, number, devices=["east-1"])


def test_what_is_under_way_is_not_started_undone_or_changed(services, press):
    actor = administrator(press.tenant_id)
    number = upload(services, actor, wide(10))
    with pytest.raises(ActionError, match="being set up"):
        actions.start_import(services.database, actor, number)
    with pytest.raises(ActionError, match="being set up"):
        actions.undo_import(services.database, actor, number)
    with tenant_transaction(services.database.engine, press.tenant_id) as connection:
        connection.execute(text("update imports set state = 'running' where id = :id"), {"id": number})
    for act in (actions.start_import, actions.undo_import, actions.discard_import):
        with pytest.raises(ActionError, match="running"):
            act(services.database, actor, number)
    with pytest.raises(ActionError, match="running"):
        actions.plan_import(services.database, actor, number, {})


def test_a_file_that_is_thrown_away_leaves_nothing(services, press):
    actor = administrator(press.tenant_id)
    number = upload(services, actor, wide(10))
    kept = actions.discard_import(services.database, actor, number)
    uploads.remove(services.settings, kept)
    assert uploads.path_of(services.settings, kept) is None
    with tenant_reading(services.database.engine, press.tenant_id) as connection:
        assert find_import(connection, number) is None


def test_files_of_no_import_are_tidied_away_and_those_that_wait_stay(services, press, monkeypatch):
    actor = administrator(press.tenant_id)
    number = upload(services, actor, wide(10))
    mine = row_of(services, actor, number).upload
    stray = uploads.folder(services.settings) / ("0" * 32 + ".csv.part")
    stray.write_bytes(b"half")
    monkeypatch.setattr("jobs.imports.LEFT_BEHIND_S", -1.0)
    runner = ImportRunner(services)
    runner.look()
    runner._pool.shutdown()
    assert not stray.exists()
    assert uploads.path_of(services.settings, mine) is not None


def test_a_live_post_does_not_wait_for_an_import(services, runner, press):
    """Single posts go by the other lane; a bulk post has its turn between two slices of the import."""
    actor = administrator(press.tenant_id)
    number = upload(services, actor, wide(10_000, step_s=1))
    check(services, actor, number)
    actions.start_import(services.database, actor, number)
    services.imports_wanted.set()
    wait_until(lambda: row_of(services, actor, number).stored > 0, 30)
    took = []
    bulk = [(press.vibration, 10_000.0 + i, 1.0) for i in range(200)]
    for n in range(10):
        began = time.monotonic()
        Sent(press, [(press.fault, float(n), 0.0)]).to(services.pipeline).outcome()
        Sent(press, [(sensor, at + 1000 * n, value) for sensor, at, value in bulk], source="key:9").to(services.pipeline).outcome()
        took.append(time.monotonic() - began)
    assert np.median(took) < 1.0
    assert until(services, actor, number, "done").stored == 20_000
