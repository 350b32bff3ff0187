"""One device as its card says it: which sensor it is about, how it is, what else matters. Pure: current state in, plain dicts out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dashapp.domain.fleet import Severity
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.live import BUCKET_US, SensorNow
from dashapp.ui.components import DeviceCard, MainValue, OtherValue, Point, State
from dashapp.ui.figures.value_axis import limit_text, sensor_decimals
from dashapp.ui.parts import format_value

SECOND_US = 1_000_000
BAD_QUALITY = 64  # OPC: below it a value means nothing
RANK = {severity.value: rank for rank, severity in enumerate(Severity)}
STATUS_WORDS = {"inactive": "Inactive", "maintenance": "Maintenance"}


@dataclass(frozen=True, slots=True)
class Watched:
    """A device with the parts that its sensors play; `others` are the gauges that the card is not about."""

    device: DeviceEntry
    main: SensorEntry | None
    others: tuple[SensorEntry, ...]
    produced: SensorEntry | None = None
    rejected: SensorEntry | None = None
    fault: SensorEntry | None = None

    @property
    def href(self) -> str:
        """The device's page."""
        return f"/devices/{self.device.key}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be, by state alone. `since_us` is None where it has to be looked up, or is not known."""

    severity: str
    title: str
    watched: Watched
    sensor: SensorEntry | None = None
    value: float | None = None
    since_us: int | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """How a device is: the state and the word on its card, and what is wrong, the worst first."""

    state: State
    text: str
    troubles: tuple[Trouble, ...] = ()
    running: bool | None = None  # None: not a machine, or not known


@dataclass(frozen=True, slots=True)
class Background:
    """What a card says beside the current value, each by sensor id or device key; renewed now and then."""

    hour_average: Mapping[int, float] = field(default_factory=dict)
    day_range: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    units_per_h: Mapping[str, float] = field(default_factory=dict)
    units_before: Mapping[int, float] = field(default_factory=dict)  # + the running total = units since midnight


def watch(device: DeviceEntry) -> Watched:
    """Finds the parts by kind and name: a card is about the first gauge, else about whatever comes first."""
    sensors = list(device.sensors.values())
    gauges = [sensor for sensor in sensors if sensor.kind == "gauge"]
    counts = [sensor for sensor in sensors if sensor.kind == "increment"]
    bad = [sensor for sensor in counts if "reject" in sensor.key or "scrap" in sensor.key]
    good = [sensor for sensor in counts if sensor not in bad]
    flags = [sensor for sensor in sensors if sensor.kind == "flag" and "fault" in sensor.key]
    main = next(iter([*gauges, *good, *sensors]), None)
    machine = device.is_machine
    return Watched(
        device,
        main,
        tuple(sensor for sensor in gauges if sensor is not main),
        produced=good[0] if machine and good else None,
        rejected=bad[0] if machine and bad else None,
        fault=flags[0] if flags else None,
    )


def is_fresh(sensor: SensorEntry, now: SensorNow | None, at_us: int) -> bool:
    """Whether a value still says something: not older than max(30 s, 3 × the sensor's period)."""
    return now is not None and at_us - now.time_us <= max(30.0, 3 * sensor.period_s) * SECOND_US


def condition(watched: Watched, live: Mapping[int, SensorNow], at_us: int) -> Condition:
    """How the device is at a time, by its sensors' current state."""
    device = watched.device
    if device.status in STATUS_WORDS:
        return Condition("normal", STATUS_WORDS[device.status])
    known = [(sensor, live[sensor.id]) for sensor in device.sensors.values() if sensor.id in live]
    if not known:
        never = Trouble("low", "Never reported", watched)
        return Condition("no_data", "No data", (never,) if device.sensors else ())
    fresh = [(sensor, now) for sensor, now in known if is_fresh(sensor, now, at_us)]
    if not fresh:
        silent = Trouble("medium", "No data", watched, since_us=max(now.time_us for _, now in known))
        return Condition("stale", "No data", (silent,))
    troubles = sorted(filter(None, (_trouble(watched, *pair) for pair in fresh)), key=lambda one: RANK[one.severity])
    running = _running(watched, live, at_us)
    if troubles:
        worst = troubles[0]
        return Condition(worst.severity, _short(worst), tuple(troubles), running)  # type: ignore[arg-type]
    if running is None:
        return Condition("normal", "Normal")
    return Condition("normal", "Running" if running else "Idle", (), running)


def _trouble(watched: Watched, sensor: SensorEntry, now: SensorNow) -> Trouble | None:
    if now.quality < BAD_QUALITY:
        return None
    if sensor.kind == "flag":
        return Trouble(sensor.severity, sensor.name, watched, sensor) if sensor is watched.fault and now.value > 0 else None
    if sensor.limit_high is not None and now.value > sensor.limit_high:
        return Trouble(sensor.severity, f"{sensor.name} above {limit_text(sensor.limit_high, sensor)}", watched, sensor, now.value)
    if sensor.limit_low is not None and now.value < sensor.limit_low:
        return Trouble(sensor.severity, f"{sensor.name} below {limit_text(sensor.limit_low, sensor)}", watched, sensor, now.value)
    return None


def _short(trouble: Trouble) -> str:
    """The title without the sensor's name where the card is about that sensor."""
    if trouble.sensor is None or trouble.sensor is not trouble.watched.main:
        return trouble.title
    return trouble.title.removeprefix(trouble.sensor.name).strip().capitalize()


def _running(watched: Watched, live: Mapping[int, SensorNow], at_us: int) -> bool | None:
    """Whether the machine made a unit in the last minute (or three periods)."""
    sensor = watched.produced
    now = live.get(sensor.id) if sensor is not None else None
    if sensor is None or now is None or not is_fresh(sensor, now, at_us):
        return None
    last = last_unit_us(now)
    return last is not None and at_us - last <= max(60.0, 3 * sensor.period_s) * SECOND_US


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
    return device.place if sensor.name.casefold() in device.name.casefold() else sensor.name


def main_value(sensor: SensorEntry | None, now: SensorNow | None) -> MainValue:
    """The value that the card is about; of a device without sensors a dash."""
    if sensor is None:
        unknown: MainValue = {
            "sensor": "", "label": "", "value": None, "unit": "", "low": None, "high": None, "normal_low": None,
            "normal_high": None, "limit_low": None, "limit_high": None, "decimals": 0, "at_ms": None, "period_s": 30.0,
        }  # fmt: skip
        return unknown
    decimals = sensor_decimals(sensor)
    return {
        "sensor": sensor.key,
        "label": sensor.name,
        "value": None if now is None else round(now.value, decimals),
        "unit": sensor.unit,
        "low": None,
        "high": None,
        "normal_low": sensor.normal_low,
        "normal_high": sensor.normal_high,
        "limit_low": sensor.limit_low,
        "limit_high": sensor.limit_high,
        "decimals": decimals,
        "at_ms": None if now is None else now.time_us // 1000,
        "period_s": sensor.period_s,
    }


def spark(sensor: SensorEntry | None, now: SensorNow | None, most_points: int) -> list[Point]:
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


def bucket_points(bucket: Sequence[float], sensor: SensorEntry) -> list[Point]:
    """One or two points of a bucket of the trail, in order of time."""
    low_at, low, high_at, high = bucket
    decimals = sensor_decimals(sensor) + 1
    points: list[Point] = [(int(low_at) // 1000, round(low, decimals)), (int(high_at) // 1000, round(high, decimals))]
    return points[:1] if low_at == high_at else sorted(points)


def other_values(watched: Watched, live: Mapping[int, SensorNow], background: Background) -> list[OtherValue]:
    """Up to three figures for the foot of the card: the next gauges, then production or what is usual."""
    gauges = [_gauge_value(sensor, live.get(sensor.id)) for sensor in watched.others]
    produced = watched.produced
    if produced is not None:
        rate = background.units_per_h.get(watched.device.key)
        return [
            *gauges[:1],
            {"label": "units/h", "value": None if rate is None else round(rate), "decimals": 0},
            {"label": "today", "value": units_today(produced, live, background), "decimals": 0},
        ]
    if gauges or watched.main is None:
        return gauges[:3]
    return _usual(watched.main, background)


def units_today(produced: SensorEntry, live: Mapping[int, SensorNow], background: Background) -> float | None:
    """Units since the plant's midnight, up to the last reading."""
    before, now = background.units_before.get(produced.id), live.get(produced.id)
    return None if before is None or now is None else round(before + now.total)


def _gauge_value(sensor: SensorEntry, now: SensorNow | None) -> OtherValue:
    decimals = sensor_decimals(sensor)
    value = None if now is None else round(now.value, decimals)
    return {"label": sensor.name, "value": value, "unit": sensor.unit, "decimals": decimals}


def _usual(sensor: SensorEntry, background: Background) -> list[OtherValue]:
    decimals = sensor_decimals(sensor)
    average, ends = background.hour_average.get(sensor.id), background.day_range.get(sensor.id)
    span = None if ends is None else f"{format_value(ends[0], decimals)} to {format_value(ends[1], decimals)}"
    return [
        {"label": "1 h average", "value": None if average is None else round(average, decimals), "decimals": decimals},
        {"label": "24 h range", "value": span},
    ]
