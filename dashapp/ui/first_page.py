"""The page that the browser asked for, made together with the shell: values are there at the first paint.

Dash asks for the layout first and for the page's content only when that has been drawn. The layout's request names the page
in its Referer, so the content goes with it; without one the router fills it in as always.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import SplitResult, urlsplit

import dash
import flask
from dash._pages import _parse_query_string, _path_to_page
from dash.exceptions import PreventUpdate

from dashapp.actions.actor import Forbidden
from dashapp.ui.states import failed

log = logging.getLogger("andon.ui")
SUFFIX = " · Andon"
NOT_FOUND = "not_found_404"


@dataclass(frozen=True, slots=True)
class FirstPage:
    """`location` presets `dcc.Location`, so that the router does not make the page a second time; empty: it shall."""

    path: str = ""
    title: str = ""
    content: Any = None
    location: dict[str, str] = field(default_factory=dict)


def first_page() -> FirstPage:
    """The page of the request's Referer, where it is one of ours; its layout refuses by itself who may not see it."""
    url = _referer()
    if url is None:
        return FirstPage()
    return page_at(url.path, f"?{url.query}" if url.query else "")


def page_at(path: str, search: str) -> FirstPage:
    """The page at a path with its query (`?range=8h`, or nothing)."""
    page, variables = find_page(path)
    if not page:
        return FirstPage(path=path)
    layout = page["layout"]
    content = layout(**{**variables, **_parse_query_string(search)}) if callable(layout) else layout
    return FirstPage(path, page_title(page, variables), content, {"pathname": path, "search": search})


def find_page(path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The registered page at a URL's path with the variables in it; the 404 page where there is none."""
    page, variables = _path_to_page(path.strip("/"))
    if not page:
        page = next((one for module, one in dash.page_registry.items() if module.endswith(NOT_FOUND)), {})
    return page, dict(variables or {})


def page_title(page: dict[str, Any], variables: dict[str, str]) -> str:
    """A page's title as it stands in the header."""
    title = page["title"]
    return str(title(**variables) if callable(title) else title).removesuffix(SUFFIX)


def _referer() -> SplitResult | None:
    referer = flask.request.headers.get("Referer", "")
    url = urlsplit(referer)
    return url if url.netloc == flask.request.host and url.path else None


def shielded(layout: Callable[..., Any]) -> Callable[..., Any]:
    """A layout function whose failure is a page that says so, not a screen that stays blank."""

    @wraps(layout)
    def safe(*args: Any, **values: Any) -> Any:
        try:
            return layout(*args, **values)
        except (PreventUpdate, Forbidden):
            raise
        except Exception:
            log.exception("the page %s could not be made", layout.__module__)
            return failed("This page could not be shown")

    return safe
