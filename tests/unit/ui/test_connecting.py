"""Commands that a person copies: right for a shell and for Python whatever the device is called, with the browser's own address."""

import ast
import json
import shlex

import flask
import pytest

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.live import SensorNow
from dashapp.ui import connecting

BASE, SECRET = "https://plant.example", "andon_secret"


def sensor(key: str, **more: object) -> SensorEntry:
    plain = {"normal_low": None, "normal_high": None, "limit_low": None, "limit_high": None, "severity": "high", "period_s": 10.0}
    return SensorEntry(**{"id": 1, "device_key": "d", "key": key, "name": key, "unit": "", "kind": "gauge", **plain, **more})  # type: ignore[arg-type]


def device(key: str, *sensors: SensorEntry) -> DeviceEntry:
    return DeviceEntry(1, key, key, "", "", False, "blank", "active", 0, {one.key: one for one in sensors})


KEYS = ["press-1", "it's \"odd\" $HOME `x` \\", "presse ü?#&", "line\u2028"]


@pytest.mark.parametrize("key", KEYS)
def test_a_shell_reads_the_command_as_one_post_of_the_payload(key: str) -> None:
    payload = connecting.first_message(device(key, sensor("t", unit="°C", normal_low=10.0, normal_high=30.0)))
    words = shlex.split(connecting.curl_command(BASE, payload, SECRET).replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "POST", f"{BASE}/api/v1/readings"]
    assert words[5] == f"X-API-Key: {SECRET}"
    assert json.loads(words[-1]) == {"device_id": key, "sensor_type": "t", "value": 20.0, "unit": "°C"}
    assert json.loads(shlex.split(connecting.mqtt_command(payload))[-1]) == payload


@pytest.mark.parametrize("key", KEYS)
def test_python_reads_the_script_as_it_is_meant(key: str) -> None:
    payload = connecting.first_message(device(key))
    tree = ast.parse(connecting.python_script(BASE, payload, SECRET))
    assert {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names} == {"json", "urllib.request"}
    message = next(node for node in tree.body if isinstance(node, ast.Assign))
    assert ast.literal_eval(message.value) == payload


def test_a_plant_that_asks_for_no_key_is_sent_none() -> None:
    payload = connecting.first_message(device("a"))
    assert "X-API-Key" not in connecting.curl_command(BASE, payload, None) + connecting.python_script(BASE, payload, None)


def test_one_message_brings_all_sensors_to_life_unless_a_field_means_something_else() -> None:
    sensors = (sensor("speed", normal_high=900.0), sensor("piece_count", kind="increment"), sensor("fault", kind="flag"))
    assert connecting.first_message(device("a", *sensors)) == {"device_id": "a", "speed": 900.0, "piece_count": 1, "fault": 0}
    assert connecting.first_message(device("a", *sensors, sensor("status")))["sensor_type"] == "speed"


@pytest.mark.parametrize(
    ("headers", "address"),
    [({"Origin": "https://andon.example"}, "https://andon.example"), ({"Referer": "https://andon.example/devices"}, "https://andon.example"),
     ({"Origin": "https://evil.example"}, "http://andon.example"), ({}, "http://andon.example"), ({"Origin": "null"}, "http://andon.example")],
)  # fmt: skip
def test_the_address_is_the_one_that_the_browser_used(headers: dict[str, str], address: str) -> None:
    with flask.Flask("t").test_request_context("/", base_url="http://andon.example", headers=headers):
        assert connecting.address() == address


def test_what_arrived_is_shown_with_unit_and_age() -> None:
    now = SensorNow(1_000_000, 71.25, 192, 0.0, 1, 1_000_000, 1)
    made = device("a", sensor("t", name="Oil", unit="°C", limit_high=90.0))
    assert connecting.arrival(made, {}, 0) is None
    shown = str(connecting.arrival(made, {1: now}, 4_500_000))
    assert all(part in shown for part in ("Oil", "71.", "°C", "3 s ago"))
    ages = [connecting.age_text(seconds * 1_000_000) for seconds in (0, 59, 60, 3600, 172_800)]
    assert ages == ["1 s ago", "59 s ago", "1 min ago", "1 h ago", "2 d ago"]
