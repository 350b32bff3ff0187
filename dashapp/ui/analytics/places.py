"""The places of the analytics pages, on top of each of them."""

from dash.development.base_component import Component

from dashapp.ui.analytics.addresses import ANOMALIES, CONTROL, HEATMAPS, STATISTICS, TRENDS
from dashapp.ui.tabs import place_tabs

PLACES = (
    (TRENDS, "Trends"),
    (HEATMAPS, "Heatmaps"),
    (STATISTICS, "Statistics"),
    (CONTROL, "Control charts"),
    (ANOMALIES, "Anomalies"),
)


def analytics_tabs(current: str) -> Component:
    """Links to the analytics pages, `current` (a path of `PLACES`) marked."""
    return place_tabs(PLACES, current, "Analytics pages")
