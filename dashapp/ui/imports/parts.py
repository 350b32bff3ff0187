"""What is shown of an import beside its form: what a check found, how far it is, what became of it, and the history of all."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from dashapp.actions.imports import WORDS
from dashapp.ui.components import card, chip, empty_state, format_value, kpi
from dashapp.ui.device.view import when
from dashapp.ui.forms import cancel, dialog
from dashapp.ui.imports.components import FileSeries
from dashapp.ui.parts import downloads
from dashapp.ui.tables import Cell, DataTable
from db.columns import to_us
from db.queries.imports import ImportRow

LIVE = ("checking", "queued", "running", "cancelling", "undoing")
SILENT_S = 15.0
_PRIORITY = {"failed": "high", "interrupted": "high", "cancelled": "low"}
COLUMNS = ("File", "State", "Device", "Rows", "Readings", "From", "To", "Conflicts", "Refused", "By", "When")
NUMBERS = (3, 4, 7, 8)


def button(what: str, text: str, *, look: str = "btn", disabled: bool = False) -> Component:
    """A button that asks for something to be done with the import."""
    return html.Button(text, id={"type": "import-do", "what": what}, type="button", className=look, n_clicks=0, disabled=disabled)


def history(rows: Sequence[ImportRow], zone: str) -> Component:
    """Every import, the newest first."""
    if not rows:
        return empty_state("Nothing was imported yet", "Choose a file above: nothing is stored before you have seen what would happen.")
    cells = [_history_row(row, zone) for row in rows]
    table = DataTable(rows=cells, columns=COLUMNS, numbers=NUMBERS, caption="Imports", className="stacked")
    return html.Div(table, className="table-scroll", tabIndex="0", role="region", **{"aria-label": "Imports"})


def _history_row(row: ImportRow, zone: str) -> list[Cell]:
    state: Cell = {"text": state_words(row)}
    if row.state in _PRIORITY:
        state = {"text": state_words(row), "priority": _PRIORITY[row.state]}
    started = row.state not in ("draft", "checking", "checked")
    counts = [format_value(value, 0) if started else "" for value in (row.rows_read, row.stored, row.conflicts, row.refused)]
    return [
        {"text": row.file_name, "href": f"/import/{row.id}"}, state, device_of(row), counts[0], counts[1], _day(row.first_at, zone),
        _day(row.last_at, zone), counts[2], counts[3], row.by, _moment(row.started_at, zone),
    ]  # fmt: skip


def state_words(row: ImportRow) -> str:
    """The state, with how far it is."""
    if row.state == "running" and row.bytes:
        return f"{WORDS[row.state]}, {_share(row):.0f} %"
    return WORDS[row.state]


def device_of(row: ImportRow) -> str:
    """The device that the file is of, as far as it is said."""
    plan = row.detail.get("plan") or {}
    return str(plan.get("device") or row.detail.get("device") or "")


def head(row: ImportRow, zone: str) -> Component:
    """Where one is, the state, and the file's facts."""
    size = f"{row.bytes / 1e6:,.1f} MB" if row.bytes >= 100_000 else f"{row.bytes / 1000:,.1f} kB"
    facts = [html.Span([html.B(size), " in size"]) if row.bytes else None, html.Span(["by ", html.B(row.by)])]
    facts.append(html.Span(["started ", html.B(_moment(row.started_at, zone))]))
    return html.Div(
        [
            html.A("All imports", href="/import", className="crumb", **{"data-inside": "true"}),
            chip(_PRIORITY.get(row.state, ""), WORDS[row.state].capitalize()),
            html.Div([each for each in facts if each is not None], className="import-facts"),
        ],
        className="import-head",
    )


def progress_card(row: ImportRow, zone: str) -> Component:
    """How far a check, an import or an undo is: a bar, what was counted, how fast, and how long it will still take."""
    share, words = _share(row), _words(row)
    bar = html.Div(
        html.Div(style={"width": f"{share:.1f}%"}), className="progress", role="progressbar",
        **{"aria-label": words, "aria-valuenow": str(round(share)), "aria-valuemin": "0", "aria-valuemax": "100"},
    )  # fmt: skip
    inside: list[Any] = [bar, html.P(_speed(row, share), className="muted")]
    if row.state in ("running", "cancelling"):
        inside.append(_figures(row))
    silent = row.silent_s > SILENT_S and row.state != "queued"
    if silent:
        inside.append(html.P(
            "There has been no word of it for a while. If the server has stopped, this is said to be interrupted half a minute later.",
            className="notice high", role="status",
        ))  # fmt: skip
    may_stop = row.state in ("checking", "queued", "running")
    stop_words = "Give the check up" if row.state == "checking" else "Cancel the import"
    stop = button("cancel", stop_words, look="btn danger") if may_stop else None
    text = "You can leave this page: it goes on, and here is how far it is." if row.state != "checking" else "Nothing is stored by a check."
    return card(words, html.Div([*inside, html.P(text, className="small muted"), stop], className="import-progress"))


def _words(row: ImportRow) -> str:
    return {
        "checking": "The whole file is read", "queued": "Waiting for its turn", "running": "The file is stored",
        "cancelling": "It stops after what is under way", "undoing": "What it stored is taken back",
    }.get(row.state, row.state)  # fmt: skip


def _share(row: ImportRow) -> float:
    if row.state == "undoing":
        return min(100.0, 100 * row.removed / row.stored) if row.stored else 0.0
    if row.state == "queued" or not row.bytes:
        return 0.0
    return min(100.0, 100 * row.bytes_read / row.bytes)


def _speed(row: ImportRow, share: float) -> str:
    percent = f"{share:.0f} %"
    if row.state == "undoing":
        return f"{percent}: {row.removed:,} of {row.stored:,} readings are taken back."
    if row.state == "queued":
        return "It begins as soon as another import has ended."
    if row.state == "checking" or row.running_s < 2 or not row.rows_read or not 0 < share < 100:
        return f"{percent} of the file."
    left_s = row.running_s * (100 - share) / share
    return f"{percent} of the file, {row.rows_read / row.running_s:,.0f} rows/s, about {_duration(left_s)} left."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _figures(row: ImportRow) -> Component:
    return html.Div(
        [
            kpi("Rows", row.rows_read, decimals=0), kpi("Readings stored", row.stored, decimals=0),
            kpi("There already", row.duplicates, decimals=0), kpi("Conflicts", row.conflicts, decimals=0),
            kpi("Refused", row.refused, decimals=0),
        ],
        className="import-figures",
    )  # fmt: skip


def checked_card(row: ImportRow, zone: str) -> Component:
    """What the check found, what would be made, what the file draws, and the button that stores it."""
    found = row.detail["check"]
    counts = [
        kpi("Rows", found["rows"], decimals=0), kpi("New readings", found["stored"], decimals=0),
        kpi("There already", found["duplicates"], decimals=0), kpi("Conflicts", found["conflicts"], decimals=0),
        kpi("Refused", found["refused"], decimals=0),
    ]  # fmt: skip
    inside: list[Any] = [html.Div(counts, className="import-figures"), *_check_words(found, zone), _examples(found), _drawing(found, zone)]
    store = f"Import {found['stored']:,} readings" if found["stored"] else "Import"
    start = button("start", store, look="btn solid", disabled=not found["rows"])
    inside.append(html.Div([start, button("check", "Check again")], className="actions"))
    return card("What the import will do", html.Div(inside, className="import-progress"))


def _check_words(found: dict[str, Any], zone: str) -> list[Component]:
    said: list[Any] = []
    if found["first_us"] is not None:
        span = [html.B(when(found[name], zone, seconds=True)) for name in ("first_us", "last_us")]
        said.append(html.P(["From ", span[0], " to ", span[1], f" ({zone})."]))
    if found["new_sensors"]:
        names = ", ".join(f"{device} {sensor}" for device, sensor in found["new"][:12])
        more = found["new_sensors"] - 12
        devices = found["new_devices"]
        made = f"the device{'s' if len(devices) > 1 else ''} {', '.join(devices[:8])} and " if devices else ""
        said.append(html.P(f"It makes {made}{_count(found['new_sensors'], 'sensor')}: {names}{f' and {more:,} more' if more > 0 else ''}."))
    parts = found["partitions"]
    if parts["count"]:
        new = f", of which {parts['new']:,} are made" if parts["new"] else ""
        said.append(html.P(
            f"It reaches {_count(parts['count'], parts['span'])} of history{new}. They are kept from clean-up as long as the import "
            "is there. History raises no alarms and mails nobody.",
            className="muted",
        ))  # fmt: skip
    if found["conflicts"]:
        said.append(html.P(
            f"{_count(found['conflicts'], 'row')} bring another value for a time that has one already: the first value stays.",
            className="notice",
        ))  # fmt: skip
    return said


def _examples(found: dict[str, Any]) -> Component | None:
    lines = [
        f"Line {line}: {sensor} {format_value(value)}; {format_value(kept)} was there first and stays."
        for line, sensor, value, kept in found["conflict_examples"]
    ]
    lines += [f"Line {line}, {field}: {reason}." for line, field, reason in found["refused_examples"]]
    if not lines:
        return None
    total = found["conflicts"] + found["refused"]
    shown = f"The first {len(lines)} of {total:,}" if total > len(lines) else _count(total, "problem").capitalize()
    return html.Details([html.Summary(shown), html.Ul([html.Li(line) for line in lines], className="problem-list")], className="more-told")


def _drawing(found: dict[str, Any], zone: str) -> Component | None:
    series = [each for each in found["series"] if each["points"]]
    if not series:
        return None
    first, last = (when(found[name], zone) for name in ("first_us", "last_us"))
    drawn = [FileSeries(name=f"{each['device']} {each['sensor']}", points=each["points"], first=first, last=last) for each in series]
    return html.Div([*drawn, html.Div([html.Span(first), html.Span(last)], className="series-span")], className="series-list")


def ended_card(row: ImportRow, zone: str) -> Component:
    """What became of an import, and what can be done with it now."""
    words = {
        "done": "The file is stored", "failed": "It stopped before the end", "cancelled": "It was cancelled",
        "interrupted": "It was interrupted", "undone": "It was undone",
    }[row.state]  # fmt: skip
    look = "notice high" if row.state in ("failed", "interrupted") else "notice"
    inside: list[Any] = [html.P(row.note, className=look)] if row.note else []
    if row.state == "undone":
        inside.append(html.P(
            f"{row.removed:,} readings were taken back, with what was made for them. Importing the file again stores them again."
        ))  # fmt: skip
    else:
        inside += [_figures(row), *_span_words(row, zone)]
    inside.append(html.Div(_what_now(row), className="actions"))
    return card(words, html.Div(inside, className="import-progress"))


def _span_words(row: ImportRow, zone: str) -> list[Component]:
    if row.first_at is None or row.last_at is None or not row.stored:
        return []
    span = [html.B(when(to_us(moment), zone, seconds=True)) for moment in (row.first_at, row.last_at)]
    return [html.P(["From ", span[0], " to ", span[1], f" ({zone})."])]


def _what_now(row: ImportRow) -> list[Component]:
    found: list[Component] = []
    if row.state in ("failed", "cancelled", "interrupted") and row.upload:
        found.append(button("start", "Go on", look="btn solid"))
    device = device_of(row)
    if row.stored and row.state != "undone" and device:
        found.append(html.A(f"Look at {device}", href=f"/devices/{quote(device, safe='')}", className="btn", **{"data-inside": "true"}))
    if row.conflicts + row.refused and row.state != "undone":
        found.append(html.Span(["List of what was not stored: ", downloads(f"/import/{row.id}/problems", what="what was not stored")]))
    if row.upload:
        found.append(button("discard", "Throw the file away"))
    if row.state != "undone":
        found.append(button("ask-undo", "Undo the import", look="btn danger"))
    else:
        found.append(html.A("Import a file", href="/import", className="btn", **{"data-inside": "true"}))
    return found


def undo_dialog() -> Component:
    """Asked before an import is taken back."""
    body = [
        html.P(id="import-undo-words"),
        html.Div([button("undo", "Undo the import", look="btn danger"), cancel("import-undo-close", "Keep it")], className="actions"),
    ]
    return dialog("import-undo-dialog", "Undo this import?", html.Div(body, className="form"))


def undo_words(row: ImportRow) -> str:
    """What an undo takes away."""
    made = row.detail.get("made") or {}
    also = [_count(len(made.get(name, [])), name.removesuffix("s")) for name in ("devices", "sensors") if made.get(name)]
    tail = f" {' and '.join(also).capitalize()} that it made go too, unless something else is in them." if also else ""
    return f"{row.stored:,} readings that it stored are deleted, and all figures are computed without them.{tail}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _day(moment: datetime | None, zone: str) -> str:
    return "" if moment is None else when(to_us(moment), zone).rsplit(" ", 1)[0]


def _moment(moment: datetime, zone: str) -> str:
    return when(to_us(moment), zone)
