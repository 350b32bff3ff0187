"""The overview of a plant, made once for everybody who looks at it, and what changed since a viewer last asked.

A viewer holds (epoch, serial): which process answered, and how far it had got. Every change gets the next serial; whoever asks
first after a commit brings the overview forward, the others take what is there. What takes a query is renewed beside it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from dashapp.actions.actor import Actor
from dashapp.ingest.catalogue import TenantCatalogue
from dashapp.ingest.live import BUCKET_US, SensorNow
from dashapp.ingest.services import Services
from dashapp.ui import cards
from dashapp.ui.arrivals import Arrivals
from dashapp.ui.attention import Attention, Told, attention, started
from dashapp.ui.cards import Background, Condition, Watched
from dashapp.ui.components import CardsDelta, DeviceCard, DeviceDelta, OtherValue, Point
from dashapp.ui.context import devices_for
from dashapp.ui.plant_activity import PlantActivity, read_activity
from dashapp.ui.plant_figures import Figures, plant_figures
from db.queries.activity import Reported
from db.queries.alerts import AlertRow
from db.tenancy import tenant_reading

log = logging.getLogger("andon.ui")
LOOK_EVERY_US = 5_000_000  # time passes also where nothing is committed: values grow old
ACTIVITY_EVERY_US = 30_000_000
SHARE = 50  # reading the last hours takes at most so small a part of one core: beside a flood of readings it is done less often
UNUSED_S = 900.0
KEPT_PIECES = 120  # of a card's line; who asks after a longer pause gets the whole line
MANY = 48
POINTS_ON_CARD, POINTS_AMONG_MANY = 182, 60
NO_DEVICES = -1


class Held(TypedDict):
    """What a viewer has: of which process, and up to which serial."""

    epoch: int
    serial: int


@dataclass(frozen=True, slots=True)
class View:
    """The whole overview: what the page is first drawn with."""

    held: Held
    now_ms: int
    devices: list[DeviceCard]
    figures: Figures
    attention: Attention
    activity: PlantActivity


@dataclass(frozen=True, slots=True)
class Changes:
    """What moved since `Held`; None stays as it is. `anew`: devices came, went or were changed, or another process answers: see `view`."""

    held: Held
    anew: bool = False
    delta: CardsDelta | None = None
    figures: Figures | None = None
    attention: Attention | None = None
    activity: PlantActivity | None = None


@dataclass(slots=True)
class _Card:
    """A device's card as it was last made; each part with the serial of its last change."""

    watched: Watched
    how: Condition
    value: tuple[float | None, int | None] = (None, None)
    others: list[OtherValue] = field(default_factory=list)
    value_serial: int = 0
    how_serial: int = 0
    others_serial: int = 0
    bucket: int = 0  # up to which the line has been handed out
    pieces: deque[tuple[int, list[Point]]] = field(default_factory=lambda: deque(maxlen=KEPT_PIECES))
    whole_before: int = 0  # a viewer of an earlier serial needs the whole line


class Overview:
    """One plant (or the lines of it that somebody may see) as its viewers see it."""

    def __init__(self, services: Services, tenant_id: int, who: Actor) -> None:
        self._services = services
        self._tenant_id = tenant_id
        self._who = who
        self._epoch = int(services.started_at * 1000)
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        self._plant: TenantCatalogue | None = None
        self._cards: dict[str, _Card] = {}
        self._device_of: dict[int, str] = {}
        self._version = -1
        self._looked_us = 0
        self._serial = 1
        self._devices_serial = self._figures_serial = self._attention_serial = self._activity_serial = 1
        self._activity = PlantActivity(0, 0)
        self._activity_took_us = 0
        self._arrivals = Arrivals()
        self._figures: Figures | None = None
        self._attention: Attention = ()
        self._since: dict[tuple[str, str], int] = {}
        self._deltas: dict[int, CardsDelta] = {}
        self.used_at = time.monotonic()

    def view(self) -> View:
        """Everything, brought up to date; asks the database where nothing was read yet or it is half a minute old."""
        self.used_at = time.monotonic()
        with self._lock:
            self._bring_forward()
            assert self._figures is not None
            return View(self._held(), _now_us() // 1000, self._all_cards(), self._figures, self._attention, self._activity)

    def changes(self, held: Mapping[str, Any] | None) -> Changes | None:
        """What is new to a viewer who holds this; None where nothing is."""
        self.used_at = time.monotonic()
        with self._lock:
            self._bring_forward()
            since = int(held["serial"]) if held and held.get("epoch") == self._epoch else NO_DEVICES
            if since >= self._serial:
                return None
            if since < self._devices_serial:
                return Changes(self._held(), anew=True)
            return Changes(
                self._held(),
                delta=self._delta(since),
                figures=self._figures if self._figures_serial > since else None,
                attention=self._attention if self._attention_serial > since else None,
                activity=self._activity if self._activity_serial > since else None,
            )

    def _held(self) -> Held:
        return {"epoch": self._epoch, "serial": self._serial}

    # ---- Forward

    def _bring_forward(self) -> None:
        now_us = _now_us()
        plant = self._services.catalogue.of(self._tenant_id)
        if plant is not self._plant:
            self._begin_anew(plant)
        version, changed = self._services.live.changes(self._tenant_id, self._version)
        self._renew_activity(now_us)
        due = now_us - self._looked_us >= LOOK_EVERY_US
        if version == self._version and not due:
            return
        touched = {self._device_of[sensor_id] for sensor_id in changed if sensor_id in self._device_of}
        self._look(set(self._cards) if due else touched, now_us)
        self._version = version
        self._looked_us = now_us if due else self._looked_us

    def _begin_anew(self, plant: TenantCatalogue) -> None:
        self._plant, self._version, self._looked_us = plant, -1, 0
        devices = devices_for(self._who, plant)
        self._cards = {device.key: _Card(cards.watch(device), Condition("no_data", "No data")) for device in devices}
        self._device_of = {sensor.id: device.key for device in devices for sensor in device.sensors.values()}
        self._serial += 1
        self._devices_serial = self._serial
        self._activity, self._activity_took_us = PlantActivity(0, 0), 0
        self._arrivals = Arrivals()

    def _look(self, keys: set[str], now_us: int) -> None:
        """Brings these devices' cards and all that is added up over the plant to now."""
        live = self._services.live.now(self._tenant_id)
        serial = self._serial + 1
        background = self._activity.background
        alerts = cards.worst_alerts(self._services.alerts.open(self._tenant_id))
        moved = [self._renew(self._cards[key], live, background, now_us, serial, alerts.get(key)) for key in keys]
        conditions = [(card.watched, card.how) for card in self._cards.values()]
        figures = plant_figures(conditions, live, self._activity, self._reported(live, now_us), now_us)
        listed = attention([how for _, how in conditions], self._since, self._started, now_us, self._told())
        if figures != self._figures:
            self._figures, self._figures_serial = figures, serial
        if listed != self._attention:
            self._attention, self._attention_serial = listed, serial
        if any(moved) or serial in (self._figures_serial, self._attention_serial, self._activity_serial):
            self._serial = serial
            self._deltas.clear()

    def _started(self, trouble: cards.Trouble, now_us: int) -> int | None:
        with tenant_reading(self._services.database.engine, self._tenant_id) as connection:
            return started(connection, trouble, now_us)

    def _told(self) -> Told:
        """What an open alert tells of already."""
        alerts = self._services.alerts.open(self._tenant_id)
        return frozenset((alert.device_key, None if alert.type == "device_offline" else alert.sensor_key) for alert in alerts)

    def _renew(
        self, card: _Card, live: Mapping[int, SensorNow], background: Background, now_us: int, serial: int, alert: AlertRow | None
    ) -> bool:
        how = cards.with_alert(cards.condition(card.watched, live, now_us, background), alert)
        sensor = card.watched.main
        now = live.get(sensor.id) if sensor is not None else None
        value = cards.current(sensor, now)
        others = cards.other_values(card.watched, live, background)
        if (how.state, how.text) != (card.how.state, card.how.text):
            card.how_serial = serial
        card.how = how
        if value != card.value:
            card.value, card.value_serial = value, serial
        if others != card.others:
            card.others, card.others_serial = others, serial
        if now is not None:
            self._hand_out(card, now, serial)
        return serial in (card.how_serial, card.value_serial, card.others_serial)

    def _hand_out(self, card: _Card, now: SensorNow, serial: int) -> None:
        """Notes the points of the line's buckets that were completed since the last time."""
        bucket, sensor = now.time_us // BUCKET_US, card.watched.main
        if bucket <= card.bucket or sensor is None:
            return
        if bucket - card.bucket > 90:  # nothing was handed out yet, or so long ago that nobody has the line any more
            card.whole_before = serial
            card.pieces.clear()
        else:
            found = [cards.bucket_points(now.trail[at], sensor) for at in range(card.bucket, bucket) if at in now.trail]
            if len(card.pieces) == KEPT_PIECES:
                card.whole_before = card.pieces[0][0]
            card.pieces.append((serial, [point for points in found for point in points]))
        card.bucket = bucket

    # ---- What is added up without a query

    def _reported(self, live: Mapping[int, SensorNow], now_us: int) -> Reported:
        """Nothing where there are machines: units say more."""
        return Reported(0, 0) if self._activity.machines else self._arrivals.now(self._ever(live), now_us)

    def _ever(self, live: Mapping[int, SensorNow]) -> int:
        """How many readings the plant's sensors ever had."""
        return sum(now.readings for now in map(live.get, self._device_of) if now is not None)

    # ---- What takes a query

    def _renew_activity(self, now_us: int) -> None:
        rests_us = self._activity_took_us + max(ACTIVITY_EVERY_US, SHARE * self._activity_took_us)
        if now_us - self._activity.at_us < rests_us or not self._cards:
            return
        if self._activity.at_us == 0:
            self._take(*self._read(now_us))
        elif self._reading.acquire(blocking=False):
            threading.Thread(target=self._read_beside, args=[now_us], name="overview-activity", daemon=True).start()

    def _read(self, now_us: int) -> tuple[PlantActivity, int]:
        """The last hours, and how long it took; what is reported is counted along with them."""
        assert self._plant is not None
        zone, sensor_ids, arrivals = self._plant.zone, list(self._device_of), self._arrivals
        watched = [card.watched for card in self._cards.values()]
        began, ever = time.monotonic(), self._ever(self._services.live.now(self._tenant_id))
        with tenant_reading(self._services.database.engine, self._tenant_id) as connection:
            found = read_activity(connection, watched, zone, now_us)
            took_us = round((time.monotonic() - began) * 1e6)
            if not found.machines:
                arrivals.count(connection, sensor_ids, ever, now_us, zone)
        return found, took_us

    def _read_beside(self, now_us: int) -> None:
        try:
            plant, found = self._plant, self._read(now_us)
            with self._lock:
                if plant is self._plant:
                    self._take(*found)
        except Exception as error:  # what was read before stays; the age of the last look is moved so that the next try comes later
            log.warning("the last hours of tenant %d were not read: %s", self._tenant_id, str(error).splitlines()[0])
            time.sleep(2)
        finally:
            self._reading.release()

    def _take(self, activity: PlantActivity, took_us: int) -> None:
        self._activity, self._activity_took_us = activity, took_us
        self._activity_serial = self._serial + 1
        self._looked_us = 0  # cards and figures say what was read

    # ---- Out

    def _all_cards(self) -> list[DeviceCard]:
        live = self._services.live.now(self._tenant_id)
        points = POINTS_ON_CARD if len(self._cards) <= MANY else POINTS_AMONG_MANY
        background = self._activity.background
        return [cards.card(one.watched, one.how, live, background, most_points=points) for one in self._cards.values()]

    def _delta(self, since: int) -> CardsDelta:
        """Viewers ask in step, so most of them hold the same serial."""
        made = self._deltas.get(since)
        if made is None:
            changed = {key: _changed(card, since) for key, card in self._cards.items()}
            devices = {key: change for key, change in changed.items() if change}
            live = self._services.live.now(self._tenant_id)
            for key, change in devices.items():
                if self._cards[key].whole_before > since:
                    sensor = self._cards[key].watched.main
                    change["spark"] = cards.spark(sensor, live.get(sensor.id) if sensor else None, POINTS_AMONG_MANY)
            made = self._deltas[since] = {"now_ms": 0, "version": self._serial, "devices": devices}
        return {**made, "now_ms": _now_us() // 1000}


def _changed(card: _Card, since: int) -> DeviceDelta:
    change: DeviceDelta = {}
    if card.value_serial > since:
        change["value"], change["at_ms"] = card.value
    if card.how_serial > since:
        change["state"], change["state_text"] = card.how.state, card.how.text
    if card.others_serial > since:
        change["others"] = card.others
    if card.pieces and card.pieces[-1][0] > since:
        points = [point for serial, piece in card.pieces if serial > since for point in piece]
        if points:
            change["append"] = points
    return change


def _now_us() -> int:
    return time.time_ns() // 1000


class Overviews:
    """The overviews that somebody looks at: one a plant, and one a choice of lines where people are narrowed to some."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._made: dict[tuple[int, tuple[str, ...] | None], Overview] = {}
        self._lock = threading.Lock()

    def of(self, who: Actor) -> Overview:
        """The overview of the person's plant."""
        key = (who.tenant_id, None if who.lines is None else tuple(sorted(who.lines)))
        with self._lock:
            oldest = time.monotonic() - UNUSED_S
            self._made = {name: made for name, made in self._made.items() if made.used_at > oldest or name == key}
            if key not in self._made:
                self._made[key] = Overview(self._services, who.tenant_id, who)
            return self._made[key]
