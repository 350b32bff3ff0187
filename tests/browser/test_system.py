"""The system page in a real browser: it says that all works, goes on by itself, and runs a job when it is asked to."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_simulator import serious

pytestmark = pytest.mark.requirement("UI-9")


def test_a_job_runs_when_it_is_asked_for_and_the_page_goes_on_by_itself(page: Page) -> None:
    page.goto("/system")
    expect(page.locator("#system-health tr")).to_have_count(7)
    expect(page.locator("#system-health")).to_contain_text("PostgreSQL")
    job = page.locator(".system-jobs > li").filter(has_text="tidy-up")
    button = job.get_by_role("button", name="Run now: tidy-up")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#system-said")).to_have_text("tidy-up is asked for.")
    expect(job).to_contain_text(re.compile(r"done in \d"))
    expect(button).to_be_focused()
    expect(page.locator("#system-replicas")).to_contain_text("leads")
    expect(page.locator("#system-figures")).to_contain_text("Readings stored")


@pytest.mark.requirement("UI-12")
def test_nothing_keeps_anybody_out_in_both_themes_and_on_a_phone(page: Page) -> None:
    page.goto("/system")
    expect(page.locator("#system-health tr")).to_have_count(7)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert serious(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
