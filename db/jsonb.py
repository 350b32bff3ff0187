"""Statements whose parameters and result are an integer or a JSON document, on either kind of connection.

In the ingest path they go out together by `db.exchange`; elsewhere one by one inside of SQLAlchemy's transaction.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection

from db.binary import INT4
from db.exchange import Statement, exchange, int4

TEXT = 25
Parameter = int | list[Any] | dict[str, Any]
Call = tuple[Statement, Sequence[Parameter]]


def statement(name: bytes, sql: str, parameters: str) -> Statement:
    """`parameters` says of each `$n` whether it is an integer (i) or a document (j), which the SQL casts: `$2::jsonb`."""
    return Statement(name, sql, tuple(INT4 if kind == "i" else TEXT for kind in parameters))


def ask(connection: "Connection | psycopg.Connection[Any]", *calls: Call) -> list[Any]:
    """Runs the statements one after the other; the first column of the first row of each, a document decoded.

    Raises psycopg.Error (on a psycopg connection) or SQLAlchemy's.
    """
    if isinstance(connection, psycopg.Connection):
        results = exchange(connection, *((each, [_binary(value) for value in values]) for each, values in calls))
        raw = [result.get_value(0, 0) if result.nfields and result.ntuples else None for result in results]
    else:
        raw = [_alone(connection, each, values) for each, values in calls]
    return [json.loads(value) if isinstance(value, bytes | str) and value else None for value in raw]


def _binary(value: Parameter) -> bytes | None:
    return int4(value) if isinstance(value, int) else json.dumps(value).encode()


def _alone(connection: Connection, wanted: Statement, values: Sequence[Parameter]) -> Any:
    sql = re.sub(r"\$(\d+)", lambda match: f"%(p{match[1]})s", wanted.sql)
    named = {f"p{n}": value if isinstance(value, int) else json.dumps(value) for n, value in enumerate(values, 1)}
    result = connection.exec_driver_sql(sql, named)
    return result.scalar() if result.returns_rows else None
