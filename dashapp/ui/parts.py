# ruff: noqa: N803 (className is what Dash calls it)
"""Plain-html parts of pages: tiles, chips, cards, tables, and the states "nothing here" and "still loading"."""

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from dash import html
from dash.development.base_component import Component

MARKS = {"critical": "◆", "high": "▲", "medium": "■", "low": "●"}
"""The shape that goes with each priority, so that colour never stands alone."""

Children = Any  # what html components take: a string, a number, a component, or a list of those


def format_value(value: float | str | None, decimals: int | None = None) -> str:
    """The text of a number as `andon.format` writes it in the browser: 1234.5 → "1,234.5", -3 → "−3", None → "–".

    `decimals` None keeps up to three, without trailing zeros. A string is returned as it is.
    """
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return "–"
    places = 3 if decimals is None else decimals
    with localcontext(rounding=ROUND_HALF_UP):  # of the exact value, as JavaScript's toFixed
        text = f"{abs(Decimal(float(value))):,.{places}f}"
    if decimals is None:
        text = text.rstrip("0").rstrip(".")
    return f"−{text}" if value < 0 and text.strip("0.") else text


def priority_mark(priority: str) -> Component:
    """The shape of a priority (`critical, high, medium, low`) in its colour, with the word for screen readers."""
    return html.Span(
        [html.Span(MARKS[priority], **{"aria-hidden": "true"}), html.Span(priority, className="sr-only")],
        className=f"mark {priority}",
        title=priority,
    )


def chip(state: str, text: str) -> Component:
    """A short word on a tinted ground. `state` is a priority (gets its shape and colour), or anything else (grey)."""
    if state not in MARKS:
        return html.Span(text, className="chip")
    mark = html.Span(MARKS[state] + " ", **{"aria-hidden": "true"})
    said = [] if state in text.lower() else [html.Span(f"{state}: ", className="sr-only")]
    return html.Span([mark, *said, text], className=f"chip {state}")


def kpi(
    label: str,
    value: float | str | None,
    unit: str = "",
    note: Children = "",
    share: float | None = None,
    target: float | None = None,
    *,
    decimals: int | None = None,
    id: str | dict[str, Any] | None = None,
) -> Component:
    """A tile with one large figure. `share` and `target` (0–100) draw a bar with a tick at the target.

    A callback that refreshes the figures returns new tiles for the row that holds them.
    """
    inside: list[Component] = [
        html.Div(label, className="kpi-label"),
        html.Div([format_value(value, decimals), html.Span(unit, className="kpi-unit")], className="kpi-value"),
    ]
    if share is not None:
        inside.append(_bar(share, target))
    if note:
        inside.append(html.Div(note, className="kpi-note"))
    return html.Div(inside, className="card kpi", **_optional(id=id))


def _bar(share: float, target: float | None) -> Component:
    """Said in words by the tile's note, so hidden from screen readers."""
    parts = [html.B(style={"width": f"{min(max(share, 0), 100):.1f}%"})]
    if target is not None:
        parts.append(html.S(style={"left": f"{min(max(target, 0), 100):.1f}%"}))
    return html.Div(parts, className="bar", **{"aria-hidden": "true"})


def card(
    title: str,
    *children: Children,
    aside: Children = None,
    id: str | dict[str, Any] | None = None,
    className: str = "",
) -> Component:
    """A box with a heading (`h2`), what stands at the right of the heading, and the content."""
    head = [html.H2(title)]
    if aside is not None:
        head.append(html.Div(aside, className="card-aside"))
    return html.Section(
        [html.Div(head, className="card-head"), *children], className=f"card {className}".strip(), **_optional(id=id)
    )


def downloads(path: str, query: str = "", *, what: str = "this table", id: str | None = None) -> Component:
    """Links to a table as CSV and as XLSX: `path` without its ending, `query` without its question mark."""
    asked = f"?{query}" if query else ""
    links = [
        html.A(
            form.upper(), href=f"{path}.{form}{asked}", download="", className="btn plain tiny", title=f"Save {what} as {form.upper()}",
            **_optional(id=f"{id}-{form}" if id else None),
        )
        for form in ("csv", "xlsx")
    ]  # fmt: skip
    return html.Span(links, className="downloads")


def picture_button(title: str) -> Component:
    """Saves the card that it stands in as PNG (`assets/98-pictures.js`)."""
    says = f"Save “{title}” as PNG"
    return html.Button("PNG", type="button", className="btn plain tiny", title=says, **{"aria-label": says, "data-picture": title})


def points_button(chart: str, title: str) -> Component:
    """Saves what the chart or timeline with the id `chart` shows as CSV (`assets/98-files.js`)."""
    says = f"Save the points of “{title}” as CSV"
    return html.Button(
        "CSV", type="button", className="btn plain tiny", title=says, **{"aria-label": says, "data-chart-csv": chart, "data-name": title}
    )


def drawing_downloads(drawing: str, title: str) -> Component:
    """What the timeline or heatmap with the id `drawing` shows as CSV, and its card as PNG."""
    return html.Span([points_button(drawing, title), picture_button(title)], className="downloads")


def empty_state(title: str, text: Children, action: Children = None) -> Component:
    """What happened and what to do: a heading, one sentence, and a link or button."""
    inside = [html.P(title, className="empty-title"), html.P(text, className="empty-text")]
    if action is not None:
        inside.append(html.Div(action, className="empty-action"))
    return html.Div(inside, className="empty")


def skeleton(height: int | str) -> Component:
    """A grey place of the height (px, or any CSS length) that the content will have."""
    size = f"{height}px" if isinstance(height, int) else height
    return html.Div(className="skeleton", style={"height": size}, role="status", **{"aria-label": "Loading"})


def stat_table(
    rows: Sequence[Mapping[str, Any] | Sequence[Any]], columns: Sequence[str], caption: str = ""
) -> Component:
    """A small table of figures: the first column names the row, the others are right-aligned.

    `columns` are the headings, the first usually "". A row is a sequence in the order of the columns, or a mapping by
    heading; numbers go through `format_value`, components and strings stay.
    """
    body = [html.Tr([_cell(cell, first=not index) for index, cell in enumerate(_cells(row, columns))]) for row in rows]
    head = html.Tr([html.Th(name, scope="col") if name else html.Td() for name in columns])
    title = [html.Caption(caption, className="sr-only")] if caption else []
    return html.Table([*title, html.Thead(head), html.Tbody(body)], className="table figures")


def _cells(row: Mapping[str, Any] | Sequence[Any], columns: Sequence[str]) -> list[Any]:
    return [row.get(name) for name in columns] if isinstance(row, Mapping) else list(row)


def _cell(value: Any, *, first: bool) -> Component:
    shown = value if isinstance(value, Component | list) else format_value(value)
    return html.Th(shown, scope="row") if first else html.Td(shown)


def _optional(**props: Any) -> dict[str, Any]:
    return {name: value for name, value in props.items() if value is not None}
