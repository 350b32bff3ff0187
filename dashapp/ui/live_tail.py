"""The readings of the last minutes of the sensors that somebody has open: one query a sensor and commit, however many look."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import flask
import numpy as np

from dashapp.domain.downsample import min_max_points
from dashapp.domain.statistics import Floats, Ints
from dashapp.ingest.services import Services
from db.queries.series import latest_points
from db.tenancy import tenant_reading

WINDOW_US = 15 * 60 * 1_000_000
KEPT_SENSORS = 256


@dataclass(frozen=True, slots=True)
class Piece:
    """Readings in order of time, shapes (n,). `whole`: instead of what the viewer has; else to be joined to it.

    `epoch` counts how often readings came that were older than the newest: a viewer of another epoch starts anew.
    """

    time_us: Ints
    value: Floats
    whole: bool
    epoch: int


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    version: int = -1
    counted: int = 0  # readings of the sensor that are accounted for
    epoch: int = 0
    time_us: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    value: Floats = field(default_factory=lambda: np.empty(0))


class LiveTail:
    """Remembers the sensors that were asked for last."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._entries: OrderedDict[tuple[int, int], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def whole(self, tenant_id: int, sensor_id: int, now_us: int) -> Piece:
        """Every reading of the fifteen minutes before `now_us`, thinned where there are more than a screen shows."""
        entry = self._entry(tenant_id, sensor_id)
        with entry.lock:
            self._bring_forward(entry, tenant_id, sensor_id)
            first = int(np.searchsorted(entry.time_us, now_us - WINDOW_US))
            time_us, value, epoch = entry.time_us[first:], entry.value[first:], entry.epoch
        kept = min_max_points(time_us, value)
        return Piece(time_us[kept], value[kept], True, epoch)

    def since(self, tenant_id: int, sensor_id: int, since_us: int, epoch: int, now_us: int) -> Piece:
        """What came after `since_us`; everything where the viewer's `epoch` is not the present one."""
        entry = self._entry(tenant_id, sensor_id)
        with entry.lock:
            self._bring_forward(entry, tenant_id, sensor_id)
            same = entry.epoch == epoch
            if same:
                first = int(np.searchsorted(entry.time_us, max(since_us, now_us - WINDOW_US), side="right"))
                return Piece(entry.time_us[first:], entry.value[first:], False, epoch)
        return self.whole(tenant_id, sensor_id, now_us)

    def _entry(self, tenant_id: int, sensor_id: int) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault((tenant_id, sensor_id), _Entry())
            self._entries.move_to_end((tenant_id, sensor_id))
            if len(self._entries) > KEPT_SENSORS:
                self._entries.popitem(last=False)
            return entry

    def _bring_forward(self, entry: _Entry, tenant_id: int, sensor_id: int) -> None:
        """Reads what was committed since; the window anew where something came late, into the middle of it."""
        now = self._services.live.now(tenant_id).get(sensor_id)
        if now is None or now.version == entry.version:
            return
        version, readings, newest_us = now.version, now.readings, now.time_us
        if len(entry.time_us):
            time_us, value = self._read(tenant_id, sensor_id, int(entry.time_us[-1]) + 1)
            if entry.counted + len(time_us) >= readings:
                # More than was published yet may be committed already: the count follows what was seen.
                oldest = int(np.searchsorted(entry.time_us, newest_us - WINDOW_US))
                entry.time_us = np.concatenate([entry.time_us[oldest:], time_us])
                entry.value = np.concatenate([entry.value[oldest:], value])
                entry.version, entry.counted = version, entry.counted + len(time_us)
                return
        before = entry.time_us
        entry.time_us, entry.value = self._read(tenant_id, sensor_id, newest_us - WINDOW_US)
        entry.version, entry.counted = version, readings + int((entry.time_us > newest_us).sum())
        entry.epoch += bool(len(before))

    def _read(self, tenant_id: int, sensor_id: int, since_us: int) -> tuple[Ints, Floats]:
        with tenant_reading(self._services.database.engine, tenant_id) as connection:
            points = latest_points(connection, [sensor_id], since_us)
        return points.time_us, points.value


def tail(services: Services) -> LiveTail:
    """The one of the running web application."""
    held: LiveTail = flask.current_app.extensions.setdefault("andon_live_tail", LiveTail(services))
    return held
