"""Every payload shape that a door accepts → columns (IN-2), with each refused item's field and reason (IN-7).

Wide `{machine_id, temperature, vibration, …, timestamp}`, narrow `{device_id, sensor_type, value, unit, timestamp}`, camelCase
`{deviceId, sensorType, value, …}`, or a list of any. A batch of one clean shape is decoded by msgspec and looked up column by
column; anything else goes item by item (`dashapp.ingest.items`), which finds the field that is wrong.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from dashapp.ingest.catalogue import SensorEntry, TenantCatalogue
from dashapp.ingest.items import GREATEST, MILLION, OLDEST_US, Refusal, Row, iso_time, read_item, short
from db.commands.readings import Rows

GOOD = 192
MOST_ITEMS = 100_000


class BodyError(ValueError):
    """The body as a whole cannot be read: which field, and why."""

    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(f"{field_name}: {reason}")
        self.field = field_name
        self.reason = reason


@dataclass(slots=True)
class Parsed:
    """Rows that can be stored, the item that each came from, and what was refused."""

    rows: Rows
    item_of_row: Sequence[int]
    items: int
    refused: list[Refusal] = field(default_factory=list)
    undated: bool = False  # some reading took the server's time

    @property
    def unknown_device(self) -> bool:
        """Whether nothing but unknown devices was wrong."""
        return bool(self.refused) and all(refusal.unknown_device for refusal in self.refused)


class _Narrow(msgspec.Struct):
    device_id: str
    sensor_type: str
    value: float
    timestamp: str
    unit: str | None = None
    quality: int | None = None


class _Camel(msgspec.Struct, rename="camel"):
    device_id: str
    sensor_type: str
    value: float
    timestamp: str
    unit: str | None = None
    quality: int | None = None


class _Wrapped(msgspec.Struct):
    readings: list[msgspec.Raw]


def _whole_number(digits: str) -> float:
    """An integer; infinite where it has more digits than Python reads, so that its item alone is refused."""
    return int(digits) if len(digits) < 400 else float("inf")


_TABLE = np.dtype([("sensor", np.int32), ("time", np.int64), ("value", np.float64), ("quality", np.int16)])
_NARROW = msgspec.json.Decoder(list[_Narrow])
_CAMEL = msgspec.json.Decoder(list[_Camel])
_ONE_NARROW = msgspec.json.Decoder(_Narrow)
_ONE_CAMEL = msgspec.json.Decoder(_Camel)
_FIRST = range(1)
_ANY = msgspec.json.Decoder()
_RAW = msgspec.json.Decoder(list[msgspec.Raw])
_RAW_WRAPPED = msgspec.json.Decoder(_Wrapped)
_LOOSE = json.JSONDecoder(parse_int=_whole_number)
_NARROW_FIRST, _CAMEL_FIRST = (b'"machine_id"',), (b'"machine_id"', b'"device_id"', b'"sensor_type"')
_DEVICE_FIRST = {_NARROW: _NARROW_FIRST, _ONE_NARROW: _NARROW_FIRST, _CAMEL: _CAMEL_FIRST, _ONE_CAMEL: _CAMEL_FIRST}
_DIGITS_AND_MARKS = b"0123456789-:.TZ"


def parse(body: bytes, catalogue: TenantCatalogue, now_us: int, *, future_s: int = 300) -> Parsed:
    """Reads a request body or a message. Raises BodyError where there is nothing in it to read."""
    latest_us = now_us + future_s * MILLION
    if body[:1] == b"{":
        return parse_one(body, catalogue, latest_us) or parse_items(decode(body), catalogue, now_us, latest_us)
    return _parse_columns(body, catalogue, latest_us) or parse_items(decode(body), catalogue, now_us, latest_us)


def decode(body: bytes) -> list[Any]:
    """The items of a body. Raises BodyError where it is no JSON object or array of something."""
    if not body.strip():
        raise BodyError("body", "empty: a JSON object or an array of objects is expected")
    try:
        content = _ANY.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as strict:
        # NaN, Infinity, an endless number or a broken character in one item must not lose the others: read again, less strictly.
        try:
            content = _LOOSE.decode(body.decode("utf-8", "surrogateescape"))
        except RecursionError:
            raise BodyError("body", "nested too deeply") from None
        except ValueError:
            raise BodyError("body", f"not JSON: {str(strict)[:200]}") from None
    if isinstance(content, dict) and isinstance(content.get("readings"), list):
        content = content["readings"]
    if isinstance(content, dict):
        return [content]
    if not isinstance(content, list):
        raise BodyError("body", f"a JSON object or an array of objects is expected, not {short(content)}")
    if not content:
        raise BodyError("body", "an empty array: no reading in it")
    if len(content) > MOST_ITEMS:
        raise BodyError("body", f"{len(content)} items: send at most {MOST_ITEMS} at a time")
    return content


class RawItems:
    """The items of a body as the bytes that came, split when the first is asked for."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._parts: Sequence[Any] | None = None

    def __getitem__(self, index: int) -> bytes:
        """One item's bytes; the whole body where it is one item, or cannot be split."""
        if self._parts is None:
            self._parts = _split(self._body)
        return bytes(self._parts[index]) if index < len(self._parts) else self._body


def _split(body: bytes) -> Sequence[Any]:
    listed = body.lstrip()[:1] == b"["
    try:
        return _RAW.decode(body) if listed else _RAW_WRAPPED.decode(body).readings
    except (msgspec.MsgspecError, RecursionError, ValueError):
        pass
    return _split_loosely(body.decode("utf-8", "surrogateescape")) if listed else []


def _split_loosely(text: str) -> list[bytes]:
    """Items of a list that the strict decoder refuses."""
    parts = []
    at = text.index("[") + 1
    try:
        while True:
            while text[at] in " \t\r\n,":
                at += 1
            if text[at] == "]":
                return parts
            _, end = _LOOSE.raw_decode(text, at)
            parts.append(text[at:end].encode("utf-8", "surrogateescape"))
            at = end
    except (ValueError, IndexError, RecursionError):
        return []


def decode_one(body: bytes) -> Any:
    """One reading that is whole in itself; None where it wants a closer look."""
    decoder = _ONE_CAMEL if b'"deviceId"' in body else _ONE_NARROW
    if any(name in body for name in _DEVICE_FIRST[decoder]):
        return None
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None


def parse_one(body: bytes, catalogue: TenantCatalogue, latest_us: int) -> Parsed | None:
    """The short way for one clean reading; None where it wants a closer look."""
    item = decode_one(body)
    if item is None:
        return None
    entry = catalogue.by_name.get((item.device_id, item.sensor_type))
    quality = GOOD if item.quality is None else item.quality
    if entry is None or entry.kind not in ("gauge", "totalizer") or item.unit not in (None, entry.unit) or not 0 <= quality <= 255:
        return None
    time_us = iso_time(item.timestamp)
    if time_us is None or not OLDEST_US <= time_us <= latest_us or abs(item.value) > GREATEST:
        return None
    rows = Rows(np.array([entry.id], np.int32), np.array([time_us]), np.array([item.value]), np.array([quality], np.int16))
    return Parsed(rows, _FIRST, 1)


def _parse_columns(body: bytes, catalogue: TenantCatalogue, latest_us: int) -> Parsed | None:
    """The short way, for a list of clean readings of one shape; None where any of them wants a closer look."""
    head = body[:400]
    if head.lstrip()[:1] != b"[":
        return None
    decoder: msgspec.json.Decoder[Any] = _CAMEL if b'"deviceId"' in head else _NARROW
    if decoder is _NARROW and b'"sensor_type"' not in head:
        return None
    if any(name in body for name in _DEVICE_FIRST[decoder]):  # which name counts is for `read_item` to say
        return None
    try:
        items = decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    if not 0 < len(items) <= MOST_ITEMS:
        return None
    rows = columns_of(items, catalogue, latest_us)
    return None if rows is None else Parsed(rows, range(len(items)), len(items))


def columns_of(items: Sequence[Any], catalogue: TenantCatalogue, latest_us: int) -> Rows | None:
    """The rows of decoded readings; None where any of them wants a closer look."""
    by_name = catalogue.by_name
    entries = [by_name.get((item.device_id, item.sensor_type)) for item in items]
    if None in entries or not all(
        (item.unit is None or item.unit == entry.unit) and (item.quality is None or 0 <= item.quality <= 255)
        for item, entry in zip(items, entries, strict=True)
    ):
        return None
    times_us = _times([item.timestamp for item in items])
    values = np.array([item.value for item in items])
    if times_us is None or times_us.max() > latest_us or times_us.min() < OLDEST_US or np.abs(values).max() > GREATEST:
        return None
    if not _values_fit(values, entries):
        return None
    quality = np.array([GOOD if item.quality is None else item.quality for item in items], np.int16)
    ids = np.array([entry.id for entry in entries], np.int32)
    return Rows(ids, times_us, values, quality)


def _values_fit(values: np.ndarray[Any, Any], entries: Sequence[SensorEntry]) -> bool:
    kinds = {entry.kind for entry in entries}
    if kinds <= {"gauge", "totalizer"}:
        return True
    return all(
        value >= 0 if entry.kind == "increment" else value in (0, 1)
        for value, entry in zip(values.tolist(), entries, strict=True)
        if entry.kind in ("increment", "flag")
    )


def _times(texts: list[str]) -> np.ndarray[Any, Any] | None:
    """ISO 8601 in UTC → microseconds, by numpy (seven times as fast as one by one); None where one is written otherwise."""
    if not all(text[-1:] == "Z" and len(text) >= 20 for text in texts):
        return None
    joined = "".join(texts).encode("utf-8", "replace")
    if joined.count(b"Z") != len(texts) or joined.count(b"-") != 2 * len(texts) or joined.translate(None, _DIGITS_AND_MARKS):
        return None  # numpy reads zones and words too, not as ISO 8601 does
    try:
        parsed = np.array([text[:-1] for text in texts], dtype="datetime64[us]")
    except ValueError:
        return None
    return None if np.isnat(parsed).any() else parsed.astype(np.int64)


def parse_items(items: list[Any], catalogue: TenantCatalogue, now_us: int, latest_us: int, undated_us: int | None = None) -> Parsed:
    """`undated_us` is the time of readings that say none; None: now."""
    rows: list[Row] = []
    owners: list[int] = []
    refused: list[Refusal] = []
    undated = False
    taken: dict[int, int] = {}  # sensor → undated readings so far: each gets a time of its own, so that none counts as a duplicate
    for index, item in enumerate(items):
        found, wrong, dated = read_item(index, item, catalogue, now_us, latest_us, now_us if undated_us is None else undated_us)
        if not dated:
            for position, row in enumerate(found):
                earlier = taken.get(row.sensor_id, 0)
                taken[row.sensor_id] = earlier + 1
                found[position] = replace(row, time_us=row.time_us + earlier) if earlier else row
        rows += found
        owners += [index] * len(found)
        refused += wrong
        undated = undated or not dated
    table = np.array([(row.sensor_id, row.time_us, row.value, row.quality) for row in rows], dtype=_TABLE)
    columns = Rows(table["sensor"], table["time"], table["value"], table["quality"])
    return Parsed(columns, owners, len(items), refused, undated)
