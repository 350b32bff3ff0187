"""The playground of GraphQL, as somebody uses it who writes a client."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.requirement("AP-2")]


def answer(page: Page) -> dict:
    return json.loads(page.get_by_label("Answer as JSON").inner_text())


def test_a_question_is_asked_and_the_schema_is_read(page: Page) -> None:
    page.goto("/graphql")
    expect(page.get_by_text("machinesStatus", exact=True)).to_be_visible()  # of the schema
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_contain_text("Answered in")
    assert "MX-01" in {each["machineId"] for each in answer(page)["data"]["machines"]}
    page.get_by_label("Example").select_option("Latest measurements")
    page.get_by_label("Variables").fill('{"machine": "MX-02", "limit": 2}')
    page.get_by_label("Query, mutation or subscription").press("Control+Enter")
    expect(page.get_by_label("Answer as JSON")).to_contain_text("measurements")
    assert [each["machineId"] for each in answer(page)["data"]["measurements"]] == ["MX-02", "MX-02"]


def test_a_subscription_runs_until_it_is_stopped_and_what_is_wrong_is_said(page: Page) -> None:
    page.goto("/graphql")
    page.get_by_label("Example").select_option("What happens, live")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"Event ([3-9]|\d\d+),"))
    assert answer(page)["data"]["liveMachineData"]
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("status")).to_have_text("Stopped.")
    page.get_by_label("Query, mutation or subscription").fill("{ nonsense }")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_contain_text("nonsense")
    page.get_by_label("Variables").fill("{")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_have_text("The variables are not JSON.")
