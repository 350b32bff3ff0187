"""What a door may be sent by accident or on purpose."""

import json

from dashapp.ingest.payloads import MOST_ITEMS

BAD_VALUES = [
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e101", b'"NaN"', b'"Infinity"', b'"71.5"', b'""', b"null", b"true", b"false",
    b"[]", b"{}", b"[71.5]", b'"' + b"x" * 1_000_000 + b'"', b"9" * 5_000, b"-" + b"9" * 5_000, b"9" * 400, b"[" * 200 + b"]" * 200,
    b'{"a":' * 200 + b"1" + b"}" * 200, b'"\xff\xfe"', b'"\\u0000"', b'"\\ud800"',
]  # fmt: skip


GOOD = {"device_id": "MX-01", "sensor_type": "temperature", "value": 71.5}


def around(bad: bytes) -> bytes:
    """A list with a good reading on both sides of a bad item."""
    before, after = (json.dumps({**GOOD, "timestamp": text}).encode() for text in ("2020-05-01T05:00:00Z", "2020-05-01T05:00:01Z"))
    return b"[" + before + b",\n " + bad + b" , " + after + b"]"


def item_with(value: bytes) -> bytes:
    """A reading with this for its value."""
    return b'{"device_id": "MX-01", "sensor_type": "temperature", "value": ' + value + b', "timestamp": "2020-05-01T06:00:00Z"}'


BAD_ITEMS: list[tuple[bytes, str]] = [
    (b"1", "body"), (b"null", "body"), (b'"text"', "body"), (b"[]", "body"), (b"[[[]]]", "body"), (b"NaN", "body"),
    (b"{}", "device_id"), (b'{"device_id": 7}', "device_id"), (b'{"device_id": ""}', "device_id"), (b'{"device_id": null}', "device_id"),
    (b'{"machine_id": ["MX-01"], "temperature": 1}', "machine_id"),
    (b'{"device_id": "\xff\xfe", "sensor_type": "temperature", "value": 1}', "device_id"),
    (b'{"device_id": "\\ud800", "sensor_type": "temperature", "value": 1}', "device_id"),
    (b'{"device_id": "MX-01"}', "sensor_type"), (b'{"device_id": "MX-01", "sensor_type": 3, "value": 1}', "sensor_type"),
    (b'{"device_id": "MX-01", "sensor_type": "pressure", "value": 1}', "sensor_type"),
    (b'{"device_id": "MX-01", "sensor_type": "\xff", "value": 1}', "sensor_type"),
    (b'{"device_id": "MX-01", "sensor_type": "tem\\u0000perature", "value": 1}', "sensor_type"),
    (b'{"device_id": "MX-01", "sensor_type": "temperature"}', "value"),
    (b'{"machine_id": "MX-01", "timestamp": "2020-05-01T06:00:00Z"}', "sensor_type"),
    (b'{"machine_id": "MX-01", "pressure": 4}', "pressure"),
    (b'{"machine_id": "MX-01", "fault": 2}', "fault"), (b'{"machine_id": "MX-01", "fault": 0.5}', "fault"),
    (b'{"machine_id": "MX-01", "production_count": -1}', "production_count"),
    (b'{"machine_id": "MX-01", "temperature": true}', "temperature"),
    (b'{"device_id": "MX-01", "sensor_type": "temperature", "value": 1, "quality": 999}', "quality"),
    (b'{"device_id": "MX-01", "sensor_type": "temperature", "value": 1, "quality": "GOOD"}', "quality"),
    (b'{"device_id": "NO-1", "sensor_type": "temperature", "value": 1}', "device_id"),
    (b'{"machine_id": "NO-1", "temperature": 1}', "machine_id"),
]  # fmt: skip

BAD_BODIES = [
    b"", b"  \n", b"[]", b"{", b"[1,", b"nonsense", b"7", b'"text"', b"null", b"true", b"NaN", b"\xff\xfe\x00", b"\x00", b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b'{"readings": []}', b'{"readings": 7}',
    "[{}]".encode("utf-16"), b'[{"device_id":"MX-01"}]]', b"9" * 100_000, b"[" + b"1," * MOST_ITEMS + b"1]",
]  # fmt: skip
