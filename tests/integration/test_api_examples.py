"""Every example in the documentation of the API runs."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from dashapp.domain.fleet import Role
from db.engine import Database
from tests import routes
from tests.integration.access import forget_attempts, new_tenant, new_user
from tests.integration.site import Site, open_site

pytestmark = pytest.mark.requirement("AP-1")


@pytest.fixture(scope="module")
def site(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("var")
    with open_site(database, new_tenant(database), folder, notify_allow="198.51.100.7", registration=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def document(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.ask("GET", "/openapi.json", None).json()
    return found


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for _ in range(5):
        if "$ref" not in schema:
            break
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method.upper(), path, one) for path, methods in document["paths"].items() for method, one in methods.items()]


def examples(document: dict[str, Any], operation: dict[str, Any]) -> list[tuple[str, Any]]:
    """(media type, body) of each example; one without a body where none is taken."""
    if "requestBody" not in operation:
        return [("", None)]
    found = []
    for media_type, content in operation["requestBody"]["content"].items():
        schema = content["schema"]
        options = [resolved(document, one) for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
        if "example" in content:
            found.append((media_type, content["example"]))
        found += [(media_type, each["value"]) for each in content.get("examples", {}).values()]
        if not found and media_type == "application/x-www-form-urlencoded":
            found.append((media_type, {name: value["examples"][0] for name, value in options[0]["properties"].items()}))
        found += [(media_type, each) for option in options for each in option.get("examples", [])]
        items = resolved(document, options[0].get("items", {}))
        found += [(media_type, [each]) for each in items.get("examples", [])]
        shown = {name: value["examples"][0] for name, value in options[0].get("properties", {}).items() if "examples" in value}
        if not found and shown and set(options[0].get("required", ())) <= set(shown):
            found.append((media_type, shown))
    return found


class Things:
    """Makes what an operation is about: a fresh one each time, for many can be answered or removed only once."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._number = 0

    def _made(self, path: str, body: Any, role: Role = Role.ADMIN) -> Any:
        answer = self._site.ask("POST", f"/api/v1/{path}", role, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def fill(self, path: str, method: str, found: re.Match[str]) -> str:
        """A value for the variable of a path."""
        name = found[1]
        self._number += 1
        unique = f"{name} {self._number}"
        made: dict[str, Callable[[], Any]] = {
            "alert_id": lambda: self._alert(path), "rule_id": lambda: self._made("rules", rule(unique))["id"],
            "window_id": lambda: self._made("maintenance", window(unique))["id"],
            "channel_id": lambda: self._made("channels", channel(unique))["id"],
            "policy_id": lambda: self._made("policies", policy(unique))["id"],
            "group_id": lambda: self._made("groups", {"name": unique})["id"],
            "view_id": lambda: self._view(unique, path), "screen_id": lambda: self._made("screens", {"name": unique})["id"],
            "key_id": lambda: self._made("keys", {"name": unique})["id"], "import_id": lambda: self._import(path),
            "user_id": lambda: new_user(self._site.database, self._site.tenant, password=None).id,
            "machine_id": lambda: self._machine(path, method), "sensor_key": lambda: "temperature",
        }  # fmt: skip
        return str(made[name]())

    def _machine(self, path: str, method: str) -> str:
        if method == "GET" or ("sensor" not in path and method != "DELETE"):
            return "MX-01"
        key = f"machine-{self._number}"
        self._made("devices", {"key": key, "sensors": [{"key": "temperature", "unit": "°C"}]})
        return key

    def _alert(self, path: str) -> int:
        raised = {"machine_id": "MX-01", "code": f"code-{self._number}", "message": "Something"}
        alert: int = self._made("alerts", raised)["id"]
        before = {"reset": [], "unshelve": [("shelve", {"reason": "x", "minutes": 5})], "in-service": [("out-of-service", {"reason": "x"})]}
        for verb, body in before.get(path.rpartition("/")[2], []):
            assert self._site.ask("POST", f"/api/v1/alerts/{alert}/{verb}", json=body).status_code == 200
        return alert

    def _view(self, name: str, path: str) -> int:
        view: int = self._made("views", {"name": name, "path": "/"})["id"]
        return self._made(f"views/{view}/share", None)["id"] if path.endswith("unshare") else view

    def _import(self, path: str) -> int:
        body = b"time,temperature\n2026-01-05T06:00:00Z,71.5\n"
        made: int = self._site.ask("POST", "/api/v1/imports?file_name=a.csv", content=body).json()["id"]
        if path.endswith(("check", "cancel")):
            self._site.ask("PUT", f"/api/v1/imports/{made}/plan", json={"device": "MX-01"})
        if path.endswith("cancel"):
            assert self._site.ask("POST", f"/api/v1/imports/{made}/check").status_code == 200
        return made


def rule(name: str) -> dict[str, Any]:
    return {"name": name, "target": {"machine_id": "MX-01", "sensor": "temperature"}, "settings": {"high": 95}}


def window(name: str) -> dict[str, Any]:
    return {"starts_at": "2099-05-01T06:00:00Z", "ends_at": "2099-05-01T10:00:00Z", "reason": name}


def channel(name: str) -> dict[str, Any]:
    return {"name": name, "kind": "webhook", "address": "https://198.51.100.7/andon"}


def policy(name: str) -> dict[str, Any]:
    return {"name": name, "steps": [{"after_s": 0, "targets": [{"role": "operator"}]}]}


NEEDS_MORE: dict[str, int | None] = {
    "POST /api/v1/alerts/{alert_id}/reset": 409,  # only a latch that was acknowledged can be reset
    "POST /api/v1/alerts/{alert_id}/in-service": 200,
    "POST /api/v1/imports/{import_id}/start": 409, "POST /api/v1/imports/{import_id}/undo": 409,  # jobs bring an import so far
    "POST /api/v1/channels/{channel_id}/test": 200,
    "POST /api/v1/auth/login": 401, "POST /api/v1/auth/refresh": 401,  # nobody has this password, and no token is the same twice
    "PUT /api/v1/me/password": 422,
    "POST /api/v1/dead-letters/replay": 404, "POST /api/v1/dead-letters/drop": None,  # nothing waits here
    "POST /api/v1/downtimes": None, "GET /api/v1/downtimes/{stop_id}": None, "POST /api/v1/downtimes/{stop_id}/reason": None,
    "POST /api/v1/downtimes/{stop_id}/comment": None, "POST /api/v1/downtimes/{stop_id}/split": None,
    "GET /api/v1/production/explain": None,
    "DELETE /api/v1/sessions/browsers/{session_id}": None, "DELETE /api/v1/sessions/programs/{session_id}": None,  # test_programs_rest.py
}  # fmt: skip
"""Operations whose example is answered otherwise here; None: other tests ask them."""


OTHERS = tuple(
    f"/api/v1/{path}"
    for path in ("products", "product-runs", "calendars", "downtimes", "production", "connections", "dead-letters", "readings/")
)
"""Whose things are made, and asked for, by tests of their own; what is documented of them with an example runs here, too."""


def test_every_documented_example_runs(site: Site, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    forget_attempts(site.database)
    monkeypatch.setattr("dashapp.actions.channels.send", lambda *_arguments: type("Sent", (), {"failure": None, "error": ""})())
    things, wrong, without = Things(site), [], []
    for method, path, operation in operations(document):
        name = f"{method} {path}"
        if NEEDS_MORE.get(name, 0) is None or (path.startswith(OTHERS) and ("{" in path or "requestBody" not in operation)):
            continue
        bodies = examples(document, operation)
        if path.startswith(OTHERS) and not bodies:
            continue
        if not bodies and NEEDS_MORE.get(name, 200) < 400:
            without.append(name)
        for number, (media_type, body) in enumerate(bodies or [("application/json", {})]):
            address = re.sub(r"{(\w+)}", partial(things.fill, path, method), path)
            sent = {} if body is None else {"data": body} if "form" in media_type else {"content": as_bytes(body)}
            headers = {"Content-Type": media_type} if "content" in sent else {}
            query = {one["name"]: one["schema"]["examples"][0] for one in operation.get("parameters", ())
                     if one["in"] == "query" and one.get("required")}  # fmt: skip
            stranger = name in routes.PUBLIC or path in ("/api/v1/readings", "/api/v1/data", "/api/v1/machines/data")
            if stranger:
                headers["X-API-Key"] = site.key
            answer = site.ask(method, address, None if stranger else Role.ADMIN, params=query, headers=headers, **sent)
            expected = NEEDS_MORE.get(name)
            if answer.status_code != expected if expected else not answer.is_success:
                wrong.append(f"{name} [{number}]: {answer.status_code} {answer.text[:200]}")
            if method == "POST" and "location" in answer.headers:  # another operation's example may want the same name
                site.ask("DELETE", answer.headers["location"])
    assert not wrong, "\n".join(wrong)
    assert not without, without


def as_bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
