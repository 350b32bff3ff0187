"""Numpy columns in and out of the transaction that a SQLAlchemy connection holds, and times at the edge of SQL.

A query's result arrives as one array a column (`array_agg`), not as a Python object a value.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection

from db.binary import INT4, TIMESTAMPTZ, BinaryArray, register

MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REGISTERED = "andon_binary_arrays"


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime, exactly. Raises ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(time_us: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970, exactly."""
    return EPOCH + timedelta(microseconds=int(time_us))


def driver(connection: Connection) -> "psycopg.Connection[Any]":
    """The psycopg connection below, inside of the same transaction, taught to carry numpy arrays."""
    raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    if _REGISTERED not in connection.info:
        register(raw)
        connection.info[_REGISTERED] = True
    return raw


def run(connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None) -> int:
    """Executes a statement with `%(name)s` placeholders (`%(name)b` for arrays); gives the number of rows touched."""
    return max(driver(connection).execute(statement.encode(), parameters).rowcount, 0)


def fetch_columns(
    connection: Connection, names: Sequence[str], select: str, parameters: Mapping[str, Any]
) -> list[NDArray[Any]]:
    """The named columns of `select`, each of shape (n,) and without nulls, in the order of the select.

    Integers arrive as int16/32/64, double precision as float64, timestamptz as int64 microseconds since 1970 UTC.
    """
    wanted = ", ".join(f"coalesce(array_agg({name}), '{{}}') as {name}" for name in names)
    with driver(connection).cursor(binary=True) as cursor:
        row = cursor.execute(f"select {wanted} from ({select}) as fetched".encode(), parameters).fetchone()
    return list(row or ())


def ids_array(sensor_ids: Sequence[int] | NDArray[Any]) -> BinaryArray:
    """Sensor ids as an int4 array parameter."""
    return BinaryArray(np.asarray(sensor_ids, dtype=np.int32), INT4)


def times_array(times_us: NDArray[np.int64]) -> BinaryArray:
    """Microseconds since 1970 as a timestamptz array parameter."""
    return BinaryArray(times_us, TIMESTAMPTZ)
