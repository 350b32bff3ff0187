"""Several prepared statements to PostgreSQL and back in one round trip, over libpq's own functions.

For the few statements of the ingest path. The driver's own way costs a cursor, a query and a look-up of adapters for each of them: half
of the processor time of a transaction that holds a few readings. Parameters and results are in PostgreSQL's binary format (`db.binary`).
"""

import select
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, pq

from db.binary import POSTGRES_EPOCH_US, read_value

Result = pq.abc.PGresult
Parameters = Sequence[bytes | None]
LOST_STATEMENT = b"26000"  # somebody let go of the connection's prepared statements: the next try prepares them again
_FINE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_known: WeakKeyDictionary[Any, set[bytes]] = WeakKeyDictionary()  # connection → names of the statements that are prepared on it


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with `$1`, `$2`, … and the types of its parameters, under a name that no other has."""

    name: bytes
    sql: str
    types: tuple[int, ...] = ()


def exchange(connection: "psycopg.Connection[Any]", *calls: tuple[Statement, Parameters]) -> list[Result]:
    """Runs the statements one after the other; their results. Not for a connection in the driver's own pipeline mode.

    Raises psycopg.Error of the first that fails; those after it did not run. A connection that was lost, or that somebody
    interrupted in the middle, is closed.
    """
    server = connection.pgconn
    known = _known.setdefault(connection, set())
    failed: Result | None = None
    results: list[Result] = []
    try:
        server.enter_pipeline_mode()
        asked = _send(server, known, calls)
        for name, result in zip(asked, _answers(server), strict=True):
            if result.status not in _FINE:
                failed = failed or result
            elif name is None:
                results.append(result)
            else:
                known.add(name)
        server.exit_pipeline_mode()
    except BaseException as error:
        connection.close()
        if failed is not None and isinstance(error, psycopg.Error):  # the server said why before it left
            raise errors.error_from_result(failed) from error
        raise
    if failed is not None:
        if failed.error_field(pq.DiagnosticField.SQLSTATE) == LOST_STATEMENT:
            known.clear()
        raise errors.error_from_result(failed)
    return results


def _send(server: pq.abc.PGconn, known: set[bytes], calls: Sequence[tuple[Statement, Parameters]]) -> list[bytes | None]:
    """Queues the statements, and before one that is new its preparation: for each answer to come its name; None for a statement's own."""
    asked: list[bytes | None] = []
    for statement, parameters in calls:
        if statement.name not in known and statement.name not in asked:
            server.send_prepare(statement.name, statement.sql.encode(), statement.types)
            asked.append(statement.name)
        server.send_query_prepared(statement.name, parameters, (pq.Format.BINARY,) * len(parameters), pq.Format.BINARY)
        asked.append(None)
    server.pipeline_sync()
    return asked


def _answers(server: pq.abc.PGconn) -> Iterator[Result]:
    """Sends what is queued, then gives the results up to the end of the round trip."""
    poll = select.poll()
    poll.register(server.socket, select.POLLIN | select.POLLOUT)
    while server.flush():
        poll.poll()
        server.consume_input()
    poll.modify(server.socket, select.POLLIN)
    while True:
        while server.is_busy():
            poll.poll()
            server.consume_input()
        result = server.get_result()
        if result is not None:
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return
            yield result
        elif server.status != pq.ConnStatus.OK:  # else: nothing more of this statement
            raise psycopg.OperationalError(f"the connection was lost: {server.get_error_message()}")


def int4(value: int | None) -> bytes | None:
    """A parameter of type int."""
    return None if value is None else struct.pack(">i", value)


def timestamptz(time_us: int | None) -> bytes | None:
    """A parameter of type timestamptz: microseconds since 1970 UTC."""
    return None if time_us is None else struct.pack(">q", time_us - POSTGRES_EPOCH_US)


def row(result: Result) -> list[Any]:
    """The first row: arrays as numpy arrays of shape (n,), bigint as int, timestamptz as microseconds since 1970, null as None."""
    return [read_value(result.get_value(0, column), result.ftype(column)) for column in range(result.nfields)]
