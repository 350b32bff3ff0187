"""Statements in one round trip, past the driver: answers, errors in the middle, connections that are lost."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import errors

from db.binary import FLOAT8, INT4, TIMESTAMPTZ, array_bytes, array_types
from db.engine import Database, connect_raw
from db.exchange import Statement, exchange, int4, row

INTS, FLOATS, TIMES = array_types(INT4, FLOAT8, TIMESTAMPTZ)
BACK = Statement(
    b"test_back",
    "select $1, $2, $3, null::int[], $4::bigint, '1970-01-01 00:00:01Z'::timestamptz",
    (INTS, FLOATS, TIMES, INT4),
)
MAKE = Statement(b"test_make", "create temporary table kept (n int)")
KEEP = Statement(b"test_keep", "insert into kept values ($1)", (INT4,))
LARGE = Statement(b"test_large", "select array_agg(n), array_agg(n) from unnest($1) n", (INTS,))
DIVIDE = Statement(b"test_divide", "select 1 / $1", (INT4,))
BEGIN, ROLLBACK = Statement(b"test_begin", "begin"), Statement(b"test_rollback", "rollback")


@pytest.fixture
def connection(database: Database) -> Iterator["psycopg.Connection[Any]"]:
    """One outside of any pool."""
    with connect_raw(database.owner.url) as opened:
        yield opened


def kept(connection: "psycopg.Connection[Any]") -> list[int]:
    return [n for (n,) in connection.execute("select n from kept order by n")]


def test_columns_go_there_and_come_back_as_they_were(connection):
    ids, values, times = np.array([3, -1, 7], np.int32), np.array([0.1, -1e100]), np.array([0, 1_700_000_000_123_456])
    parameters = (array_bytes(ids, INT4), array_bytes(values, FLOAT8), array_bytes(times, TIMESTAMPTZ), int4(12))

    back = row(exchange(connection, (BACK, parameters))[0])

    assert [column.tolist() for column in back[:3]] == [ids.tolist(), values.tolist(), times.tolist()]
    assert back[3:] == [None, 12, 1_000_000]


def test_empty_columns_and_nulls_pass(connection):
    empty = np.empty(0)

    back = row(exchange(connection, (BACK, (*(array_bytes(empty, oid) for oid in (INT4, FLOAT8, TIMESTAMPTZ)), int4(None))))[0])

    assert [len(column) for column in back[:3]] == [0, 0, 0]
    assert back[4] is None


def test_more_than_fits_into_the_socket_goes_both_ways(connection):
    numbers = np.arange(1_000_000, dtype=np.int32)

    first, second = row(exchange(connection, (LARGE, (array_bytes(numbers, INT4),)))[0])

    assert (first == numbers).all()
    assert (second == numbers).all()


def test_statements_run_in_their_order_and_one_may_come_twice(connection):
    results = exchange(connection, (MAKE, ()))
    results += exchange(connection, (KEEP, (int4(1),)), (KEEP, (int4(2),)))

    assert [result.command_status for result in results] == [b"CREATE TABLE", b"INSERT 0 1", b"INSERT 0 1"]
    assert kept(connection) == [1, 2]


def test_what_comes_after_an_error_does_not_run_and_the_connection_goes_on(connection):
    exchange(connection, (MAKE, ()))

    with pytest.raises(errors.DivisionByZero, match="division by zero"):
        exchange(connection, (KEEP, (int4(1),)), (DIVIDE, (int4(0),)), (KEEP, (int4(2),)))

    assert kept(connection) == []  # one round trip outside of a transaction is one
    exchange(connection, (KEEP, (int4(3),)))
    assert kept(connection) == [3]


def test_a_transaction_lasts_over_several_round_trips(connection):
    exchange(connection, (MAKE, ()))
    exchange(connection, (BEGIN, ()), (KEEP, (int4(1),)))
    assert kept(connection) == [1]

    exchange(connection, (ROLLBACK, ()))

    assert kept(connection) == []


def test_a_statement_that_could_not_be_prepared_is_prepared_when_it_can_be(connection):
    with pytest.raises(errors.UndefinedTable):
        exchange(connection, (KEEP, (int4(1),)))

    exchange(connection, (MAKE, ()))
    exchange(connection, (KEEP, (int4(1),)))

    assert kept(connection) == [1]


def test_statements_that_the_server_forgot_are_prepared_again_at_the_next_try(connection):
    exchange(connection, (DIVIDE, (int4(1),)))
    connection.execute("deallocate all")

    with pytest.raises(errors.InvalidSqlStatementName):
        exchange(connection, (DIVIDE, (int4(1),)))

    assert len(exchange(connection, (DIVIDE, (int4(1),)))) == 1


def test_a_connection_that_the_server_ends_says_why_and_is_closed(connection, database):
    exchange(connection, (DIVIDE, (int4(1),)))
    with connect_raw(database.owner.url) as other:
        other.execute("select pg_terminate_backend(%s)", (connection.info.backend_pid,))

    with pytest.raises(psycopg.OperationalError):
        exchange(connection, (DIVIDE, (int4(1),)))

    assert connection.closed


def test_a_closed_connection_is_refused(connection):
    connection.close()

    with pytest.raises(psycopg.OperationalError):
        exchange(connection, (DIVIDE, (int4(1),)))
