"""Dead letters on a page: what came, as bytes that are shown safely, and why it was refused."""

import json
from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component

from dashapp.ui.components import chip, empty_state
from dashapp.ui.device.view import when
from dashapp.ui.forms import CopyButton, Field
from dashapp.ui.parts import format_value
from db.columns import to_us
from db.queries.dead_letters import Letter, Wanted

PAGE = 25
SHOWN = 2_000  # characters of what came
DOORS = {"http": "HTTP", "mqtt": "MQTT", "kafka": "Kafka", "csv": "A file", "replay": "A replay"}
STATES = {"open": "Open", "replayed": "Replayed", "dropped": "Dropped", "": "All"}


def filters(wanted: Wanted, sources: Sequence[tuple[str, str, str]]) -> Component:
    """What the list is narrowed to."""
    states = [{"value": value, "label": label} for value, label in STATES.items()]
    senders = {"": "Every door", **{f"{door}|{source}": f"{DOORS.get(door, door)}: {name}" for door, source, name in sources}}
    chosen = f"{wanted.door}|{wanted.source}" if wanted.door or wanted.source else ""
    chosen = next((key for key in senders if wanted.source and not wanted.door and key.endswith(f"|{wanted.source}")), chosen)
    if chosen not in senders:
        senders[chosen] = wanted.source or DOORS.get(wanted.door, wanted.door)
    options = [{"value": value, "label": label} for value, label in senders.items()]
    return html.Div(
        [
            Field("state", "Show", id="letters-state", kind="select", options=states, value=wanted.state, required=True),
            Field("sender", "From", id="letters-sender", kind="select", options=options, value=chosen, required=True),
            Field("search", "Contains", id="letters-search", kind="search", value=wanted.search, placeholder="a word of it"),
        ],
        className="fields letter-filters",
    )  # fmt: skip


def letter_list(
    rows: Sequence[Letter], wanted: Wanted, total: int, pages: int, known: Mapping[str, str], zone: str
) -> list[Component]:
    """The letters, what can be done with all of them, and the way to older ones."""
    if not rows:
        narrowed = wanted.door or wanted.source or wanted.search
        if wanted.state == "open" and not narrowed:
            return [empty_state("No dead letters", "Everything that came could be stored, or has been looked after.")]
        return [empty_state("Nothing here", "No dead letter fits what is chosen.")]
    more = len(rows) > PAGE * pages
    shown = rows[: PAGE * pages]
    open_ones = any(row.settled_at is None for row in rows)
    count = f"{format_value(total, 0)}{' or more' if total >= 10_000 else ''} {'letter' if total == 1 else 'letters'}"
    head = [html.Span(count, className="muted")]
    if open_ones:
        most = ", 1,000 at a time" if total > 1_000 else ""
        head += [_button("replay", 0, f"Replay all of these{most}", "btn"), _button("drop", 0, f"Drop all of these{most}", "btn danger")]
    older = html.Button("Older", id={"type": "letters-older", "at": pages}, type="button", className="btn", n_clicks=0)
    return [
        html.Div(head, className="row letter-head"),
        html.Ul([_letter(row, known, zone) for row in shown], className="channels letters"),
        *([html.Div(older, className="actions")] if more else []),
    ]


def _letter(row: Letter, known: Mapping[str, str], zone: str) -> Component:
    origin = str(row.context.get("origin", ""))
    source = known.get(row.source, row.source)
    came = when(to_us(row.received_at), zone, seconds=True)
    parts = [DOORS.get(row.door, row.door), source, origin if origin != "replay" else "", came]
    if row.tries:
        parts.append(f"tried {row.tries} {'time' if row.tries == 1 else 'times'}")
    text, how = readable(row.raw)
    state = [] if row.settled_how is None else [chip("plain", STATES[row.settled_how])]
    cut = " Only its beginning was kept." if row.truncated else ""
    words = [
        html.Div([html.H3(["Field ", html.Code(row.field)]), *state], className="row"),
        html.P(f"{row.reason[:1].upper()}{row.reason[1:]}."),
        html.P(" · ".join(part for part in parts if part), className="small muted"),
        html.Details(
            [
                html.Summary(f"What came: {_size(len(row.raw))}, {how}.{cut}"),
                html.Div(
                    [
                        html.Pre(html.Code(text), tabIndex="0", role="group", **{"aria-label": "What came"}),
                        CopyButton(text=text, name="Copy what came"),
                    ],
                    className="command",
                ),
            ],
            id={"type": "letter-raw", "letter": row.id},
        ),
    ]
    buttons = [_button("replay", row.id, "Replay"), _button("drop", row.id, "Drop", "btn danger")] if row.settled_at is None else []
    return html.Li([html.Div(words, className="channel-words"), html.Div(buttons, className="channel-actions")], className="channel")


def _button(what: str, letter: int, text: str, look: str = "btn") -> Component:
    named = {"aria-label": f"{text} letter {letter}"} if letter else {}
    return html.Button(text, id={"type": "letter-do", "what": what, "letter": letter}, type="button", className=look, n_clicks=0, **named)


def _size(count: int) -> str:
    return f"{count:,} byte{'' if count == 1 else 's'}"


def readable(raw: bytes) -> tuple[str, str]:
    """(text, what it is) of bytes: text with what cannot be seen written out, or hexadecimal where it is none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _cut(raw[: SHOWN // 2].hex(" ", 1)), "not text, shown in hexadecimal"
    try:
        json.loads(text)
        what = "JSON"
    except ValueError:
        what = "text"
    return _cut("".join(_visible(character) for character in text[: SHOWN + 1])) or "(nothing)", what


def _visible(character: str) -> str:
    return character if character.isprintable() or character in "\n\t" else f"\\u{ord(character):04x}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"
