"""The API as a program meets it: the whole application, in process, on a real database."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from dashapp.actions.access import create_user
from dashapp.actions.actor import Actor
from dashapp.actions.devices import create_device
from dashapp.actions.keys import create_key
from dashapp.domain.fleet import SEEDED_FLEET, Role
from dashapp.ingest.services import make_services
from dashapp.server import create_app
from dashapp.settings import Settings
from db.commands.partitions import PartitionKeeper

PASSWORD = "a quiet plant at night"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def services(database, tmp_path):
    made = make_services(Settings(data_dir=tmp_path), database, PartitionKeeper(database))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def admin(tenant) -> Actor:
    return Actor(kind="command", id=0, tenant_id=tenant, role=Role.ADMIN, name="test")


@pytest.fixture
def key(database, admin) -> str:
    for device in SEEDED_FLEET[:2]:
        create_device(database, admin, device)
    return create_key(database, admin, "gateway", ["ingest"], None)[1]


@pytest.fixture
def call(services) -> Callable[..., httpx.Response]:
    app = create_app(services)

    def one(method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://andon.test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    return one


@pytest.fixture
def bearer(database, tenant, admin, call) -> Callable[[Role], dict[str, str]]:
    def sign_in(role: Role, lines: list[str] | None = None) -> dict[str, str]:
        email = f"{role}-{tenant}-{len(lines or [])}@example.com"
        create_user(database, admin, email=email, name=str(role), password=PASSWORD, role=role, lines=lines)
        answer = call("POST", "/api/v1/auth/login", data={"username": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    return sign_in


def post(call: Callable[..., httpx.Response], key: str, content: object) -> httpx.Response:
    return call("POST", "/api/v1/machines/data", json=content, headers={"X-API-Key": key})


def wide(seconds: int, **more: object) -> dict[str, object]:
    return {"machine_id": "MX-01", "temperature": 72.5, "vibration": 25, "production_count": 5, "fault": False,
            "timestamp": (NOW - timedelta(seconds=seconds)).isoformat(), **more}  # fmt: skip


@pytest.mark.requirement("AP-1", "IN-1")
def test_a_machine_posts_and_a_program_reads_its_status_and_measurements(call, key, bearer):
    assert post(call, key, wide(4)).status_code == 201
    assert post(call, key, [wide(2, production_count=3, fault=True, temperature=91.0)]).json()["stored"] == 4
    headers = bearer(Role.VIEWER)
    machines = call("GET", "/api/v1/machines", headers=headers).json()
    assert [machine["machine_id"] for machine in machines] == ["MX-01", "MX-02"]
    assert machines[0]["location"] == "Building A - Floor 1"
    status = {row["machine_id"]: row for row in call("GET", "/api/v1/machines/status", headers=headers).json()}
    assert status["MX-01"]["production_count"] == 8  # the running total of what was really inserted
    assert status["MX-01"]["fault"] is True
    assert status["MX-01"]["temperature"] == 91.0
    assert status["MX-02"]["temperature"] is None
    rows = call("GET", "/api/v1/machines/MX-01/measurements?limit=1", headers=headers).json()
    assert [(row["temperature"], row["production_count"], row["fault"]) for row in rows] == [(91.0, 3, True)]
    assert len(call("GET", "/api/v1/machines/MX-01/measurements", headers=headers).json()) == 2


@pytest.mark.requirement("IN-8")
def test_posting_again_adds_nothing_to_the_running_total(call, key, bearer):
    for _ in range(3):
        answer = post(call, key, wide(4))
    assert (answer.status_code, answer.json()["stored"], answer.json()["duplicates"]) == (201, 0, 4)
    status = call("GET", "/api/v1/machines/status", headers=bearer(Role.VIEWER)).json()
    assert status[0]["production_count"] == 5


@pytest.mark.requirement("AP-4")
@pytest.mark.parametrize("path", ["/api/v1/machines", "/api/v1/machines/status", "/api/v1/machines/MX-01/measurements", "/api/v1/auth/me"])
def test_reads_need_a_token(call, path):
    answer = call("GET", path)
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.requirement("AP-4", "FL-3")
def test_a_person_narrowed_to_a_line_sees_no_other(call, key, bearer):
    headers = bearer(Role.VIEWER, ["assembly-line-1"])
    assert call("GET", "/api/v1/machines", headers=headers).json() == []
    assert call("GET", "/api/v1/machines/MX-01/measurements", headers=headers).status_code == 404


@pytest.mark.requirement("AP-5")
def test_an_unknown_machine_an_unknown_route_and_a_wrong_number_are_problems_with_a_reason(call, key, bearer):
    headers = bearer(Role.VIEWER)
    unknown = call("GET", "/api/v1/machines/nope/measurements", headers=headers)
    assert (unknown.status_code, unknown.json()["field"]) == (404, "machine_id")
    assert call("GET", "/api/v1/nothing-here").status_code == 404
    wrong = call("GET", "/api/v1/machines/MX-01/measurements?limit=many", headers=headers)
    assert wrong.status_code == 422
    assert "limit" in wrong.text


@pytest.mark.requirement("FL-1")
def test_a_manager_makes_a_device_that_can_report_at_once_and_a_viewer_cannot(call, key, bearer):
    wish = {"key": "press-1", "name": "Press", "sensors": [{"key": "temperature", "unit": "°C", "limit_high": 90}]}
    assert call("POST", "/api/v1/devices", json=wish, headers=bearer(Role.VIEWER)).status_code == 403
    headers = bearer(Role.MANAGER)
    assert call("POST", "/api/v1/devices", json=wish, headers=headers).status_code == 201
    assert call("POST", "/api/v1/devices", json=wish, headers=headers).status_code == 409
    reading = {"device_id": "press-1", "sensor_type": "temperature", "value": 200, "unit": "°F", "timestamp": NOW.isoformat()}
    assert post(call, key, reading).status_code == 201
    rows = call("GET", "/api/v1/machines/press-1/measurements", headers=headers).json()
    assert rows[0]["temperature"] == pytest.approx(93.333, abs=0.001)


@pytest.mark.requirement("AP-1")
def test_health_is_public_and_names_what_it_depends_on(call):
    answer = call("GET", "/api/v1/health")
    content = answer.json()
    assert (answer.status_code, content["status"], content["database"]) == (200, "healthy", "connected")
    assert content["dependencies"]["ingest"] == {"status": "ok", "waiting_rows": 0}


@pytest.mark.requirement("UI-15")
def test_every_answer_carries_the_security_headers(call):
    for path in ("/api/v1/health", "/sign-in", "/assets/tokens.css"):
        headers = call("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "referrer-policy" in headers, path
