"""A share of a wall screen's day: its ticks in less time, the network and the server gone in between. All 86,400 are the benchmark's.

How time is made faster, and what is not, says `benchmarks/wall.py`: `make bench-full` runs the whole day by the row `wall-day`.
"""

import time

import pytest

from benchmarks.wall import LEAK, LIMITS, OLD_S, Posting, Screen, add_clocks, growth, leaks, plant_of_clocks
from tests.browser.conftest import leave

pytestmark = pytest.mark.requirement("UI-10")
SOON_S = 15  # five seconds of silence, a tick, a start of the server that holds the processor: a busy machine


@pytest.fixture(scope="module")
def lasting(browser):
    """A screen, its values moving, on a plant of its own: its server is stopped here."""
    with plant_of_clocks() as plant:
        link = add_clocks(plant)
        plant.serve()
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        with Posting(plant):
            yield Screen(context, plant, link)
            leave(context)


@pytest.mark.requirement("UI-14")
def test_a_share_of_a_day_leaves_nothing_behind_and_shows_nothing_old_as_live(lasting):
    """Some hundred ticks, many times faster than they come: memory flat over them, the network and the server gone in between.

    The values say when they were sent, and five times a second what the page says of their age is held against that.
    """
    lasting.run(60, 1)  # caches fill
    samples = lasting.run(200, 5)
    lasting.without_network()
    lasting.without_server()
    samples += lasting.run(250, 6)
    seen = lasting.seen()
    assert leaks(samples) == [], growth(samples)
    assert [what for what, _, _ in lasting.away] == ["network", "server"]
    assert max(said for _, said, _ in lasting.away) < SOON_S
    assert max(again for _, _, again in lasting.away) < SOON_S
    assert seen["looked"] > 50
    assert seen["hidden_s"] < OLD_S


def test_what_a_tick_leaves_behind_would_be_found(lasting):
    """The same look at a page that leaks on purpose."""
    lasting.page.evaluate(LEAK)
    samples = lasting.run(80, 5)
    assert leaks(samples) == list(LIMITS), growth(samples)


def test_a_value_that_stays_while_its_age_does_not_grow_would_be_found(lasting):
    """A page that goes on to say “1 s ago” of a value that does not change any more, as one that is frozen would."""
    before = lasting.seen()["looked"]
    lasting.page.evaluate(
        """() => { const tile = document.querySelector('[data-device]').cloneNode(true);
             document.body.append(tile); }"""
    )
    deadline = time.monotonic() + 3 * OLD_S
    while lasting.seen()["hidden_s"] < OLD_S and time.monotonic() < deadline:
        lasting.page.wait_for_timeout(200)
    assert lasting.seen()["looked"] > before
    assert lasting.seen()["hidden_s"] >= OLD_S
