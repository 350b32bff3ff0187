"""The words of the WebSocket: events of source 002 §4.6 by name, and a few of ours (marked +). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from dashapp.domain.alerts import ACTIVE
from dashapp.socket_protocol import text_frame

SENSOR_DATA, DEVICE_STATUS, SYSTEM_STATUS = "sensor-data", "device-status", "system-status"
ALERT_TRIGGERED, ALERT_RESOLVED, ALERT_UPDATED = "alert-triggered", "alert-resolved", "alert-updated"  # the last: +
CONNECTION_STATUS, ERROR, PONG = "connection-status", "error", "pong"  # the last: +
_TOLD = ("raised", "re_raised", "severity_raised")
_SUPPRESSION_OVER = ("shelving_ended", "suppression_ended", "back_in_service")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Event:
    """What a client is told. `id` is None for what is true now, which no break loses; device and line say who may see it."""

    name: str
    id: str | None
    data: Mapping[str, Any]
    device: str = ""
    line: str | None = None
    device_id: int | None = None
    frame: bytes = b""


def event(
    name: str, data: Mapping[str, Any], *, identity: str | None = None, device: str = "", line: str | None = None,
    device_id: int | None = None,
) -> Event:  # fmt: skip
    """An event with its frame, made once for everybody who is told."""
    return Event(name, identity, data, device, line, device_id, text_frame(_encode({"event": name, "id": identity, "data": data})))


def alert_event_name(what: str, state: str, *, silent: bool) -> str:
    """Which event tells of a transition of an alert, by what happened, the base state after it and whether nobody was to be told."""
    if state == "A":
        return ALERT_RESOLVED
    if not silent and (what in _TOLD or (what in _SUPPRESSION_OVER and state == ACTIVE[0])):
        return ALERT_TRIGGERED
    return ALERT_UPDATED


def reading_status(
    kind: str, key: str, value: float, normal: tuple[float | None, float | None], limits: tuple[float | None, float | None]
) -> str:
    """`alert` beyond a limit, `warning` outside of the normal range, else `normal`; a fault flag that is on is an `alert`."""
    if kind == "flag":
        return "alert" if value and key in ("fault", "alarm") else "normal"
    for word, (low, high) in (("alert", limits), ("warning", normal)):
        if (low is not None and value < low) or (high is not None and value > high):
            return word
    return "normal"
