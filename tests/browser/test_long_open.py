"""What an open page would gather in the course of days: Dash's own history of changes, which nobody looks at."""

import pytest

from tests.browser.test_pages import settle

PAST = "() => window.dash_stores[0].getState().history.past.length"
SOONER = """(() => {
  const every = window.setInterval.bind(window);
  window.setInterval = (run, ms, ...more) => every(run, ms === 60000 ? 500 : ms, ...more);
})()"""


@pytest.mark.requirement("UI-9", "UI-13")
@pytest.mark.parametrize("path", ["/", "/devices/MX-01"])
def test_dashs_history_of_changes_is_let_go(page, path):
    page.goto(path)
    settle(page)
    page.wait_for_function(f"() => ({PAST})() > 3")  # Dash does write: the day it does not, ours can go
    page.add_init_script(SOONER)
    page.goto(path)
    settle(page)
    for _ in range(5):
        page.wait_for_function(f"() => ({PAST})() === 0")
        page.wait_for_timeout(1_000)
        assert page.evaluate(PAST) <= 5
