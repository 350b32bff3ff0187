"""The places of the alert pages, on top of each of them."""

from dash.development.base_component import Component

from dashapp.ui.tabs import place_tabs

PLACES = (
    ("/alerts", "Active"),
    ("/alerts/history", "History"),
    ("/alerts/rules", "Rules"),
    ("/alerts/performance", "Performance"),
    ("/alerts/channels", "Channels"),
    ("/alerts/policies", "Policies"),
    ("/alerts/maintenance", "Maintenance"),
)


def alarm_tabs(current: str) -> Component:
    """Links to the alert pages, `current` (a path of `PLACES`) marked."""
    return place_tabs(PLACES, current, "Alert pages")
