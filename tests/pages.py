"""The pages that Andon registers, without a server: what tests of “every page” go through."""

from functools import cache
from pathlib import Path
from typing import Any

import dash
from dash import Dash
from flask import Flask

from tests.integration.web import clean_dash

FOLDER = Path(__file__).parents[1] / "pages"
EXAMPLES = {"/devices/<key>": "MX-01", "/help/<topic>": "glossary"}
"""What stands for the variable of a page's address."""


@cache
def registered_pages() -> dict[str, dict[str, Any]]:
    """Every page as it registers itself, by module."""
    with clean_dash():
        Dash("pages", server=Flask("pages"), use_pages=True, pages_folder=str(FOLDER), suppress_callback_exceptions=True)
        return dict(dash.page_registry)


def addresses() -> dict[str, str]:
    """An address of every page, by its module's last name; of a template without an example the one that Dash makes (`/imports/none`)."""
    return {module.rpartition(".")[2]: _address(page) for module, page in registered_pages().items()}


def _address(page: dict[str, Any]) -> str:
    template = page["path_template"] or ""
    for known, example in EXAMPLES.items():
        if template == known or template.startswith(known + "/"):
            return template.replace(known[known.index("<") :], example)
    return str(page["path"])
