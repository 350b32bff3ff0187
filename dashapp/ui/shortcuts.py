"""The keys that do something everywhere; those of pages are their `register_page(…, shortcut="o")`, pressed after g.

What they do is in `assets/86-keys.js`. Keys without a modifier can be switched off by each person (WCAG 2.1.4).
"""

from typing import Any

from dashapp.ui.components import Id, _Andon

EVERYWHERE = (
    ("Go to a page, device or action", "Ctrl K"),
    ("Search on this page", "/"),
    ("Pause or resume live values", "p"),
    ("Light or dark", "t"),
    ("Help for this page", "h"),
    ("These shortcuts", "?"),
    ("Close what is open", "Esc"),
)
Groups = list[tuple[str, list[tuple[str, str]]]]


class Shortcuts(_Andon):
    """The dialog with all of them: `groups` are (title, [(what, keys)]). Opens on `?`."""

    def __init__(self, id: Id | None = None, *, groups: Groups) -> None:
        super().__init__(**locals())


class Palette(_Andon):
    """Ctrl+K: a combobox over the entries of `/places.json`."""

    def __init__(self, id: Id | None = None) -> None:
        super().__init__(**locals())


def shortcuts(pages: list[dict[str, Any]]) -> Shortcuts:
    """The dialog for a person who may open `pages`."""
    places = [(f"To {page['name']}", page_keys(page)) for page in pages if page.get("shortcut")]
    return Shortcuts(id="shell-shortcuts", groups=[("Everywhere", list(EVERYWHERE)), ("Pages", places)])


def page_keys(page: dict[str, Any]) -> str:
    """`g o`, or nothing."""
    return f"g {page['shortcut']}" if page.get("shortcut") else ""
