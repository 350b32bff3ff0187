"""The help: `docs/help/*.md`, read on the server and shown at `/help/<page>` and beside every page.

The text is Markdown without HTML: it becomes components, so that nothing in it can be markup of its own. Links between the files
(`glossary.md#late`) work here as they do where the files are read. A page names its help, `register_page(…, help="overview")`, or has
the one of its module's name.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dashapp.ui.components import Icon
from dashapp.ui.first_page import find_page
from dashapp.ui.parts import empty_state

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "help"
INDEX = "index"
INSIDE = re.compile(r"^(?:([\w-]+)\.md)?(?:#([\w-]+))?$")
_READER = MarkdownIt("commonmark", {"html": False}).enable("table")
TAGS: dict[str, type[Component]] = {
    "p": html.P, "ul": html.Ul, "ol": html.Ol, "li": html.Li, "strong": html.Strong, "em": html.Em, "blockquote": html.Blockquote,
    "table": html.Table, "thead": html.Thead, "tbody": html.Tbody, "tr": html.Tr, "td": html.Td,
    "h2": html.H2, "h3": html.H3, "h4": html.H4,
}  # fmt: skip


def topics() -> list[str]:
    """The names of all help pages, the contents aside."""
    return sorted(file.stem for file in FOLDER.glob("*.md") if file.stem != INDEX)


@lru_cache(maxsize=1)
def titles() -> list[tuple[str, str]]:
    """(title, name) of every help page, by title."""
    return sorted((title(name), name) for name in topics())


@lru_cache(maxsize=200)
def text_of(name: str) -> str | None:
    """A help page as it is written; None where there is none of that name."""
    return (FOLDER / f"{name}.md").read_text() if name in (*topics(), INDEX) else None


def title(name: str) -> str:
    """What stands in a page's first line, after the #."""
    return (text_of(name) or "# Help").partition("\n")[0].removeprefix("# ")


def topic_of(page: dict[str, Any]) -> str:
    """The name of a registered page's help."""
    return str(page.get("help") or page.get("module", "").rpartition(".")[2] or INDEX).replace("_", "-")


def prose(name: str, prefix: str = "") -> Component | None:
    """A help page without its title, `prefix` before the ids of its headings; None where there is none."""
    text = text_of(name)
    if text is None:
        return None
    tokens = _READER.parse(text)[3:]  # the title is its first three
    return html.Div(_blocks(tokens, prefix), className="prose")


def summary(name: str) -> str:
    """The first sentence of a help page, plain."""
    paragraph = (text_of(name) or "").partition("\n\n")[2].partition("\n\n")[0]
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", paragraph).replace("\n", " ")
    return re.split(r"(?<=[.!?]) ", plain)[0]


def heading_id(words: str) -> str:
    """`When a value is late` → `when-a-value-is-late`: as Markdown's readers make it."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())


def _blocks(tokens: list[Token], prefix: str) -> list[Any]:
    """Components of a flat list of tokens, in which every opening one has a closing one of the same level."""
    found: list[Any] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.nesting == 1:
            end = next(i for i in range(at + 1, len(tokens)) if tokens[i].nesting == -1 and tokens[i].level == token.level)
            found.append(_element(token, tokens[at + 1 : end], prefix))
            at = end
        elif token.type == "inline":
            found += _blocks(token.children or [], prefix)
        else:
            found.append(_leaf(token))
        at += 1
    return found


def _element(token: Token, inside: list[Token], prefix: str) -> Any:
    children = _blocks(inside, prefix)
    if token.type == "link_open":
        return _link(str(token.attrs.get("href", "")), children, prefix)
    if token.type == "th_open":
        return html.Th(children, scope="col")
    if token.type == "heading_open":
        return TAGS[token.tag](children, id=prefix + heading_id(inside[0].content))
    if token.type == "paragraph_open" and token.hidden:
        return html.Span(children)
    return TAGS[token.tag](children)


def _leaf(token: Token) -> Any:
    if token.type == "code_inline":
        return html.Code(token.content)
    if token.type in ("fence", "code_block"):
        return html.Pre(html.Code(token.content), tabIndex="0")
    if token.type in ("softbreak", "hardbreak"):
        return " " if token.type == "softbreak" else html.Br()
    if token.type == "hr":
        return html.Hr()
    return token.content


def _link(target: str, children: list[Any], prefix: str) -> Component:
    """A link to another help page, to a heading, or to a page of Andon (`/devices`); no other is made."""
    found = INSIDE.match(target)
    if found is not None:
        name, heading = found[1], found[2]
        anchor = f"#{heading}" if heading else ""
        if name is None:
            return html.A(children, href=f"#{prefix}{heading}")
        path = "/help" if name == INDEX else f"/help/{name}"
        return html.A(children, href=path + anchor, **{"data-inside": "true"})
    if target.startswith("/") and not target.startswith("//"):
        return html.A(children, href=target, **{"data-inside": "true"})
    return html.Span(children)


def panel() -> Component:
    """The help beside the page, closed. It is filled when it is opened."""
    head = html.Div(
        [
            html.H2("Help", id="shell-help-title", tabIndex="-1"),
            html.A("All help", href="/help", className="btn plain tiny", **{"data-inside": "true"}),
            html.Button(className="btn-close", type="button", **{"data-run": "help", "aria-label": "Close the help"}),
        ],
        className="help-panel-head",
    )
    body = html.Div(id="shell-help-body", className="help-panel-body", tabIndex="0", role="region",
                    **{"aria-labelledby": "shell-help-title"})  # fmt: skip
    label = {"aria-label": "Help"}
    return html.Aside([head, body, dcc.Store(id="shell-help-topic")], id="shell-help", className="help-panel", hidden=True, **label)


def button() -> Component:
    """Opens the panel. On a phone it stands behind More."""
    return html.Button(
        Icon("help", size=16), id="shell-help-button", type="button", className="control square not-on-phone",
        title="Help for this page",
        **{"data-run": "help", "aria-label": "Help for this page", "aria-expanded": "false", "aria-controls": "shell-help"},
    )  # fmt: skip


def register(app: Dash) -> None:
    """Fills the panel with the help of the page that is shown, or of a topic that a link in it names."""

    @app.callback(
        Output("shell-help-body", "children"),
        Output("shell-help-title", "children"),
        Input("shell-help-topic", "data"),
        prevent_initial_call=True,
    )
    def show_help(asked: dict[str, Any] | None) -> Any:
        wanted = asked or {}
        page, _ = find_page(str(wanted.get("path") or "/"))
        name = str(wanted.get("topic") or topic_of(page))
        found = prose(name, "panel-")
        return found or empty_state("No help", "There is no help of this name."), title(name)
