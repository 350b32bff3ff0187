"""Times in the viewer's zone with the plant's beside them."""

from datetime import UTC, datetime

import pytest

from dashapp.ui.device.view import stamp, when
from dashapp.ui.zones import Zone

pytestmark = pytest.mark.requirement("UI-14")
JULY_US = int(datetime(2026, 7, 1, 12, 30, 5, tzinfo=UTC).timestamp()) * 1_000_000
MARCH_US = int(datetime(2026, 3, 15, 12, 0, tzinfo=UTC).timestamp()) * 1_000_000


def test_the_plants_time_stands_beside_the_viewers() -> None:
    zone = Zone("America/New_York", "Europe/Berlin")
    assert when(JULY_US, zone) == "1 Jul 2026 08:30 (plant 14:30)"
    assert when(JULY_US, zone, seconds=True) == "1 Jul 2026 08:30:05 (plant 14:30:05)"
    assert stamp(JULY_US, zone) == "1 Jul 2026 08:30"


def test_another_day_at_the_plant_is_said() -> None:
    assert when(JULY_US, Zone("Pacific/Auckland", "America/New_York")) == "2 Jul 2026 00:30 (plant 1 Jul 08:30)"


def test_zones_whose_clocks_agree_are_said_once() -> None:
    assert when(JULY_US, Zone("Europe/Zurich", "Europe/Berlin")) == "1 Jul 2026 14:30"
    assert when(JULY_US, Zone("Europe/Berlin")) == "1 Jul 2026 14:30"
    assert when(JULY_US, "Europe/Berlin") == "1 Jul 2026 14:30"


def test_the_moment_decides_not_the_names() -> None:
    """Between their changes of clocks, New York and Berlin are five hours apart, not six."""
    zone = Zone("America/New_York", "Europe/Berlin")
    assert when(MARCH_US, zone) == "15 Mar 2026 08:00 (plant 13:00)"
    assert Zone("Europe/London", "UTC").differs(JULY_US)
    assert not Zone("Europe/London", "UTC").differs(MARCH_US)
