"""Imports as a page starts them: checked, run in the background, stopped, cut off, gone on with, and taken back exactly."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dashapp.actions import imports as actions
from dashapp.ingest import uploads
from dashapp.ingest.services import Services
from db.commands.partitions import partition_sizes
from db.engine import Database
from db.tenancy import tenant_transaction
from jobs.imports import ImportRunner
from tests.integration.access import administrator, audit_of
from tests.integration.importing import START, Held, bring_in, check, everything, importing, pins, row_of, take_back, until, upload, wide
from tests.integration.plant import Sent
from tests.serving import ROOT, wait_until

pytestmark = pytest.mark.requirement("IN-5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="module")
def services(database: Database, folder: Path) -> Iterator[Services]:
    with importing(database, folder) as started:
        yield started


def test_a_file_is_checked_then_stored_in_the_background_and_the_row_says_how_far(services, runner, press):
    actor = administrator(press.tenant_id)
    number = upload(services, actor, wide(), columns={"oil": {"key": "oil_pressure", "unit": "bar", "name": "Oil", "kind": "gauge"}})
    row = check(services, actor, number)
    found = row.detail["check"]
    assert (found["rows"], found["stored"], found["duplicates"], found["conflicts"], found["refused"]) == (600, 1200, 0, 0, 0)
    assert found["new"] == [["MX-01", "oil_pressure"]]
    assert found["new_devices"] == []
    assert {series["sensor"] for series in found["series"]} == {"temperature", "oil_pressure"}
    assert found["partitions"]["count"] == 1
    assert press.readings() == {}
    assert uploads.path_of(services.settings, row.upload)

    kept = row.upload
    actions.start_import(services.database, actor, number)
    row = until(services, actor, number, "done")
    assert (row.rows_read, row.stored, row.bytes_read, row.upload) == (600, 1200, row.bytes, None)
    assert (row.first_at, row.last_at) == (START, START + timedelta(minutes=599))
    assert len(press.readings()) == 1200
    assert press.column("select unit || ' ' || name from sensors where key = 'oil_pressure'") == ["bar Oil"]
    wait_until(lambda: uploads.path_of(services.settings, kept) is None)
    assert pins(services, number)
    done = [action for _, action, target in audit_of(press.database, press.tenant_id) if target in (f"import:{number}", "MX-01")]
    assert done == ["upload_file", "start_import", "add_sensors"]


def test_an_import_moves_nothing_that_is_alive(services, runner, press):
    """No rule is evaluated on history: the writer hands rows of an import to none."""
    seen: list[int] = []
    for writer in services.pipeline._writers:
        writer._evaluate = lambda _connection, new: seen.append(len(new.rows))
    try:
        bring_in(services, administrator(press.tenant_id), wide(50))
        Sent(press, [(press.temperature, 1.0, 70.0)]).to(services.pipeline).outcome()
    finally:
        for writer in services.pipeline._writers:
            writer._evaluate = lambda _connection, _new: None
    assert seen == [1]


def test_undoing_leaves_the_database_as_it_was_before(services, runner, press):
    actor = administrator(press.tenant_id)
    base = int(START.timestamp() - 1_767_225_600)  # seconds after the start of the presses' time
    late = [(press.temperature, base + 30.0 + 60 * i, 50.0 + i) for i in range(40)]
    counts = [(press.count, base + 7.0 + 61.0 * i, 3.0) for i in range(40)]
    Sent(press, [*late, *counts, (press.fault, base, 1.0)]).to(services.pipeline).outcome()
    before = everything(services, press.tenant_id)
    content = re.sub(rb",2\.(\d+)\n", lambda each: b",%d\n" % (int(each[1]) % 7), wide(900, header="time,temperature,production_count"))
    row = bring_in(services, actor, content)
    assert row.stored == 1800
    during = everything(services, press.tenant_id)
    assert during["state"] != before["state"]
    assert len(during["minutes"]) > len(before["minutes"])

    gone = take_back(services, actor, row.id)

    assert gone.removed == 1800
    after = everything(services, press.tenant_id)
    for part, rows in before.items():
        assert after[part] == rows, part
    assert pins(services, row.id) == set()
    assert services.live.now(press.tenant_id)[press.temperature].readings == 40


def test_what_the_import_made_goes_with_it_unless_something_else_is_in_it(services, runner, press):
    actor = administrator(press.tenant_id)
    before = everything(services, press.tenant_id)
    first = bring_in(services, actor, wide(50), device="oven", device_name="The oven")
    second = bring_in(services, actor, wide(50, header="time,temperature,doors"), device="kiln")
    assert press.column("select name from devices where key = 'oven'") == ["The oven"]
    temperature = press.column(
        "select s.id from sensors s join devices d on d.id = s.device_id where d.key = 'kiln' and s.key = 'temperature'"
    )[0]
    Sent(press, [(temperature, 5.0, 1.0)]).to(services.pipeline).outcome()

    take_back(services, actor, first.id)
    take_back(services, actor, second.id)

    assert press.column("select key from devices order by key") == ["MX-01", "kiln"]
    assert press.column("select s.key from sensors s join devices d on d.id = s.device_id where d.key = 'kiln'") == ["temperature"]
    assert len(before["devices"]) == 1


def test_importing_again_after_an_undo_stores_all_again(services, runner, press):
    actor = administrator(press.tenant_id)
    first = bring_in(services, actor, wide(), device="oven")
    take_back(services, actor, first.id)
    again = bring_in(services, actor, wide(), device="oven")
    assert (again.stored, again.duplicates, again.conflicts) == (1200, 0, 0)


def test_undoing_one_of_two_imports_that_overlap_leaves_the_other_whole(services, runner, press):
    actor = administrator(press.tenant_id)
    one = bring_in(services, actor, wide(300))
    two = bring_in(services, actor, wide(300, start=START + timedelta(minutes=200), first=71.0))
    assert (one.stored, two.stored) == (600, 400)
    assert two.conflicts > 0
    kept = pins(services, one.id)
    assert kept == pins(services, two.id)
    mine = [each for each in everything(services, press.tenant_id)["readings"] if each[4] == two.id]

    take_back(services, actor, one.id)

    assert everything(services, press.tenant_id)["readings"] == mine
    with services.database.engine.connect() as connection:
        pinned = {each.partition.name for each in partition_sizes(connection) if each.pinned}
    assert kept <= pinned
    assert pins(services, one.id) == set()


def test_a_cancelled_import_keeps_what_it_stored_and_can_go_on_or_be_undone(services, runner, press, monkeypatch):
    actor = administrator(press.tenant_id)
    held = Held(monkeypatch, 4)
    number = upload(services, actor, wide())
    check(services, actor, number)
    actions.start_import(services.database, actor, number)
    services.imports_wanted.set()
    assert held.reached.wait(30)
    actions.cancel_import(services.database, actor, number)
    held.go.set()
    row = until(services, actor, number, "cancelled")
    assert 0 < row.stored < 1200
    assert len(press.readings()) == row.stored
    assert row.upload is not None

    actions.start_import(services.database, actor, number)
    row = until(services, actor, number, "done")
    assert (row.stored, row.duplicates) == (1200, 0)
    assert [action for _, action, target in audit_of(press.database, press.tenant_id) if target == f"import:{number}"] == [
        "upload_file", "start_import", "cancel_import", "resume_import",
    ]  # fmt: skip


def test_a_server_that_stops_interrupts_the_import_and_the_next_one_can_go_on(services, press, monkeypatch):
    actor = administrator(press.tenant_id)
    runner = ImportRunner(services)
    runner.start()
    held = Held(monkeypatch, 3)
    number = upload(services, actor, wide())
    check(services, actor, number)
    actions.start_import(services.database, actor, number)
    services.imports_wanted.set()
    assert held.reached.wait(30)
    stopping = threading.Thread(target=runner.stop)
    stopping.start()
    wait_until(runner._stopping.is_set)
    held.go.set()
    stopping.join()
    row = row_of(services, actor, number)
    assert row.state == "interrupted"
    assert "can go on" in row.note
    assert 0 < row.stored < 1200

    another = ImportRunner(services)
    another.start()
    actions.start_import(services.database, actor, number)
    assert until(services, actor, number, "done").stored == 1200
    another.stop()


@pytest.mark.requirement("OP-4")
def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(services, press, postgres, folder):
    actor = administrator(press.tenant_id)
    number = upload(services, actor, wide(3_000))
    with tenant_transaction(services.database.engine, press.tenant_id) as connection:
        connection.execute(text("update imports set state = 'queued' where id = :id"), {"id": number})
    command = [sys.executable, "-m", "tests.integration.import_victim", str(folder), postgres.url("app"), postgres.url("owner")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as victim:
        wait_until(lambda: row_of(services, actor, number).stored > 300, 60)
        victim.kill()
    row = row_of(services, actor, number)
    assert row.state == "running"
    assert len(press.readings()) < 6_000

    runner = ImportRunner(services)
    runner.start()
    row = until(services, actor, number, "interrupted")
    assert "can go on" in row.note
    kept = len(press.readings())
    assert 300 < kept < 6_000
    actions.start_import(services.database, actor, number)
    row = until(services, actor, number, "done")
    assert (row.stored, row.duplicates, row.conflicts) == (6_000, 0, 0)
    assert len(press.readings()) == 6_000
    assert press.states()[press.temperature][3] == 3_000
    assert take_back(services, actor, number).removed == 6_000
    assert press.readings() == {}
    runner.stop()


@pytest.mark.parametrize(("state", "becomes"), [("running", "interrupted"), ("cancelling", "cancelled")])
def test_an_import_of_a_process_that_died_is_found_at_the_next_start(services, press, state, becomes):
    actor = administrator(press.tenant_id)
    number = upload(services, actor, wide())
    with tenant_transaction(services.database.engine, press.tenant_id) as connection:
        connection.execute(
            text("update imports set state = :state, runner = :runner, seen_at = now() where id = :id"),
            {"state": state, "runner": f"{__import__('socket').gethostname()}:999999999:abc", "id": number},
        )
    runner = ImportRunner(services)
    runner.look()
    assert row_of(services, actor, number).state == becomes
    assert uploads.path_of(services.settings, row_of(services, actor, number).upload) is not None
    runner._pool.shutdown()


def test_an_import_that_another_living_process_runs_is_left_alone(services, press):
    actor = administrator(press.tenant_id)
    number = upload(services, actor, wide())
    with tenant_transaction(services.database.engine, press.tenant_id) as connection:
        connection.execute(
            text("update imports set state = 'running', runner = 'elsewhere:7:abc', seen_at = now() where id = :id"), {"id": number}
        )
    runner = ImportRunner(services)
    runner.look()
    assert row_of(services, actor, number).state == "running"
    runner._pool.shutdown()


def test_an_undo_that_was_cut_off_goes_on_by_itself(services, runner, press, monkeypatch):
    from jobs import import_undo

    actor = administrator(press.tenant_id)
    before = everything(services, press.tenant_id)
    row = bring_in(services, actor, wide())
    remove = import_undo.remove_batch
    calls = [0]

    def breaking(*args: Any, **values: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("the power went")
        return remove(*args, **{**values, "limit": 200})

    monkeypatch.setattr(import_undo, "remove_batch", breaking)
    gone = take_back(services, actor, row.id)
    assert calls[0] > 3
    assert gone.removed == 1200
    assert everything(services, press.tenant_id)["readings"] == before["readings"]
