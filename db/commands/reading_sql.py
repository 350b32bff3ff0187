"""The statements behind `db.commands.readings`, with arrays in the binary format."""

from db.binary import FLOAT8, INT2, INT4, INT8, TIMESTAMPTZ, array_types
from db.exchange import Statement

_INTS, _TIMES, _FLOATS, _SMALL, _BIG = array_types(INT4, TIMESTAMPTZ, FLOAT8, INT2, INT8)
BEGIN = Statement(b"andon_begin", "begin")
COMMIT = Statement(b"andon_commit", "commit")
# These too go past the driver, which forgets every prepared statement of the connection when it sees a ROLLBACK.
ROLLBACK = Statement(b"andon_rollback", "rollback")
SAVEPOINT = Statement(b"andon_savepoint", "savepoint part")
RELEASE = Statement(b"andon_release", "release savepoint part")
UNDO = Statement(b"andon_undo", "rollback to savepoint part")
ENTER = Statement(
    b"andon_enter", "select set_config('andon.tenant', $1::int::text, true), pg_advisory_xact_lock_shared($2, $1)", (INT4, INT4)
)
# Whether somebody follows the tenant is asked on the way. It holds until the commit: who begins to follow waits (`stream.follow`).
LOCK_STATE = Statement(
    b"andon_lock_state",
    """
with locked as (
  select sensor_id, coalesce(time, '-infinity') as time, coalesce(value, 0) as value, coalesce(quality, 0) as quality, total, readings
  from sensor_state where sensor_id = any($1) order by sensor_id for update)
select (select closed_to from rollup_progress), (select epoch from stream_followed where tenant_id = $2 and until > now()),
       array_agg(sensor_id), array_agg(time), array_agg(value), array_agg(quality), array_agg(total), array_agg(readings)
from locked""",
    (_INTS, INT4),
)
INSERT = Statement(
    b"andon_insert",
    """
with new as (
  insert into readings (tenant_id, sensor_id, time, value, quality, flags, import_id)
  select $1, u.s, u.t, u.v, u.q, u.f, $2 from unnest($3, $4, $5, $6, $7) as u (s, t, v, q, f)
  on conflict do nothing returning sensor_id, time)
select count(*), array_agg(sensor_id), array_agg(time) from new""",
    (INT4, INT4, _INTS, _TIMES, _FLOATS, _SMALL, _SMALL),
)
# Where no row can be there: looking for one first costs a third of the insertion.
INSERT_AHEAD = Statement(
    b"andon_insert_ahead",
    """
insert into readings (tenant_id, sensor_id, time, value, quality, flags, import_id)
select $1, u.s, u.t, u.v, u.q, u.f, $2 from unnest($3, $4, $5, $6, $7) as u (s, t, v, q, f)""",
    INSERT.types,
)
MOVE_STATE = Statement(
    b"andon_move_state",
    """
update sensor_state s set time = u.time, value = u.value, quality = u.quality, total = u.total, readings = u.readings,
  received_at = clock_timestamp(), arrived_at = coalesce($7, s.arrived_at)
from unnest($1, $2, $3, $4, $5, $6) as u (id, time, value, quality, total, readings) where s.sensor_id = u.id""",
    (_INTS, _TIMES, _FLOATS, _SMALL, _FLOATS, _BIG, TIMESTAMPTZ),
)
MARK = Statement(
    b"andon_mark",
    "insert into rollup_dirty (tenant_id, sensor_id, hour) select $1, u.s, u.t from unnest($2, $3) as u (s, t)",
    (INT4, _INTS, _TIMES),
)
STORED_VALUES = Statement(
    b"andon_stored_values",
    """
select array_agg(r.sensor_id), array_agg(r.time), array_agg(r.value)
from unnest($1, $2) as u (s, t) join readings r on r.sensor_id = u.s and r.time = u.t""",
    (_INTS, _TIMES),
)
DEAD_LETTERS = """
insert into dead_letters (tenant_id, door, source, field, reason, raw, truncated, context)
select %s, u.* from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %b::bytea[], %s::bool[], %s::jsonb[]) as u"""
