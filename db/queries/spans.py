"""From when to when there is history of a sensor."""

from collections.abc import Sequence

from sqlalchemy import Connection

from db.columns import fetch_columns, ids_array

# Days outlive readings (retention). Each look-up ends at the first row of its index.
_SPANS = """
select s.id as sensor_id, least(raw.first, day.first) as first, greatest(raw.last, day.last) as last
from unnest(%(ids)b) as s (id)
cross join lateral (
  select (select time from readings r where r.sensor_id = s.id order by time limit 1) as first,
         (select time from readings r where r.sensor_id = s.id order by time desc limit 1) as last) raw
cross join lateral (
  select (select bucket from rollup_day d where d.sensor_id = s.id order by bucket limit 1) as first,
         (select bucket from rollup_day d where d.sensor_id = s.id order by bucket desc limit 1) as last) day
where coalesce(raw.first, day.first) is not null"""


def reading_spans(connection: Connection, sensor_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """(first, last) time of each sensor that has history, µs since 1970 UTC."""
    columns = fetch_columns(connection, ("sensor_id", "first", "last"), _SPANS, {"ids": ids_array(sensor_ids)})
    return {int(sensor): (int(first), int(last)) for sensor, first, last in zip(*columns, strict=True)}
