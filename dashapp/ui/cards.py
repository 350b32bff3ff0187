"""One device as its card says it: which sensor it is about, how it is, what else matters. Pure: current state in, plain dicts out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from dashapp.domain.fleet import Severity
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.live import BUCKET_US, SensorNow
from dashapp.ui.components import DeviceCard, MainValue, OtherValue, Point, State
from dashapp.ui.figures.value_axis import limit_text, sensor_decimals
from dashapp.ui.parts import format_value
from db.queries.alerts import AlertRow

SECOND_US, MINUTE_US = 1_000_000, 60_000_000
BAD_QUALITY = 64  # OPC: below it a value means nothing
RANK = {severity.value: rank for rank, severity in enumerate(Severity)}
STATUS_WORDS = {"inactive": "Inactive", "maintenance": "Maintenance"}


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor with what is asked of it every second: its decimals, and after how long its value is old, in µs."""

    entry: SensorEntry
    id: int
    decimals: int
    patience_us: int


@dataclass(frozen=True, slots=True)
class Watched:
    """A device with the parts that its sensors play; `others` are the gauges that the card is not about."""

    device: DeviceEntry
    sensors: tuple[Sensor, ...]
    main: Sensor | None
    others: tuple[Sensor, ...]
    produced: Sensor | None = None
    rejected: Sensor | None = None
    fault: Sensor | None = None

    @property
    def href(self) -> str:
        """The device's page; a key may hold any character."""
        return f"/devices/{quote(self.device.key, safe='')}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be, by state alone. `since_us` is None where it has to be looked up, or is not known."""

    severity: str
    title: str
    watched: Watched
    sensor: Sensor | None = None
    value: float | None = None
    since_us: int | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """How a device is: the state and the word on its card, and what is wrong, the worst first."""

    state: State
    text: str
    troubles: tuple[Trouble, ...] = ()
    running: bool | None = None  # None: not a machine, or not known
    off: bool = False  # stands because nothing is planned


@dataclass(frozen=True, slots=True)
class Background:
    """What a card says beside the current value, each by sensor id or device key; renewed now and then."""

    hour_average: Mapping[int, float] = field(default_factory=dict)
    day_range: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    units_per_h: Mapping[str, float] = field(default_factory=dict)
    units_before: Mapping[int, float] = field(default_factory=dict)  # + the running total = units since midnight
    faulted: frozenset[str] = frozenset()  # machines whose present stop began with, or had, a fault: they may be under repair
    off: frozenset[str] = frozenset()  # machines that are not to work now, by their shifts


NORMAL = Condition("normal", "Normal")
RUNNING, IDLE = Condition("normal", "Running", running=True), Condition("normal", "Idle", running=False)
STOPPED, OFF = Condition("normal", "Stopped", running=False), Condition("normal", "Off shift", running=False, off=True)


def watch(device: DeviceEntry) -> Watched:
    """Finds the parts by kind and name: a card is about the first gauge, else about whatever comes first."""
    sensors = tuple(_sensor(entry) for entry in device.sensors.values())
    gauges = [sensor for sensor in sensors if sensor.entry.kind == "gauge"]
    counts = [sensor for sensor in sensors if sensor.entry.kind == "increment"]
    bad = [sensor for sensor in counts if "reject" in sensor.entry.key or "scrap" in sensor.entry.key]
    good = [sensor for sensor in counts if sensor not in bad]
    flags = [sensor for sensor in sensors if sensor.entry.kind == "flag" and "fault" in sensor.entry.key]
    main = next(iter([*gauges, *good, *sensors]), None)
    machine = device.is_machine
    return Watched(
        device,
        sensors,
        main,
        tuple(sensor for sensor in gauges if sensor is not main),
        produced=good[0] if machine and good else None,
        rejected=bad[0] if machine and bad else None,
        fault=flags[0] if flags else None,
    )


def _sensor(entry: SensorEntry) -> Sensor:
    """A value is old after max(30 s, 3 × the sensor's period)."""
    return Sensor(entry, entry.id, sensor_decimals(entry), int(max(30.0, 3 * entry.period_s) * SECOND_US))


def is_fresh(sensor: Sensor, now: SensorNow | None, at_us: int) -> bool:
    """Whether a value still says something."""
    return now is not None and at_us - now.time_us <= sensor.patience_us


def condition(watched: Watched, live: Mapping[int, SensorNow], at_us: int, background: Background) -> Condition:
    """How the device is at a time, by its sensors' current state."""
    device = watched.device
    if device.status in STATUS_WORDS:
        return Condition("normal", STATUS_WORDS[device.status])
    known = [(sensor, live[sensor.id]) for sensor in watched.sensors if sensor.id in live]
    if not known:
        never = Trouble("low", "Never reported", watched)
        return Condition("no_data", "No data", (never,) if watched.sensors else ())
    fresh = [(sensor, now) for sensor, now in known if at_us - now.time_us <= sensor.patience_us]
    if not fresh:
        silent = Trouble("medium", "No data", watched, since_us=max(now.time_us for _, now in known))
        return Condition("stale", "No data", (silent,))
    troubles = [trouble for sensor, now in fresh if (trouble := _trouble(watched, sensor, now)) is not None]
    running = None if watched.produced is None else _running(watched.produced, live, at_us)
    if troubles:
        troubles.sort(key=lambda one: RANK[one.severity])
        worst = troubles[0]
        return Condition(worst.severity, _short(worst), tuple(troubles), running)  # type: ignore[arg-type]
    if running is None:
        return NORMAL
    if running:
        return RUNNING
    key = watched.device.key
    return STOPPED if key in background.faulted else OFF if key in background.off else IDLE


def with_alert(how: Condition, alert: AlertRow | None) -> Condition:
    """How a device is where an alert is open on it: the alert's word, unless what is seen is worse, or nothing is seen at all."""
    if alert is None or how.state in ("no_data", "stale") or RANK[alert.severity] >= RANK.get(how.state, len(RANK)):
        return how
    words = alert.rule_name if alert.rule_name and alert.rule_type != "external" else alert.message
    state: State = alert.severity  # type: ignore[assignment]
    return replace(how, state=state, text=words if alert.active else f"{words}, returned")


def worst_alerts(alerts: Iterable[AlertRow]) -> dict[str, AlertRow]:
    """The most severe open alert of each device that is not silent, of alerts in order of priority."""
    worst: dict[str, AlertRow] = {}
    for alert in alerts:
        if not alert.silent:
            worst.setdefault(alert.device_key, alert)
    return worst


def _trouble(watched: Watched, sensor: Sensor, now: SensorNow) -> Trouble | None:
    entry, value = sensor.entry, now.value
    over = entry.limit_high is not None and value > entry.limit_high
    if not over and (entry.limit_low is None or value >= entry.limit_low) and (sensor is not watched.fault or value <= 0):
        return None
    if now.quality < BAD_QUALITY:
        return None
    if entry.kind == "flag":
        return Trouble(entry.severity, entry.name, watched, sensor) if sensor is watched.fault else None
    word, limit = ("above", entry.limit_high) if over else ("below", entry.limit_low)
    return Trouble(entry.severity, f"{entry.name} {word} {limit_text(limit, entry)}", watched, sensor, value)  # type: ignore[arg-type]


def _short(trouble: Trouble) -> str:
    """As short as a chip is: without the sensor's name where the card is about that sensor, without the limit elsewhere."""
    sensor = trouble.sensor
    if sensor is None or trouble.value is None:
        return trouble.title
    if sensor is not trouble.watched.main:
        return f"{sensor.entry.name} {'high' if ' above ' in trouble.title else 'low'}"
    short = trouble.title.removeprefix(sensor.entry.name).strip()
    return short[:1].upper() + short[1:]


def _running(sensor: Sensor, live: Mapping[int, SensorNow], at_us: int) -> bool | None:
    """Whether the machine made a unit in the last minute (or three periods)."""
    now = live.get(sensor.id)
    if now is None or not is_fresh(sensor, now, at_us):
        return None
    if now.value > 0:
        return True
    last = last_unit_us(now)
    return last is not None and at_us - last <= max(MINUTE_US, sensor.patience_us)


def last_unit_us(now: SensorNow) -> int | None:
    """When an increment last counted anything, from the last 15 minutes; None where it did not."""
    trail = now.trail.copy()  # a writer may add to it meanwhile
    moved = [int(high_at) for _, _, high_at, high in trail.values() if high > 0]
    return max(moved, default=None)


def card(watched: Watched, how: Condition, live: Mapping[int, SensorNow], background: Background, *, most_points: int) -> DeviceCard:
    """The whole card, its line with at most `most_points` points."""
    sensor = watched.main
    now = live.get(sensor.id) if sensor is not None else None
    return {
        "key": watched.device.key,
        "name": watched.device.name if watched.device.name != watched.device.key else "",
        "place": watched.device.place,
        "href": watched.href,
        "state": how.state,
        "state_text": how.text,
        "main": {**main_value(sensor, now), "label": _label(watched)},
        "spark": spark(sensor, now, most_points),
        "others": other_values(watched, live, background),
    }


def _label(watched: Watched) -> str:
    """What the value is, beside the device's name; where the name says it already, where the device stands."""
    device, sensor = watched.device, watched.main
    if sensor is None:
        return "no sensors yet"
    return device.place if sensor.entry.name.casefold() in device.name.casefold() else sensor.entry.name


def main_value(sensor: Sensor | None, now: SensorNow | None) -> MainValue:
    """The value that the card is about; of a device without sensors a dash."""
    if sensor is None:
        unknown: MainValue = {
            "sensor": "", "label": "", "value": None, "unit": "", "low": None, "high": None, "normal_low": None,
            "normal_high": None, "limit_low": None, "limit_high": None, "decimals": 0, "at_ms": None, "period_s": 30.0,
        }  # fmt: skip
        return unknown
    entry = sensor.entry
    value, at_ms = current(sensor, now)
    return {
        "sensor": entry.key, "label": entry.name, "value": value, "unit": entry.unit, "low": None, "high": None,
        "normal_low": entry.normal_low, "normal_high": entry.normal_high, "limit_low": entry.limit_low, "limit_high": entry.limit_high,
        "decimals": sensor.decimals, "at_ms": at_ms, "period_s": entry.period_s,
    }  # fmt: skip


def current(sensor: Sensor | None, now: SensorNow | None) -> tuple[float | None, int | None]:
    """The value as it is shown and the reading's time in milliseconds; None where nothing was ever reported."""
    if sensor is None or now is None:
        return None, None
    return round(now.value, sensor.decimals), now.time_us // 1000


def spark(sensor: Sensor | None, now: SensorNow | None, most_points: int) -> list[Point]:
    """The last 15 minutes up to the bucket that is being filled; thinned by leaving out whole buckets."""
    if sensor is None or now is None:
        return []
    last = now.time_us // BUCKET_US
    trail = now.trail.copy()
    buckets = sorted(bucket for bucket in trail if last - 90 <= bucket < last)
    step = max(1, -(-2 * len(buckets) // most_points))
    if step == 1:
        return [point for bucket in buckets for point in bucket_points(trail[bucket], sensor)]
    groups = [buckets[at : at + step] for at in range(0, len(buckets), step)]
    return [point for group in groups for point in bucket_points(_joined([trail[bucket] for bucket in group]), sensor)]


def _joined(buckets: Sequence[Sequence[float]]) -> list[float]:
    """The least and the greatest value of several buckets, with their times: a spike outlives the thinning."""
    low = min(buckets, key=lambda bucket: bucket[1])
    high = max(buckets, key=lambda bucket: bucket[3])
    return [low[0], low[1], high[2], high[3]]


def bucket_points(bucket: Sequence[float], sensor: Sensor) -> list[Point]:
    """One or two points of a bucket of the trail, in order of time."""
    low_at, low, high_at, high = bucket
    decimals = sensor.decimals + 1
    points: list[Point] = [(int(low_at) // 1000, round(low, decimals)), (int(high_at) // 1000, round(high, decimals))]
    return points[:1] if low_at == high_at else sorted(points)


def other_values(watched: Watched, live: Mapping[int, SensorNow], background: Background) -> list[OtherValue]:
    """Up to three figures for the foot of the card: the next gauges, then production or what is usual."""
    produced = watched.produced
    if produced is not None:
        rate = background.units_per_h.get(watched.device.key)
        return [
            *(_gauge_value(sensor, live.get(sensor.id)) for sensor in watched.others[:1]),
            {"label": "units/h", "value": None if rate is None else round(rate), "decimals": 0},
            {"label": "today", "value": units_today(produced, live, background), "decimals": 0},
        ]
    if watched.others or watched.main is None:
        return [_gauge_value(sensor, live.get(sensor.id)) for sensor in watched.others[:3]]
    return _usual(watched.main, background)


def units_today(produced: Sensor, live: Mapping[int, SensorNow], background: Background) -> float | None:
    """Units since the plant's midnight, up to the last reading."""
    before, now = background.units_before.get(produced.id), live.get(produced.id)
    return None if before is None or now is None else round(before + now.total)


def _gauge_value(sensor: Sensor, now: SensorNow | None) -> OtherValue:
    return {"label": sensor.entry.name, "value": current(sensor, now)[0], "unit": sensor.entry.unit, "decimals": sensor.decimals}


def _usual(sensor: Sensor, background: Background) -> list[OtherValue]:
    decimals = sensor.decimals
    average, ends = background.hour_average.get(sensor.id), background.day_range.get(sensor.id)
    span = None if ends is None else f"{format_value(ends[0], decimals)} to {format_value(ends[1], decimals)}"
    return [
        {"label": "1 h average", "value": None if average is None else round(average, decimals), "decimals": decimals},
        {"label": "24 h range", "value": span},
    ]
