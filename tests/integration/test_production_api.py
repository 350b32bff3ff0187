"""Production by REST: figures, what is behind them, stops, and reasons that arrive once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dashapp.api import problems, security
from dashapp.api.rest import planning, production
from dashapp.api.tokens import issue_token
from dashapp.domain.fleet import Role
from dashapp.ingest.services import make_services
from dashapp.settings import Settings
from db.commands.partitions import PartitionKeeper
from db.engine import Database
from tests import oee_by_hand
from tests.integration.access import new_user
from tests.integration.works import Works, pair_at_work

pytestmark = pytest.mark.requirement("PR-5", "PR-4", "UI-11")
DAY = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}
Call = Callable[..., httpx.Response]


@pytest.fixture
def works(database: Database) -> Works:
    return pair_at_work(database)


@pytest.fixture
def call(database: Database, works: Works, tmp_path: Path) -> Call:
    """Asks as somebody of a role (none: nobody)."""
    api = FastAPI()
    settings = Settings(data_dir=tmp_path, rate_strangers=0)
    security.register(api, make_services(settings, database, PartitionKeeper(database, settings.partition_by)))
    problems.register(api)
    for module in (planning, production):
        api.include_router(module.router)
    people: dict[Any, str] = {}

    def one(
        role: Role | None, method: str, path: str, *, lines: tuple[str, ...] = (), headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        if role is not None and (role, lines) not in people:
            person = new_user(database, works.tenant_id, role, lines=list(lines) or None)
            people[role, lines] = issue_token(database, person)

        async def send() -> httpx.Response:
            given = {"Authorization": f"Bearer {people[role, lines]}"} if role is not None else {}
            transport = httpx.ASGITransport(app=api, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://andon.test") as client:
                return await client.request(method, f"/api/v1{path}", headers=given | (headers or {}), **more)

        return asyncio.run(send())

    return one


def test_figures_of_the_plant_of_each_machine_and_by_hour(call: Call) -> None:
    answer = call(Role.VIEWER, "GET", "/production/oee", params={**DAY, "by": "hour"}).json()
    assert [machine["machine_id"] for machine in answer["machines"]] == ["=M1", "M2"]
    assert answer["figures"]["availability"] == pytest.approx((945 - 20) / 945)
    assert answer["figures"]["oee"] == pytest.approx(2 * 23 * (940 - 15) / (945 * 60))
    assert (answer["flagged"], answer["known_to"]) == (False, "2026-03-03T00:00:00.000Z")
    assert len(answer["points"]) == 24
    assert sum(point["sums"]["produced"] for point in answer["points"]) == answer["sums"]["produced"]
    assert answer["points"][0]["why"]["oee"] == "no planned time"
    assert [step["key"] for step in answer["losses"]][:2] == ["planned", "failure"]
    one = call(Role.VIEWER, "GET", "/production/oee", params={**DAY, "machine_id": "M2"}).json()
    assert one["sums"]["produced"] * 2 == answer["sums"]["produced"]
    assert call(Role.VIEWER, "GET", "/production/oee", params={**DAY, "machine_id": "M9"}).status_code == 404
    assert call(Role.VIEWER, "GET", "/production/oee", params={"from": DAY["to"], "to": DAY["from"]}).status_code == 422
    assert call(None, "GET", "/production/oee").status_code == 401
    assert call(Role.VIEWER, "GET", "/production/oee", lines=("Elsewhere",), params=DAY).json()["machines"] == []


def test_the_export_of_what_is_behind_figures_is_enough_and_runs_no_formula(call: Call) -> None:
    asked = {**DAY, "machine": "=M1"}
    found = call(Role.VIEWER, "GET", "/production/explain", params=asked).json()
    text = call(Role.VIEWER, "GET", "/production/explain", params={**asked, "format": "csv"})
    assert text.headers["content-type"].startswith("text/csv")
    assert 'filename="oee-=M1-20260302T0000-20260303T0000.csv"' in text.headers["content-disposition"]
    rows = oee_by_hand.rows_of(text.text)
    assert {row["machine"] for row in rows} == {"'=M1"}
    by_hand = oee_by_hand.figures_of(rows)
    for name, value in found["figures"].items():
        assert by_hand[name] == (None if value is None else pytest.approx(value, rel=1e-9))
    assert [shift["name"] for shift in found["shifts"]] == ["Early", "Late"]
    assert found["shifts"][0]["breaks"] == [{"start": "2026-03-02T09:00:00.000Z", "end": "2026-03-02T09:15:00.000Z"}]
    assert len(found["stops"]) == 1
    assert sum(int(row["seconds"]) for row in found["intervals"]) == 86_400 - 6 * 3_600  # since its first reading
    assert call(Role.VIEWER, "GET", "/production/explain", params={**asked, "machine": "M9"}).status_code == 404


def test_a_reason_by_code_arrives_once_and_the_stop_says_who_and_when(call: Call, works: Works) -> None:
    stop = next(one for one in call(Role.OPERATOR, "GET", "/downtimes", params=DAY).json() if one["machine_id"] == "M2")
    assert (stop["start"], stop["planned_s"], stop["reason"]) == ("2026-03-02T07:30:00.000Z", 1200, None)
    codes = {one["code"]: one["loss"] for one in call(Role.OPERATOR, "GET", "/downtimes/reasons").json()}
    assert 6 <= len(codes) <= 9
    assert codes["changeover"] == "setup"
    said = {"reason": "changeover", "comment": "new coil", "at": "2026-03-02T07:45:00Z"}
    for _ in range(2):
        answer = call(Role.OPERATOR, "POST", f"/downtimes/{stop['id']}/reason", json=said, headers={"Idempotency-Key": "k-1"})
        assert answer.status_code == 200
        assert [(edit["reason"], edit["at"]) for edit in answer.json()["edits"]] == [("Changeover", "2026-03-02T07:45:00.000Z")]
    assert answer.json()["loss"] == "setup"
    again = call(Role.OPERATOR, "POST", f"/downtimes/{stop['id']}/reason", json={"reason": "tool"}, headers={"Idempotency-Key": "k-1"})
    assert (again.status_code, again.json()["field"]) == (422, "Idempotency-Key")
    assert call(Role.OPERATOR, "POST", f"/downtimes/{stop['id']}/reason", json={"reason": "none such"}).json()["field"] == "reason"
    assert call(Role.VIEWER, "POST", f"/downtimes/{stop['id']}/reason", json=said).status_code == 403
    assert call(Role.OPERATOR, "POST", "/downtimes/999999999/reason", json=said).status_code == 404
    assert call(Role.OPERATOR, "POST", f"/downtimes/{stop['id']}/reason", lines=("Elsewhere",), json=said).status_code == 404


def test_stops_are_remarked_split_and_entered(call: Call, works: Works) -> None:
    stop = next(one for one in call(Role.OPERATOR, "GET", "/downtimes", params=DAY).json() if one["machine_id"] == "=M1")
    remarked = call(Role.OPERATOR, "POST", f"/downtimes/{stop['id']}/comment", json={"comment": "twice this week"})
    assert remarked.json()["comment"] == "twice this week"
    assert call(Role.OPERATOR, "POST", f"/downtimes/{stop['id']}/split", json={"at": "2026-03-02T07:40:00Z"}).status_code == 200
    parts = call(Role.OPERATOR, "GET", "/downtimes", params={**DAY, "machine_id": "=M1"}).json()
    assert [(one["start"][11:16], one["end"][11:16]) for one in parts] == [("07:40", "07:50"), ("07:30", "07:40")]
    entered = {"machine_id": "=M1", "start": "2026-03-02T18:00:00Z", "end": "2026-03-02T18:10:00Z", "reason": "staff"}
    for repeated in (False, True):
        answer = call(Role.OPERATOR, "POST", "/downtimes", json=entered, headers={"Idempotency-Key": "k-2"})
        assert (answer.status_code, answer.json()["repeated"]) == (201, repeated)
    newest = call(Role.OPERATOR, "GET", "/downtimes", params={**DAY, "machine_id": "=M1"}).json()[0]
    assert (newest["source"], newest["reason"], newest["planned_s"]) == ("entered", "Nobody at the machine", 600)


def test_a_stop_is_joined_moved_and_withdrawn(call: Call) -> None:
    (whole,) = call(Role.OPERATOR, "GET", "/downtimes", params={**DAY, "machine_id": "=M1"}).json()
    assert call(Role.OPERATOR, "POST", f"/downtimes/{whole['id']}/split", json={"at": "2026-03-02T07:40:00Z"}).status_code == 200
    stop = call(Role.OPERATOR, "GET", "/downtimes", params={**DAY, "machine_id": "=M1"}).json()[-1]
    joined = call(Role.OPERATOR, "POST", f"/downtimes/{stop['id']}/join").json()
    assert joined["planned_s"] == 1200
    moved = {"start": "2026-03-02T07:25:00Z", "end": "2026-03-02T07:45:00Z", "comment": "the counter lagged"}
    answer = call(Role.OPERATOR, "PUT", f"/downtimes/{joined['id']}", json=moved).json()
    assert (answer["start"][11:16], answer["end"][11:16]) == ("07:25", "07:45")
    assert call(Role.OPERATOR, "DELETE", f"/downtimes/{joined['id']}").status_code == 403
    assert call(Role.MANAGER, "DELETE", f"/downtimes/{joined['id']}").status_code == 204
    assert call(Role.VIEWER, "GET", f"/downtimes/{joined['id']}").json()["gone"]


@pytest.mark.requirement("PR-3")
def test_products_runs_calendars_and_reasons_are_planned_by_rest(call: Call, works: Works) -> None:
    wish = {"key": "lid", "name": "Lid", "pri_s": {"M2": 3.0}}
    made = call(Role.MANAGER, "POST", "/products", json=wish).json()["id"]
    assert call(Role.MANAGER, "POST", "/products", json=wish).status_code == 409
    assert call(Role.OPERATOR, "POST", "/products", json=wish).status_code == 403
    assert call(Role.MANAGER, "PUT", f"/products/{made}", json={**wish, "pri_s": {"M2": 2.5}}).status_code == 204
    run = {"machine_id": "M2", "product_id": made, "since": "2026-03-02T14:00:00Z"}
    assert call(Role.OPERATOR, "POST", "/product-runs", json=run).status_code == 204
    lid = next(one for one in call(Role.VIEWER, "GET", "/products").json() if one["key"] == "lid")
    assert (lid["pri_s"], lid["on"]) == ({"M2": 2.5}, ["M2"])
    assert [one["product"] for one in call(Role.VIEWER, "GET", "/product-runs").json() if one["machine_id"] == "M2"] == ["Cap", "Lid"]
    assert call(Role.MANAGER, "DELETE", f"/products/{made}").status_code == 409
    assert call(Role.OPERATOR, "POST", "/product-runs", json={**run, "product_id": None}).status_code == 204
    assert call(Role.MANAGER, "DELETE", f"/products/{made}").status_code == 204

    (calendar,) = call(Role.VIEWER, "GET", "/calendars").json()
    wish = {name: value for name, value in calendar.items() if name != "id"}
    assert call(Role.MANAGER, "PUT", f"/calendars/{calendar['id']}", json={**wish, "zone": "Mars/Olympus"}).json()["field"] == "zone"
    other = call(Role.MANAGER, "POST", "/calendars", json={**wish, "line": "Other", "name": "Other"})
    assert other.status_code == 201
    assert call(Role.OPERATOR, "DELETE", f"/calendars/{other.json()['id']}").status_code == 403
    assert call(Role.MANAGER, "DELETE", f"/calendars/{other.json()['id']}").status_code == 204

    reason = call(Role.MANAGER, "POST", "/downtimes/reasons", json={"code": "power", "name": "Power cut", "loss": "failure"}).json()["id"]
    full = call(Role.MANAGER, "POST", "/downtimes/reasons", json={"code": "x", "name": "X", "loss": "failure"})
    assert (full.status_code, full.json()["field"]) == (409, "code")
    assert call(Role.MANAGER, "PUT", f"/downtimes/reasons/{reason}", json={"name": "Power", "loss": "waiting"}).status_code == 204
    assert call(Role.MANAGER, "PUT", f"/downtimes/reasons/{reason}", json={"name": "Power", "loss": "speed"}).json()["field"] == "loss"
    found = {one["code"]: (one["name"], one["loss"]) for one in call(Role.VIEWER, "GET", "/downtimes/reasons").json()}
    assert found["power"] == ("Power", "waiting")
    assert call(Role.MANAGER, "DELETE", f"/downtimes/reasons/{reason}").status_code == 204
