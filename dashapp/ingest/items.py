"""One item of a payload, read closely: what is wrong is named by its field, with the reason, and takes nothing else with it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dashapp.domain.units import converter
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry, TenantCatalogue

MILLION = 1_000_000
OLDEST_US = 631_152_000 * MILLION  # 1990-01-01: before it a time is a mistake, not history
GREATEST = 1e100  # beyond it a square overflows a double
MOST_VALUES = 1_000  # in one item
GOOD = 192
DEVICE_FIELDS = ("machine_id", "device_id", "deviceId")
SENSOR_FIELDS = ("sensor_type", "sensorType", "sensor", "metric")
TIME_FIELDS = ("timestamp", "time", "ts")
OTHER_FIELDS = frozenset((*DEVICE_FIELDS, *SENSOR_FIELDS, *TIME_FIELDS, "unit", "quality", "location", "status", "line", "name"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One reading, ready to be stored."""

    sensor_id: int
    time_us: int
    value: float
    quality: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was wrong with an item: its place in the batch, the field, the reason."""

    index: int
    field: str
    reason: str
    unknown_device: bool = False
    wanted: tuple[str, str, str] | None = None  # device, sensor, unit: what could be registered


class _Wrong(Exception):
    def __init__(self, field: str, reason: str, *, unknown_device: bool = False) -> None:
        super().__init__(reason)
        self.field, self.reason, self.unknown_device = field, reason, unknown_device


def read_item(
    index: int, item: Any, catalogue: TenantCatalogue, now_us: int, latest_us: int, undated_us: int
) -> tuple[list[Row], list[Refusal], bool]:
    """(rows, refusals, whether it said its time); where it says none it is that of `undated_us`."""
    rows: list[Row] = []
    refused: list[Refusal] = []
    dated = True
    try:
        if not isinstance(item, dict):
            raise _Wrong("body", f"an object is expected, not {short(item)}")
        device_field, key = _device(item)
        time_us, dated = _time(item, now_us, latest_us, undated_us)
        device = catalogue.devices.get(key)
        measured = _measured(item, device)
        quality = _quality(None if any(field == "quality" for field, _, _ in measured) else item.get("quality"))
        if device is None:
            refused = [
                Refusal(index, device_field, f"unknown device {short(key)}", True, _wanted(key, sensor, item)) for _, sensor, _ in measured
            ]
            return [], refused, dated
    except _Wrong as wrong:
        return [], [Refusal(index, wrong.field, wrong.reason, wrong.unknown_device)], dated
    for field, sensor_key, raw in measured:
        try:
            sensor = _sensor(device, field, sensor_key)
            rows.append(Row(sensor.id, time_us, _value(sensor, field, raw, item.get("unit")), quality))
        except _Wrong as wrong:
            wanted = _wanted(key, sensor_key, item) if sensor_key not in device.sensors else None
            refused.append(Refusal(index, wrong.field, wrong.reason, wanted=wanted))
    return rows, refused, dated


def _wanted(device: str, sensor: str, item: dict[str, Any]) -> tuple[str, str, str] | None:
    """What could be registered; None where the names are nothing that the database keeps."""
    unit = item.get("unit")
    names = (device, sensor, unit if isinstance(unit, str) else "")
    return names if all(len(name) <= 100 and name.isprintable() for name in names) else None


def _device(item: dict[str, Any]) -> tuple[str, str]:
    for field in DEVICE_FIELDS:
        if field in item:
            key = item[field]
            if not isinstance(key, str) or not key:
                raise _Wrong(field, f"a device's key is expected, not {short(key)}")
            _readable(field, key)
            return field, key
    raise _Wrong("device_id", "missing: say machine_id, device_id or deviceId")


def _measured(item: dict[str, Any], device: DeviceEntry | None) -> list[tuple[str, str, Any]]:
    """(field, sensor key, raw value) of each value in the item. `quality` is a value where the device measures one of that name."""
    for field in SENSOR_FIELDS:
        if field in item:
            sensor = item[field]
            if not isinstance(sensor, str) or not sensor:
                raise _Wrong(field, f"a sensor's key is expected, not {short(sensor)}")
            _readable(field, sensor)
            if "value" not in item:
                raise _Wrong("value", "missing")
            return [("value", sensor, item["value"])]
    quality = device is not None and "quality" in device.sensors
    found = [(key, key, value) for key, value in item.items() if key not in OTHER_FIELDS or (quality and key == "quality")]
    if not found:
        raise _Wrong("sensor_type", "no value: say sensor_type and value, or name sensors as fields")
    if len(found) > MOST_VALUES:
        raise _Wrong("body", f"{len(found)} values in one item: send at most {MOST_VALUES}")
    return found


def _sensor(device: DeviceEntry, field: str, key: str) -> SensorEntry:
    sensor = device.sensors.get(key)
    if sensor is None:
        known = ", ".join(list(device.sensors)[:12]) or "none"
        name = "sensor_type" if field == "value" else short(field, quote=False)
        raise _Wrong(name, f"{short(device.key)} has no sensor {short(key)} (it has: {known})")
    return sensor


def _value(sensor: SensorEntry, field: str, raw: Any, unit: Any) -> float:
    if isinstance(raw, bool):
        if sensor.kind != "flag":
            raise _Wrong(field, f"a number is expected, not {short(raw)}")
        return float(raw)
    if not isinstance(raw, int | float):
        raise _Wrong(field, f"a number is expected, not {short(raw)}")
    try:
        value = float(raw)
    except OverflowError:
        raise _Wrong(field, "the number is too large") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise _Wrong(field, "NaN and infinities are not readings")
    if abs(value) > GREATEST:
        raise _Wrong(field, "the number is beyond ±1e100")
    if sensor.kind == "flag" and value not in (0.0, 1.0):
        raise _Wrong(field, f"0, 1, false or true is expected, not {short(raw)}")
    if sensor.kind == "increment" and value < 0:
        raise _Wrong(field, "an increment cannot be negative")
    return _in_unit(sensor, value, unit)


def _in_unit(sensor: SensorEntry, value: float, unit: Any) -> float:
    if unit is None or unit == sensor.unit:
        return value
    if not isinstance(unit, str):
        raise _Wrong("unit", f"text is expected, not {short(unit)}")
    convert = converter(unit, sensor.unit)
    if convert is None:
        raise _Wrong("unit", f"{short(unit)} does not convert to {short(sensor.unit) if sensor.unit else 'a value without a unit'}")
    return convert(value)


def _quality(raw: Any) -> int:
    if raw is None:
        return GOOD
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= 255:
        raise _Wrong("quality", f"an OPC quality code from 0 to 255 is expected, not {short(raw)}")
    return raw


def _time(item: dict[str, Any], now_us: int, latest_us: int, undated_us: int) -> tuple[int, bool]:
    for field in TIME_FIELDS:
        if item.get(field) is not None:
            time_us = parse_time(field, item[field])
            if time_us > latest_us:
                raise _Wrong(field, f"{short(item[field])} is in the future by more than the {(latest_us - now_us) // MILLION} s allowed")
            if time_us < OLDEST_US:
                raise _Wrong(field, f"{short(item[field])} is before 1990")
            return time_us, True
    if not OLDEST_US <= undated_us <= latest_us:
        raise _Wrong("timestamp", "missing, and the time that the message itself carries is not of now")
    return undated_us, False


def parse_time(field: str, raw: Any) -> int:
    """Microseconds since 1970 UTC of ISO 8601 text (without a zone: UTC) or a number of seconds, ms or µs."""
    if isinstance(raw, str):
        try:
            moment = datetime.fromisoformat("" if "\x00" in raw or len(raw) > 64 else raw.strip())  # it stops reading at a NUL
        except ValueError:
            raise _Wrong(field, f"ISO 8601 is expected (2026-05-01T06:00:00Z), not {short(raw)}") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw != raw or abs(raw) > 1e18:
        raise _Wrong(field, f"ISO 8601 or seconds since 1970 are expected, not {short(raw)}")
    scale = MILLION if abs(raw) < 1e11 else 1_000 if abs(raw) < 1e14 else 1
    return raw * scale if isinstance(raw, int) else round(raw * scale)


def iso_time(text: str) -> int | None:
    """Microseconds since 1970 UTC of ISO 8601 text; None where it is none."""
    try:
        return parse_time("timestamp", text)
    except _Wrong:
        return None


def _readable(field: str, text: str) -> None:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _Wrong(field, "not valid UTF-8")


def short(value: Any, *, quote: bool = True, length: int = 80) -> str:
    """A value for an error text: never longer than a line, whatever was sent."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = value if isinstance(value, str) else json_word(value)
    text = text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"
    text = text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")
    return f"“{text}”" if isinstance(value, str) and quote else text


def json_word(value: Any) -> str:
    """null, true, false as JSON writes them; numbers briefly."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        return "a very long number"
