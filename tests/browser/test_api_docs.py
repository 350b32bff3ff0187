"""The API's documentation draws itself under our policy, and asks this server for what is tried out."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.requirement("AP-1", "UI-15"), pytest.mark.browser]


def test_swagger_shows_the_routes_and_a_signed_in_person_tries_one(page: Page) -> None:
    page.goto("/docs")
    page.locator("#operations-tag-health").click()
    operation = page.locator("#operations-health-status_api_v1_status_get")
    operation.click()
    expect(operation).to_contain_text("The system at a glance")
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")


def test_redoc_reads_the_same_document(page: Page) -> None:
    page.goto("/redoc")
    expect(page.locator("h1").first).to_contain_text("Andon (", timeout=180_000)  # it draws every route at once
    expect(page.locator("[data-section-id='tag/alerts']")).to_be_attached()
