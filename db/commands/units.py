"""What is stored of a sensor, in another unit."""

from sqlalchemy import Connection, text

from db.commands.rollups import COMPUTING_LOCK

_LOCK_STATE = text("select readings from sensor_state where sensor_id = :sensor for update")
_ROLLUP = (
    "update {table} set sum = sum * :factor + count * :offset, mean = mean * :factor + :offset, m2 = m2 * :factor * :factor,"
    " min = min * :factor + :offset, max = max * :factor + :offset, first = first * :factor + :offset, last = last * :factor + :offset"
    " where sensor_id = :sensor"
)


def lock_sensor(connection: Connection, tenant_id: int, sensor_id: int) -> None:
    """Nobody computes rollups of the tenant and nobody stores readings of the sensor until the transaction ends."""
    connection.execute(text("select pg_advisory_xact_lock(:lock, :tenant)"), {"lock": COMPUTING_LOCK, "tenant": tenant_id})
    connection.execute(_LOCK_STATE, {"sensor": sensor_id})


def readings_of(connection: Connection, sensor_id: int, most: int) -> int:
    """How many readings are stored of a sensor; `most` where there are more."""
    counted = text("select count(*) from (select 1 from readings where sensor_id = :sensor limit :most) r")
    return int(connection.execute(counted, {"sensor": sensor_id, "most": most}).scalar_one())


def convert(connection: Connection, sensor_id: int, factor: float, offset: float) -> int:
    """Every stored value times `factor` (> 0) plus `offset`: readings, current state, rollups. The number of readings."""
    values = {"sensor": sensor_id, "factor": factor, "offset": offset}
    changed = connection.execute(text("update readings set value = value * :factor + :offset where sensor_id = :sensor"), values).rowcount
    connection.execute(
        text("update sensor_state set value = value * :factor + :offset, total = total * :factor where sensor_id = :sensor"), values
    )
    for table in ("rollup_minute", "rollup_hour", "rollup_day"):
        connection.execute(text(_ROLLUP.format(table=table)), values)
    return changed
