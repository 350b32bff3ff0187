"""What is true now, in memory: one shared snapshot a tenant, so that a viewer costs no query.

Writers publish after the commit; other replicas' commits arrive by NOTIFY (`dashapp.ingest.listen`). Pages ask for a version
and for what changed since the one that they hold.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from db.commands.readings import Rows, State
from db.engine import Database
from db.tenancy import tenant_reading

WINDOW_US = 15 * 60 * 1_000_000
OVERLAP_US = 5 * 1_000_000  # what was received this long before the newest that we read may have been committed after it
BUCKET_US = 10 * 1_000_000  # a sparkline keeps the least and the greatest value of each ten seconds: no spike is hidden


@dataclass(slots=True)
class SensorNow:
    """A sensor's current state. Times are microseconds since 1970 UTC; `total` sums an increment."""

    time_us: int
    value: float
    quality: int
    total: float
    readings: int
    received_us: int
    version: int
    trail: dict[int, list[float]] = field(default_factory=dict)  # bucket → [time of least, least, time of greatest, greatest]

    def note(self, times_us: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Adds points to the trail of the last 15 minutes; shapes (n,), any order."""
        oldest = (self.time_us - WINDOW_US) // BUCKET_US
        buckets = times_us // BUCKET_US
        for bucket, time_us, value in zip(buckets.tolist(), times_us.tolist(), values.tolist(), strict=True):
            if bucket < oldest:
                continue
            known = self.trail.get(bucket)
            if known is None:
                self.trail[bucket] = [time_us, value, time_us, value]
            elif value < known[1]:
                known[0], known[1] = time_us, value
            elif value > known[3]:
                known[2], known[3] = time_us, value
        if len(self.trail) > 100 and min(self.trail) < oldest:
            self.trail = {bucket: kept for bucket, kept in self.trail.items() if bucket >= oldest}

    def points(self, since_us: int = 0) -> list[list[float]]:
        """`[[milliseconds, value], …]` in order of time, from the bucket that holds `since_us` on; at most 182 points."""
        first = max(since_us, self.time_us - WINDOW_US) // BUCKET_US
        found: list[list[float]] = []
        trail = self.trail.copy()  # a writer may add to it meanwhile
        for bucket in sorted(bucket for bucket in trail if bucket >= first):
            low_at, low, high_at, high = trail[bucket]
            pair = [[low_at / 1000, low]] if low_at == high_at else sorted([[low_at / 1000, low], [high_at / 1000, high]])
            found += pair
        return found


class _Tenant:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.version = 0
        self.sensors: dict[int, SensorNow] = {}
        self.changed_at = time.time()
        self.read_to_us = 0  # by the database's clock, which our own need not agree with
        self.loading = False
        self.loaded = False


def _moved(
    tenant: _Tenant, sensor_id: int, time_us: int, value: float, quality: int, total: float, readings: int, received_us: int
) -> SensorNow:
    """Moves a sensor forward, never back: two writers may publish out of order, and a read may be older than what was published."""
    now = tenant.sensors.get(sensor_id)
    if now is None:
        now = tenant.sensors[sensor_id] = SensorNow(time_us, value, quality, total, readings, received_us, tenant.version)
    if time_us >= now.time_us:
        now.time_us, now.value, now.quality = time_us, value, quality
    if readings >= now.readings:
        now.readings, now.total = readings, total
    now.received_us, now.version = max(now.received_us, received_us), tenant.version
    return now


class Live:
    """Current state of every tenant that somebody looks at or writes to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenants: dict[int, _Tenant] = {}
        self._lock = threading.Lock()
        self.published: set[int] = set()  # tenants to tell other replicas about
        self.followers: list[Callable[[int], None]] = []  # called, in any thread, after a commit here or elsewhere; must not wait

    def version(self, tenant_id: int) -> int:
        """Grows with every commit that changed what is current; cheap."""
        return self._tenant(tenant_id).version

    def is_loaded(self, tenant_id: int) -> bool:
        """Whether the tenant is in memory: asking about it waits for nobody."""
        tenant = self._tenants.get(tenant_id)
        return tenant is not None and tenant.loaded

    def now(self, tenant_id: int) -> dict[int, SensorNow]:
        """Current state by sensor id; do not change it."""
        return self._tenant(tenant_id).sensors.copy()

    def changes(self, tenant_id: int, since: int) -> tuple[int, list[int]]:
        """(version now, ids of sensors that changed after version `since`)."""
        tenant = self._tenant(tenant_id)
        with tenant.lock:
            return tenant.version, [sensor_id for sensor_id, now in tenant.sensors.items() if now.version > since]

    def forget(self, tenant_id: int) -> None:
        """Reads the tenant anew when it is next asked for (its devices changed)."""
        with self._lock:
            old = self._tenants.get(tenant_id)
            fresh = _Tenant()
            fresh.version = old.version + 1 if old else 0
            self._tenants[tenant_id] = fresh

    def moved(self, tenant_id: int) -> None:
        """Something of the tenant was committed: readings or alerts, here or by another replica."""
        for follower in self.followers:
            follower(tenant_id)

    def publish(self, tenant_id: int, rows: Rows, state: State) -> None:
        """After a commit: the new rows of a slice and the state after them. Free where nobody looks at the tenant."""
        self.published.add(tenant_id)
        self._take_in(tenant_id, rows, state)
        self.moved(tenant_id)

    def _take_in(self, tenant_id: int, rows: Rows, state: State) -> None:
        tenant = self._tenants.get(tenant_id)
        if tenant is None or not (tenant.loaded or tenant.loading):
            return  # who looks first reads it from the database, this commit with it
        order = np.argsort(rows.sensor_ids, kind="stable")
        ids, starts = np.unique(rows.sensor_ids[order], return_index=True)
        ends = np.append(starts[1:], len(order))
        where = np.searchsorted(state.sensor_ids, ids)
        received_us = time.time_ns() // 1000
        with tenant.lock:
            tenant.version += 1
            tenant.changed_at = time.time()
            for sensor_id, low, high, at in zip(ids.tolist(), starts.tolist(), ends.tolist(), where.tolist(), strict=True):
                now = self._move(tenant, sensor_id, state, at, received_us)
                mine = order[low:high]
                now.note(rows.times_us[mine], rows.values[mine])

    def refresh(self, tenant_id: int) -> None:
        """Reads what another replica committed: states and points that are newer than ours."""
        tenant = self._tenant(tenant_id)
        with tenant_reading(self._database.engine, tenant_id) as connection:
            self._merge(tenant, connection, since_us=tenant.read_to_us - OVERLAP_US)

    def loaded_tenants(self) -> Iterable[int]:
        """Tenants that are in memory."""
        return [tenant_id for tenant_id, tenant in list(self._tenants.items()) if tenant.loaded]

    def _tenant(self, tenant_id: int) -> _Tenant:
        tenant = self._tenants.get(tenant_id)
        if tenant is not None and tenant.loaded:
            return tenant
        with self._lock:
            tenant = self._tenants.setdefault(tenant_id, _Tenant())
            if not tenant.loaded:
                tenant.loading = True
                with tenant_reading(self._database.engine, tenant_id) as connection:
                    self._merge(tenant, connection, since_us=0)
                tenant.loaded = True
            return tenant

    def _move(self, tenant: _Tenant, sensor_id: int, state: State, at: int, received_us: int) -> SensorNow:
        return _moved(
            tenant, sensor_id, int(state.times_us[at]), float(state.values[at]), int(state.quality[at]),
            float(state.totals[at]), int(state.readings[at]), received_us,
        )  # fmt: skip

    def _merge(self, tenant: _Tenant, connection: Connection, *, since_us: int) -> None:
        states = connection.execute(
            text(
                "select sensor_id, (extract(epoch from time) * 1000000)::bigint as time_us, value, quality, total, readings,"
                " (extract(epoch from received_at) * 1000000)::bigint as received_us from sensor_state"
                " where time is not null and received_at >= to_timestamp(:since)"
            ),
            {"since": since_us / 1e6},
        ).all()
        # The least and the greatest of each ten seconds, found by the database: 15 minutes of a fast plant are half a million rows.
        points = connection.execute(
            text(
                "select r.sensor_id, min(r.value) as low, max(r.value) as high,"
                " (extract(epoch from (array_agg(r.time order by r.value))[1]) * 1000000)::bigint as low_us,"
                " (extract(epoch from (array_agg(r.time order by r.value desc))[1]) * 1000000)::bigint as high_us"
                " from sensor_state s"
                " join readings r on r.sensor_id = s.sensor_id and r.time > s.time - interval '15 minutes' and r.time <= s.time"
                " where s.received_at >= to_timestamp(:since) and r.received_at >= to_timestamp(:since)"
                " group by r.sensor_id, date_bin('10 seconds', r.time, 'epoch')"
            ),
            {"since": since_us / 1e6},
        ).all()
        with tenant.lock:
            tenant.version += 1
            tenant.changed_at = time.time()
            for row in states:
                tenant.read_to_us = max(tenant.read_to_us, row.received_us)
                known = tenant.sensors.get(row.sensor_id)
                if known is None or row.time_us > known.time_us or row.readings > known.readings:
                    _moved(tenant, *row)
            for row in points:
                if now := tenant.sensors.get(row.sensor_id):
                    now.note(np.array([row.low_us, row.high_us]), np.array([row.low, row.high]))
