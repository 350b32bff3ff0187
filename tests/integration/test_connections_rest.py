"""Connections and dead letters by REST: the same actions as the pages', and no secret in an answer."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from db.engine import Database
from tests.integration.site import Site, open_site

pytestmark = pytest.mark.requirement("UI-6", "AP-1")
API = "/api/v1"
WISH = {"name": "Gateway", "kind": "mqtt", "host": "127.0.0.1", "port": 1, "topics": ["iot/data"], "user": "u", "password": "T0p5ecret"}


@pytest.fixture
def site(database: Database, tenant: int, tmp_path: Any) -> Iterator[Site]:
    with open_site(database, tenant, tmp_path) as opened:
        yield opened


def done(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    assert "T0p5ecret" not in answer.text
    return answer.json() if answer.content else None


def test_a_connection_lives_its_life_by_rest(site: Site) -> None:
    made = done(site.ask("POST", f"{API}/connections", json=WISH), 201)
    assert (made["enabled"], made["secrets"], made["settings"]["topics"]) == (False, ["password"], ["iot/data"])
    assert done(site.ask("POST", f"{API}/connections", json=WISH), 409)["field"] == "name"
    path = f"{API}/connections/{made['id']}"
    assert done(site.ask("POST", f"{path}/test")) == {"problem": "nobody answers at this address and port"}
    changed = {**{name: value for name, value in WISH.items() if name != "password"}, "topics": ["a/+"]}
    assert done(site.ask("PUT", path, json=changed))["settings"]["topics"] == ["a/+"]
    assert done(site.ask("POST", f"{path}/enable"))["enabled"] is True
    assert done(site.ask("POST", f"{path}/disable"))["enabled"] is False
    assert [one["name"] for one in done(site.ask("GET", f"{API}/connections"))] == ["Gateway"]
    done(site.ask("DELETE", path), 204)
    done(site.ask("GET", path), 404)


@pytest.mark.parametrize(
    ("more", "field"),
    [({"host": "a b"}, "host"), ({"user": "a\x00"}, "user"), ({"password": "\x00"}, "password"), ({"topics": []}, "topics"),
     ({"tls": True, "ca": "\x00"}, "ca"), ({"name": "\x00"}, "name")],
)  # fmt: skip
def test_what_is_wrong_is_named(site: Site, more: dict[str, Any], field: str) -> None:
    assert done(site.ask("POST", f"{API}/connections", json={**WISH, **more}), 422)["field"] == field


@pytest.mark.requirement("IN-7")
def test_dead_letters_are_listed_in_pages_replayed_and_dropped(site: Site) -> None:
    reading = {"device_id": "MX-01", "sensor_type": "temperature", "value": "wet", "timestamp": "2026-01-01T00:00:01Z"}
    site.post([{**reading, "timestamp": f"2026-01-01T00:00:0{second}Z"} for second in range(3)])
    first = done(site.ask("GET", f"{API}/dead-letters?limit=2"))
    rest = done(site.ask("GET", f"{API}/dead-letters?limit=2&cursor={first['next_cursor']}"))
    letters = first["dead_letters"] + rest["dead_letters"]
    assert len(letters) == 3
    assert rest["next_cursor"] is None
    assert json.loads(base64.b64decode(letters[0]["raw"]))["value"] == "wet"
    ids = [letter["id"] for letter in letters]
    said = done(site.ask("POST", f"{API}/dead-letters/replay", json={"ids": ids}))
    assert said == {"stored": 0, "refused": 3, "reason": "a number is expected, not “wet”"}
    assert done(site.ask("POST", f"{API}/dead-letters/drop", json={"ids": ids})) == {"dropped": 3}
    assert done(site.ask("GET", f"{API}/dead-letters"))["dead_letters"] == []
    assert len(done(site.ask("GET", f"{API}/dead-letters?state=dropped&search=wet"))["dead_letters"]) == 3
    done(site.ask("POST", f"{API}/dead-letters/replay", json={"ids": ids}), 404)
    done(site.ask("GET", f"{API}/dead-letters?cursor=x"), 422)
