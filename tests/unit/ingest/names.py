"""A catalogue in memory, as the doors know it, and what a payload comes to with it."""

import json
from typing import Any

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry, TenantCatalogue
from dashapp.ingest.items import Refusal
from dashapp.ingest.payloads import BodyError, Parsed, parse

NOW_US = 1_777_615_200_000_000
NOW = "2026-05-01T06:00:00Z"
GOOD = {"device_id": "MX-01", "sensor_type": "temperature", "value": 71.5, "timestamp": NOW}


def sensor(sensor_id: int, device: str, key: str, unit: str = "", kind: str = "gauge") -> SensorEntry:
    """A sensor without limits."""
    return SensorEntry(sensor_id, device, key, key, unit, kind, None, None, None, None, "medium", 2.0)


def catalogue() -> TenantCatalogue:
    """Press `MX-01` with five sensors and a `quality` score `Q-1`."""
    press = [
        sensor(1, "MX-01", "temperature", "°C"), sensor(2, "MX-01", "vibration", "mm/s"),
        sensor(3, "MX-01", "production_count", "", "increment"), sensor(4, "MX-01", "fault", "", "flag"),
        sensor(5, "MX-01", "energy", "", "totalizer"),
    ]  # fmt: skip
    score = [sensor(6, "Q-1", "quality", "%")]
    devices = {
        key: DeviceEntry(number, key, key, "", "", True, "machine", "active", 0, {one.key: one for one in sensors})
        for number, (key, sensors) in enumerate({"MX-01": press, "Q-1": score}.items(), start=1)
    }
    every = [*press, *score]
    by_name = {(one.device_key, one.key): one for one in every}
    return TenantCatalogue(1, "Plant", "UTC", False, False, devices, {one.id: one for one in every}, by_name)


CATALOGUE = catalogue()


def read(content: Any) -> Parsed:
    """Parses bytes as they are, anything else as JSON. Raises BodyError."""
    return parse(content if isinstance(content, bytes) else json.dumps(content).encode(), CATALOGUE, NOW_US)


def rows(parsed: Parsed) -> list[tuple[int, int, float, int]]:
    """(sensor, time, value, quality) of each row."""
    columns = parsed.rows
    return list(
        zip(columns.sensor_ids.tolist(), columns.times_us.tolist(), columns.values.tolist(), columns.quality.tolist(), strict=True)
    )


def refused(content: Any) -> list[Refusal]:
    """What was refused, a body that cannot be read as the refusal of its first item."""
    try:
        return read(content).refused
    except BodyError as error:
        return [Refusal(0, error.field, error.reason)]


def refusal(content: Any) -> tuple[str, str]:
    """(field, reason) of the only refusal."""
    (only,) = refused(content)
    return only.field, only.reason
