"""What is current, in memory: the newest wins whoever publishes first, and other replicas hear of it."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import text

from dashapp.domain.fleet import DeviceSpec, SensorSpec
from dashapp.ingest.catalogue import Catalogue, UnknownTenant
from dashapp.ingest.live import BUCKET_US, WINDOW_US, Live, SensorNow
from db.commands.devices import insert_device
from db.commands.readings import Rows, State
from db.engine import Database
from db.notify import tell_names_changed
from db.tenancy import tenant_transaction
from tests.integration.plant import PATIENCE_S, START_US, Press, Sent, make_pipeline, running

S = 1_000_000  # microseconds


def publish(live: Live, press: Press, second: int, value: float, *, total: float, readings: int) -> None:
    """A commit of one reading of the counter, and the state after it."""
    time_us = np.array([START_US + second * S])
    ids, values, quality = np.array([press.count], np.int32), np.array([value]), np.array([192], np.int16)
    state = State(ids, time_us, values, quality, np.array([total]), np.array([readings]))
    live.publish(press.tenant_id, Rows(ids, time_us, values, quality), state)


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)


@pytest.mark.requirement("DB-3")
def test_two_writers_that_publish_out_of_order_leave_the_newest_current(database: Database, press: Press) -> None:
    live = Live(database)
    assert live.now(press.tenant_id) == {}

    publish(live, press, 2, 20.0, total=30.0, readings=2)
    publish(live, press, 1, 10.0, total=10.0, readings=1)

    now = live.now(press.tenant_id)[press.count]
    assert (now.time_us, now.value, now.total, now.readings) == (START_US + 2 * S, 20.0, 30.0, 2)
    assert [value for _, value in now.points()] == [10.0, 20.0]


@pytest.mark.requirement("DB-3")
def test_what_was_read_before_a_commit_does_not_undo_it(database: Database, press: Press) -> None:
    live = Live(database)
    with running(make_pipeline(database)) as services:
        Sent(press, [(press.count, 1, 10.0)]).to(services.pipeline).outcome()
    assert live.now(press.tenant_id)[press.count].total == 10.0

    publish(live, press, 0, 5.0, total=15.0, readings=2)  # late: the total moves, the value does not
    live.refresh(press.tenant_id)  # the database of this test never heard of it

    now = live.now(press.tenant_id)[press.count]
    assert (now.value, now.total, now.readings) == (10.0, 15.0, 2)


@pytest.mark.requirement("DB-3")
def test_a_version_moves_with_each_commit_and_names_what_changed(database: Database, press: Press) -> None:
    with running(make_pipeline(database)) as services:
        live = services.live
        before = live.version(press.tenant_id)
        Sent(press, [(press.count, 1, 10.0)]).to(services.pipeline).outcome()
        Sent(press, [(press.temperature, 1, 70.0)]).to(services.pipeline).outcome()

        version, changed = live.changes(press.tenant_id, before)
        assert version > before
        assert set(changed) == {press.count, press.temperature}
        assert live.changes(press.tenant_id, version) == (version, [])


@pytest.mark.requirement("UI-1")
def test_a_sparkline_is_read_whole_while_a_writer_adds_to_it() -> None:
    now = SensorNow(START_US, 0.0, 192, 0.0, 0, 0, 0)
    stop = threading.Event()

    def write() -> None:
        second = 0
        while not stop.is_set():
            second += 10
            now.time_us = START_US + second * S
            now.note(np.array([now.time_us]), np.array([1.0]))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3_000):
            moments = [moment for moment, _ in now.points()]
            assert moments == sorted(moments)
            assert len(moments) <= 2 * (WINDOW_US // BUCKET_US + 1)
    finally:
        stop.set()
        writer.join()


@pytest.mark.requirement("OP-1", "DB-3")
def test_replicas_tell_each_other_of_readings_and_of_names(database: Database, press: Press) -> None:
    one, other = make_pipeline(database), make_pipeline(database)
    one.listener.start()
    other.listener.start()
    try:
        wait_for(lambda: one.listener.connected and other.listener.connected)
        with running(one):
            assert other.live.now(press.tenant_id) == {}
            assert "D-9" not in other.catalogue.of(press.tenant_id).devices
            Sent(press, [(press.count, 1, 10.0)]).to(one.pipeline).outcome()
            with database.engine.begin() as connection:  # both replicas are one process here, which passes its own word by
                connection.execute(text(f"select pg_notify('andon_live', 'another:{press.tenant_id}')"))
            wait_for(lambda: press.count in other.live.now(press.tenant_id))
            with tenant_transaction(database.engine, press.tenant_id) as connection:
                insert_device(connection, press.tenant_id, DeviceSpec("D-9", "Ninth", "", "", (SensorSpec("t", "T"),)))
                tell_names_changed(connection, press.tenant_id)
            wait_for(lambda: all("D-9" in each.catalogue.of(press.tenant_id).devices for each in (one, other)))
    finally:
        one.listener.stop()
        other.listener.stop()


@pytest.mark.requirement("IN-7")
def test_a_catalogue_is_read_once_for_many_who_ask_at_the_same_time(
    database: Database, press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue, read = Catalogue(database), Catalogue._read
    reads: list[int] = []
    monkeypatch.setattr(Catalogue, "_read", lambda self, tenant_id: reads.append(tenant_id) or read(self, tenant_id))

    askers = [threading.Thread(target=catalogue.refreshed, args=[press.tenant_id]) for _ in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert len(reads) == 1
    assert catalogue.known(press.tenant_id) is catalogue.of(press.tenant_id)
    catalogue.forget(press.tenant_id)
    assert catalogue.known(press.tenant_id) is None
    with pytest.raises(UnknownTenant):
        catalogue.of(-1)
