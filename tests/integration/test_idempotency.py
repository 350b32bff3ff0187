"""Changes by REST that are carried out once: `Idempotency-Key`, what is kept with it and for how long."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from dashapp.domain.fleet import Role
from db.tenancy import tenant_transaction
from jobs import housekeeping
from tests.integration.site import API, Site, done, refused

pytestmark = pytest.mark.requirement("AP-5")


def test_the_same_key_and_request_is_carried_out_once_and_answered_the_same(site: Site) -> None:
    key, wish = {"Idempotency-Key": "one"}, {"name": "Presses", "devices": []}
    first = site.ask("POST", f"{API}/groups", json=wish, headers=key)
    second = site.ask("POST", f"{API}/groups", json=wish, headers=key)
    assert (first.status_code, second.status_code, second.content) == (201, 201, first.content)
    assert (first.headers.get("idempotent-replayed"), second.headers["idempotent-replayed"]) == (None, "true")
    assert len(done(site.ask("GET", f"{API}/groups"))) == 1
    refused(site.ask("POST", f"{API}/groups", json={**wish, "name": "Others"}, headers=key), 422, "Idempotency-Key")
    refused(site.ask("POST", f"{API}/rules", json=wish, headers=key), 422, "Idempotency-Key")
    # Another person's key of the same name is another key.
    refused(site.ask("POST", f"{API}/groups", Role.MANAGER, json=wish, headers=key), 409, "name")
    # A refusal is not remembered: what was in the way may be gone.
    other = {"Idempotency-Key": "two"}
    refused(site.ask("POST", f"{API}/groups", json=wish, headers=other), 409, "name")
    done(site.ask("DELETE", f"{API}/groups/{first.json()['id']}", headers={"Idempotency-Key": "three"}), 204)
    assert site.ask("DELETE", f"{API}/groups/{first.json()['id']}", headers={"Idempotency-Key": "three"}).status_code == 204
    done(site.ask("POST", f"{API}/groups", json=wish, headers=other), 201)
    for wrong in ("", "x" * 201, "a\tb"):
        refused(site.ask("POST", f"{API}/groups", json=wish, headers={"Idempotency-Key": wrong}), 422, "Idempotency-Key")


def test_of_many_at_once_with_one_key_one_is_carried_out(site: Site) -> None:
    site.headers(Role.ADMIN)
    start = threading.Barrier(5)

    def make(_number: int) -> Any:
        start.wait()
        return site.ask("POST", f"{API}/views", json={"name": "Mine", "path": "/"}, headers={"Idempotency-Key": "k"})

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(make, range(5)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 409)
    assert len(done(site.ask("GET", f"{API}/views"))) == 1


def test_a_secret_is_not_kept_with_the_answer(site: Site) -> None:
    key, wish = {"Idempotency-Key": "secret"}, {"name": "Gateway", "scopes": ["ingest"]}
    secret = done(site.ask("POST", f"{API}/keys", json=wish, headers=key), 201)["key"]
    refused(site.ask("POST", f"{API}/keys", json=wish, headers=key), 409, "Idempotency-Key")
    with tenant_transaction(site.database.engine, site.tenant) as connection:
        kept = connection.execute(text("select response from idempotency_keys")).scalars().all()
        count = connection.execute(text("select count(*) from api_keys where name = 'Gateway'")).scalar_one()
    assert count == 1
    assert not any(secret.encode() in bytes(each) for each in kept)


def test_a_claim_whose_owner_went_away_is_taken_over_and_answers_are_forgotten_by_a_job(site: Site) -> None:
    wish, key = {"name": "Presses"}, {"Idempotency-Key": "gone"}
    done(site.ask("POST", f"{API}/groups", json=wish, headers=key), 201)
    with tenant_transaction(site.database.engine, site.tenant) as connection:
        connection.execute(text("delete from device_groups"))
        connection.execute(text("update idempotency_keys set status = 0, response = ''"))
    waiting = site.ask("POST", f"{API}/groups", json=wish, headers=key)
    refused(waiting, 409, "Idempotency-Key")
    with tenant_transaction(site.database.engine, site.tenant) as connection:
        connection.execute(text("update idempotency_keys set at = at - interval '3 minutes'"))
    done(site.ask("POST", f"{API}/groups", json=wish, headers=key), 201)
    housekeeping.run(site.database, datetime.now(UTC) + timedelta(days=3))
    with tenant_transaction(site.database.engine, site.tenant) as connection:
        assert connection.execute(text("select count(*) from idempotency_keys")).scalar_one() == 0
