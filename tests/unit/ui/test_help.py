"""The help: every page has one, its links lead somewhere, and nothing in it becomes markup of its own."""

import json
import re
from typing import Any

import pytest
from dash import html
from dash.development.base_component import Component

from dashapp.ui import help_pages
from dashapp.ui.shortcuts import EVERYWHERE, page_keys, shortcuts
from tests.pages import registered_pages

pytestmark = pytest.mark.requirement("UI-14")


def parts(component: Any) -> list[Component]:
    """A component and all in it."""
    if isinstance(component, Component):
        return [component, *parts(getattr(component, "children", None))]
    return [one for part in component for one in parts(part)] if isinstance(component, list | tuple) else []


def rendered(text: str, monkeypatch: pytest.MonkeyPatch) -> Component:
    monkeypatch.setattr(help_pages, "text_of", lambda _name: "# Title\n\n" + text)
    found = help_pages.prose("overview")
    assert found is not None
    return found


def test_every_registered_page_has_help() -> None:
    """One that fails wants a docs/help/<name>.md, or register_page(…, help="…")."""
    wanted = {module: help_pages.topic_of(page) for module, page in registered_pages().items()}
    assert {module: name for module, name in wanted.items() if name not in help_pages.topics()} == {}


@pytest.mark.parametrize("name", help_pages.topics())
def test_a_help_page_begins_with_its_title_and_a_sentence_and_is_in_the_contents(name: str) -> None:
    text = help_pages.text_of(name) or ""
    assert text.startswith("# ")
    assert re.match(r"[A-Z].*[.!?:]$", help_pages.summary(name))
    assert f"({name}.md)" in (help_pages.text_of(help_pages.INDEX) or "")


@pytest.mark.parametrize("name", help_pages.topics())
def test_links_of_the_help_lead_to_headings_that_are_there(name: str) -> None:
    ids = {topic: {one.id for one in parts(help_pages.prose(topic)) if getattr(one, "id", None)} for topic in help_pages.topics()}
    shown = parts(help_pages.prose(name))
    assert len([one.id for one in shown if getattr(one, "id", None)]) == len(ids[name])
    for link in (one for one in shown if isinstance(one, html.A)):
        path, _, anchor = link.href.partition("#")
        topic = path.removeprefix("/help/") or name
        if path.startswith("/help/") or not path:
            assert topic in ids, link.href
            assert not anchor or anchor in ids[topic], link.href
    assert sum(text.count("](") for text in [help_pages.text_of(name) or ""]) == sum(isinstance(one, html.A) for one in shown)


def test_html_in_the_help_stays_text_and_foreign_links_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'A <b onclick="x">bold</b> word, [out](https://example.com), [run](javascript:alert(1)), [all](//example.com).'
    text += "\n\n<script>no</script>"
    shown = rendered(text, monkeypatch)
    assert {type(one) for one in parts(shown)} <= {html.Div, html.P, html.Span}
    words = json.dumps(shown.to_plotly_json(), default=lambda one: one.to_plotly_json(), ensure_ascii=False)
    assert '<b onclick=\\"x\\">' in words
    assert "<script>no</script>" in words


def test_markdown_becomes_components(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parts(rendered("## A **part**\n\n- one\n- `two`\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```\ncode\n```\n", monkeypatch))
    kinds = [type(one) for one in found]
    for kind in (html.H2, html.Ul, html.Li, html.Code, html.Table, html.Th, html.Td, html.Pre, html.Strong):
        assert kind in kinds, kind
    assert next(one for one in found if isinstance(one, html.H2)).id == "a-part"


def test_headings_in_the_panel_have_ids_of_their_own() -> None:
    ids = [one.id for one in parts(help_pages.prose("glossary", "panel-")) if getattr(one, "id", None)]
    assert "panel-oee" in ids
    assert all(one.startswith("panel-") for one in ids)


def test_a_name_that_is_no_help_page_leads_nowhere() -> None:
    assert help_pages.prose("../configuration") is None
    assert help_pages.text_of("../../README") is None


def test_shortcuts_of_pages_are_one_letter_each_and_no_two_the_same() -> None:
    letters = [page["shortcut"] for page in registered_pages().values() if page.get("shortcut")]
    assert all(re.fullmatch("[a-z]", letter) for letter in letters)
    assert len(set(letters)) == len(letters)
    assert page_keys({"shortcut": "o"}) == "g o"
    listed = json.dumps(shortcuts([page for page in registered_pages().values() if page.get("nav")]).groups)
    assert "To Devices" in listed
    assert EVERYWHERE[0][1] in listed
