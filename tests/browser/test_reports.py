"""Reports in a real browser: set up, made, read, saved, removed."""

import io
import re

import pypdf
import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.requirement("EX-2")]


def test_a_report_is_set_up_tried_read_and_removed(page: Page):
    page.goto("/reports?report=new")
    page.get_by_label("Name").fill("Morning of the test")
    page.get_by_label("To (optional)").fill("lead@plant.example")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Choose the e-mail channel that sends it")).to_be_visible()
    page.get_by_label("To (optional)").fill("")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Make a test of Morning of the test").click()
    page.wait_for_url(re.compile(r"/reports/\d+$"))
    paper = page.get_by_role("img", name="Page 1 of the report")
    expect(paper).to_be_visible()
    page.wait_for_function("() => [...document.querySelectorAll('.report-page')].every((one) => one.complete && one.naturalWidth > 1000)")
    with page.expect_download() as begun:
        page.get_by_role("link", name="PDF").click()
    pdf = pypdf.PdfReader(io.BytesIO(begun.value.path().read_bytes()))
    assert "Daily report" in pdf.pages[0].extract_text()
    page.get_by_text("The report as text").click()
    expect(page.locator(".report-text")).to_contain_text("OEE")
    page.goto("/reports")
    expect(page.get_by_role("table", name="Reports that were made")).to_contain_text("Test: Daily report")
    page.get_by_role("button", name="Remove Morning of the test").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No report is set up")).to_be_visible()
