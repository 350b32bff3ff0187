"""Pages that belong together, as tabs on top of each of them: those that there are, and that the person may open."""

from collections.abc import Sequence

import dash
from dash import html
from dash.development.base_component import Component

from dashapp.ui import shell
from dashapp.ui.context import actor

Places = Sequence[tuple[str, str]]


def place_tabs(places: Places, current: str, label: str) -> Component:
    """Links to `places`, (path, word) each, `current` (one of the paths) marked. A page that is not registered is left out by itself."""
    who = actor()
    open_to = {page["path"] for page in dash.page_registry.values() if shell.may_open(page, who)}
    links = [
        html.A(word, href=path, **{"data-inside": "true", **({"aria-current": "page"} if path == current else {})})
        for path, word in places
        if path in open_to
    ]
    return html.Nav(links, className="tabs", **{"aria-label": label})
