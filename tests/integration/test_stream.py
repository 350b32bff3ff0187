"""The ring that programs follow: in the order of commits whatever the order of ids, and cut to its length."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import text

from db.commands import stream as commands
from db.commands.readings import Rows, enter, store
from db.commands.stream import follow, forget, note_readings
from db.engine import Database, connect_raw
from db.exchange import exchange
from db.queries.stream import Position, StreamRow, followed, news, rows_since, snapshot_now
from db.tenancy import tenant_reading, tenant_transaction
from jobs import stream as job
from tests.integration.stored import ingest

pytestmark = pytest.mark.requirement("AP-3")
KEEP = timedelta(minutes=15)


def note(connection: "psycopg.Connection[Any]", tenant: int, value: float) -> None:
    """What a writer says at the end of its transaction, of a sensor that nobody has."""
    one = Rows(np.array([0], np.int32), np.array([1_000_000], np.int64), np.array([value]), np.array([192], np.int16))
    if store(connection, tenant, one, np.zeros(1, bool)).is_followed:
        exchange(connection, note_readings(tenant, one))


@contextmanager
def transaction(database: Database, tenant: int) -> Iterator["psycopg.Connection[Any]"]:
    """An ingest that commits when it is left."""
    with connect_raw(database.engine.url) as connection:
        enter(connection, tenant)
        yield connection
        connection.execute("commit")


def values(rows: list[StreamRow]) -> list[float]:
    return [commands.unpacked(row.body)[0].values.tolist()[0] for row in rows]


def stored(database: Database, tenant: int) -> list[Any]:
    with tenant_reading(database.engine, tenant) as connection:
        return connection.execute(text("select id, xid::text::bigint as xid, horizon from stream_events order by id")).all()


def test_what_is_committed_late_is_told_after_what_came_before_it_and_once(database: Database, tenant: int) -> None:
    follow(database, tenant, KEEP)
    with connect_raw(database.engine.url) as reader:
        seen = snapshot_now(reader)
        with transaction(database, tenant) as slow:
            note(slow, tenant, 1.0)
            with transaction(database, tenant) as quick:
                note(quick, tenant, 2.0)
            seen, rows = news(reader, tenant, seen)
            assert values(rows) == [2.0]
            (had,) = rows
            seen, rows = news(reader, tenant, seen)
            assert rows == []
        with transaction(database, tenant) as next_one:
            note(next_one, tenant, 3.0)
        seen, rows = news(reader, tenant, seen)
        assert values(rows) == [1.0, 3.0]
        assert rows[0].id < had.id
        assert news(reader, tenant, seen)[1] == []
    position = Position(0, had.horizon, had.id)
    with tenant_reading(database.engine, tenant) as connection:
        again = rows_since(connection, position, seen, 0)
    assert set(values(again)) >= {1.0, 3.0}


def test_whoever_stops_at_any_row_has_or_gets_every_other(database: Database, tenant: int) -> None:
    follow(database, tenant, KEEP)
    with connect_raw(database.engine.url) as reader:
        begin = seen = snapshot_now(reader)
        stop = threading.Event()

        def write(first: float) -> None:
            n = 0
            while not stop.is_set():
                with transaction(database, tenant) as connection:
                    note(connection, tenant, first + n)
                    if n % 3 == 0:
                        stop.wait(0.01)
                n += 1

        writers = [threading.Thread(target=write, args=[first]) for first in (1_000.0, 2_000.0, 3_000.0)]
        for writer in writers:
            writer.start()
        told: list[StreamRow] = []
        while len(told) < 120:
            seen, rows = news(reader, tenant, seen)
            told += rows
        stop.set()
        for writer in writers:
            writer.join()
        seen, rows = news(reader, tenant, seen)
        told += rows
        everything = news(reader, tenant, begin)[1]
        assert sorted(row.id for row in told) == sorted(row.id for row in everything)
        assert len({row.id for row in told}) == len(told)
        for place in range(0, len(told), 7):
            had = {row.id for row in told[: place + 1]}
            last = told[place]
            with tenant_reading(database.engine, tenant) as connection:
                after, more = 0, [last]
                while more:
                    more = rows_since(connection, Position(0, last.horizon, last.id), seen, after)
                    had |= {row.id for row in more}
                    after = more[-1].id if more else 0
            assert had == {row.id for row in told}


def test_to_be_followed_waits_for_the_ingests_that_run(database: Database, tenant: int) -> None:
    done = threading.Event()
    with ingest(database, tenant) as running:
        thread = threading.Thread(target=lambda: (follow(database, tenant, KEEP), done.set()))
        thread.start()
        assert not done.wait(0.3)
        note(running, tenant, 1.0)
    thread.join(30)
    assert done.is_set()
    assert stored(database, tenant) == []  # it was committed before anybody followed


def test_nothing_is_written_where_following_has_ended_and_a_new_one_is_another_epoch(database: Database, tenant: int) -> None:
    first = follow(database, tenant, KEEP)
    assert follow(database, tenant, KEEP) == first
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update stream_followed set until = now() - interval '1 second'"))
    with transaction(database, tenant) as connection:
        note(connection, tenant, 1.0)
    assert stored(database, tenant) == []
    assert follow(database, tenant, KEEP).epoch != first.epoch


def test_the_ring_is_cut_by_age_and_by_size_and_says_from_where_it_is_whole(
    database: Database, tenant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(database, tenant, KEEP)
    for value in range(10):
        with transaction(database, tenant) as connection:
            note(connection, tenant, float(value))
    rows = stored(database, tenant)
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update stream_events set at = at - interval '20 minutes' where id <= :id"), {"id": rows[3].id})
    assert job.run(database, datetime.now(UTC), keep=KEEP) >= 4
    assert [row.id for row in stored(database, tenant)] == [row.id for row in rows[4:]]
    with tenant_reading(database.engine, tenant) as connection:
        found = followed(connection)
    assert found is not None
    assert found[0].kept_from == rows[3].xid + 1
    monkeypatch.setattr(commands, "MOST_BYTES", 100)
    monkeypatch.setattr(commands, "BATCH", 2)
    with tenant_transaction(database.engine, tenant) as connection:
        assert forget(connection, datetime.now(UTC) - KEEP) == 6
    assert stored(database, tenant) == []


def test_rows_that_came_with_a_dump_from_another_cluster_go(database: Database, tenant: int) -> None:
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(
            text("insert into stream_events (tenant_id, xid, kind, body) values (:tenant, '9223372036854775000', 'alert', '{}')"),
            {"tenant": tenant},
        )
    with connect_raw(database.engine.url) as reader:
        assert news(reader, tenant, snapshot_now(reader))[1] == []
    with tenant_transaction(database.engine, tenant) as connection:
        assert forget(connection, datetime.now(UTC) - KEEP) == 1
