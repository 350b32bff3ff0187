"""Why was yesterday so bad? From the figure to the loss, its stops, the readings of one, and back with another reason; stops on a phone."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from dashapp.domain.fleet import Role
from tests.browser.conftest import Watch, leave, new_colleague
from tests.browser.test_pages import serious, settle, sideways
from tests.integration.access import PASSWORD
from tests.serving import Server, wait_until

pytestmark = pytest.mark.requirement("UI-5", "PR-4")
PNG = b"\x89PNG\r\n\x1a\n"
PHONE = {"width": 390, "height": 844}
AWAY = re.compile(r"ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to fetch|net::")


@pytest.fixture(scope="module")
def program(server: Server) -> Iterator[httpx.Client]:
    """Somebody of the demo plant, who asks by the API."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        person = new_colleague(server, Role.MANAGER)
        answer = client.post("/api/v1/auth/login", data={"username": person.email, "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def stops(program: httpx.Client, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The stops of a range, the newest first."""
    answer = program.get("/api/v1/downtimes", params={"from": start.isoformat(), "to": end.isoformat()})
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def free(program: httpx.Client, machine: str, latest: datetime, minutes: int) -> datetime:
    """The latest hour, not after `latest`, from which a machine ran for so long: of the plant's own stops others have said why."""
    aside = timedelta(minutes=5)
    for start in (latest - timedelta(hours=back) for back in range(12)):
        near = stops(program, start - aside, start + timedelta(minutes=minutes) + aside)
        if machine not in {stop["machine_id"] for stop in near}:
            return start
    raise AssertionError(f"{machine} stopped in each of the twelve hours before {latest}")


def enter(program: httpx.Client, machine: str, latest: datetime, minutes: int) -> tuple[int, datetime]:
    """A stop of the test's own, without a reason, within planned time: its id and start."""
    start = free(program, machine, latest, minutes)
    ends = {"start": start.isoformat(), "end": (start + timedelta(minutes=minutes)).isoformat()}
    answer = program.post("/api/v1/downtimes", json={"machine_id": machine, **ends})
    assert answer.status_code == 201, answer.text

    def found() -> int | None:  # the job may have the machine in hand just then, and comes to it within seconds
        near = stops(program, start, start + timedelta(minutes=minutes))
        return next((int(stop["id"]) for stop in near if stop["machine_id"] == machine and stop["reason_id"] is None), None)

    return wait_until(found, message="the stop that was entered is not there"), start


def percent(place: Locator) -> float:
    """The number on a tile."""
    found = re.search(r"([\d.]+)\s*%", place.inner_text())
    assert found is not None, place.inner_text()
    return float(found[1])


def saved(page: Page, name: str) -> pd.DataFrame:
    """A table or the data of a chart, as pandas reads the file."""
    with page.expect_download() as download:
        page.locator(f'a[title="Save “{name}” as CSV"]').click()
    return pd.read_csv(io.BytesIO(download.value.path().read_bytes()))


@pytest.mark.requirement("PR-5", "EX-1")
def test_the_manager_asks_why_yesterday_was_not_better(page: Page, program: httpx.Client) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    enter(program, "MX-02", midnight - timedelta(hours=9), 60)  # at least this is there to be found: Building A works around the clock

    page.goto("/oee?range=yesterday")
    settle(page)
    page.get_by_role("table", name="Machines, the worst first").get_by_role("link", name=re.compile("^MX-02")).click()
    expect(page.locator("#oee-name")).to_have_text(re.compile("^MX-02"))
    before = percent(page.locator('[data-figure="availability"]'))
    planned = percent(page.locator('[data-figure="oee"]'))
    with page.expect_download() as picture:
        page.get_by_role("button", name="Save “Where the time went” as PNG").click()
    assert picture.value.path().read_bytes().startswith(PNG)
    losses = saved(page, "Where the time went").set_index("step")
    level = losses.loc["Planned busy time", "seconds"]
    assert round(100 * losses.loc["Production time", "seconds"] / level, 1) == before
    assert round(100 * losses.loc["Good production time", "seconds"] / level, 1) == planned

    page.locator("#oee-losses").get_by_role("link", name="No reason given yet").click()  # the loss that somebody can do something about
    page.wait_for_url("**/production?**loss=unexplained**")
    listed = page.get_by_role("table", name="Stops, the newest first")
    expect(listed).to_contain_text("No reason given yet")
    table = saved(page, "Stops")
    assert len(table) == listed.locator("tbody tr").count()
    assert set(table["loss"]) == {"No reason given yet"}
    stop = int(table.sort_values("planned_s").iloc[-1]["id"])
    listed.get_by_role("link").nth(int(table.index[table["id"] == stop][0])).click()
    page.wait_for_url(f"**stop={stop}**")
    page.get_by_role("link", name="Its readings").click()
    page.wait_for_url("**/devices/MX-02?**")
    expect(page.locator("#device-history")).to_be_visible()
    page.go_back()

    page.locator("#stop-card").get_by_role("button", name="Planned maintenance").click()
    expect(page.locator("#stop-facts")).to_contain_text("Planned stop")
    expect(page.locator("#stop-history")).to_contain_text("gave the reason Planned maintenance")
    page.get_by_role("link", name="Explain", exact=True).click()
    expect(page.locator("#explain-edits")).to_contain_text("gave the reason Planned maintenance")
    page.goto("/oee?range=yesterday&machine=MX-02")
    settle(page)
    after = percent(page.locator('[data-figure="availability"]'))
    assert after > before
    page.locator('[data-figure="availability"]').click()
    chosen = page.locator('.explain-figure[data-figure="availability"]')
    expect(chosen).to_have_class(re.compile("chosen"))
    assert percent(chosen.locator(".explain-value")) == after
    rows = saved(page, "Intervals")
    busy = rows[rows["state"].isin(["run", "minor", "stop"])]
    assert round(100 * busy[busy["state"] != "stop"]["seconds"].sum() / busy["seconds"].sum(), 1) == after


@pytest.fixture
def phone(browser: Browser, server: Server, signed_in_state: dict) -> Iterator[tuple[Page, BrowserContext]]:
    """A phone; that it has no network is all that may stand in its console."""
    seen = {"viewport": PHONE, "has_touch": True, "service_workers": "block"}
    context = browser.new_context(base_url=server.url, storage_state=signed_in_state, **seen)
    page = context.new_page()
    watch = Watch(page, urlsplit(server.url).netloc)
    yield page, context
    context.set_offline(False)
    watch.console = [line for line in watch.console if not AWAY.search(line)]
    watch.check()
    leave(context)


def said_of(program: httpx.Client, stop: int) -> list[dict[str, Any]]:
    answer = program.get(f"/api/v1/downtimes/{stop}")
    assert answer.status_code == 200, answer.text
    return [edit for edit in answer.json()["edits"] if edit["what"] == "reason" and edit["reason_id"] is not None]


@pytest.mark.parametrize("path", ["/production", "/oee"])
def test_a_page_that_looks_once_a_minute_stays_live_between_and_tells_of_alerts(page: Page, path: str) -> None:
    page.goto(path)
    settle(page)
    with page.expect_response(lambda answer: "shell-alerts-pulse.data" in (answer.request.post_data or "")):
        pass
    page.wait_for_timeout(11_000)  # longer than an answer may be away
    expect(page.locator("#shell-live")).to_contain_text("Live")
    expect(page.locator("#shell-live")).not_to_contain_text("lost")


def test_a_stop_is_explained_with_one_thumb(phone: tuple[Page, BrowserContext], program: httpx.Client) -> None:
    page, _ = phone
    noon = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)
    stop, noon = enter(program, "MX-01", noon, 25)
    page.goto(f"/production?from={noon:%Y-%m-%dT%H:%M}Z&to={noon + timedelta(minutes=30):%Y-%m-%dT%H:%M}Z&machine=MX-01")
    asked = page.locator(f'.stop-waiting[data-stop="{stop}"]')
    expect(asked).to_contain_text("MX-01 stood from")
    if asked.get_attribute("open") is None:
        asked.locator("summary").tap()
    buttons = asked.get_by_role("button")
    assert 6 <= buttons.count() <= 9
    for box in (buttons.nth(at).bounding_box() for at in range(buttons.count())):
        assert box is not None
        assert box["height"] >= 44
        assert box["width"] >= 44
    assert sideways(page) <= 0
    assert serious(page) == []
    asked.get_by_role("button", name="No material").tap()
    expect(page.locator(f'.stop-waiting[data-stop="{stop}"]')).to_have_count(0)
    expect(page.locator("#production-stops")).to_contain_text("No material")
    assert [edit["reason"] for edit in said_of(program, stop)] == ["No material"]


@pytest.mark.requirement("UI-11")
def test_a_reason_given_without_a_network_goes_out_once_with_its_time(
    phone: tuple[Page, BrowserContext], program: httpx.Client
) -> None:
    page, context = phone
    then = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=33)
    stop, then = enter(program, "MX-01", then, 20)
    page.goto(f"/production?from={then:%Y-%m-%dT%H:%M}Z&to={then + timedelta(minutes=30):%Y-%m-%dT%H:%M}Z&machine=MX-01&stop={stop}")
    card = page.locator("#stop-card")
    expect(card.get_by_role("button", name="Tool or fixture")).to_be_visible()
    context.set_offline(True)
    given = datetime.now(UTC)
    card.get_by_role("button", name="Tool or fixture").tap()
    tapped, second = datetime.now(UTC), timedelta(seconds=1)
    expect(card.locator(".stop-said")).to_contain_text(re.compile(r"Tool or fixture, \d\d:\d\d: not sent yet"))
    expect(page.locator(".later-bar")).to_contain_text("1 answer not sent yet")
    assert serious(page) == []
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/downtimes/" in request.url else None)
    context.set_offline(False)
    expect(page.locator("#stop-facts")).to_contain_text("Tool or fixture")
    expect(page.locator(".later-bar")).not_to_contain_text("not sent yet")
    said = said_of(program, stop)
    assert [edit["reason"] for edit in said] == ["Tool or fixture"]
    assert given - second <= datetime.fromisoformat(said[0]["at"]) <= tapped + second
    assert len(sent) == 1
