"""What the page of stops is made of: what needs a reason, the stop that is open, the list, the Pareto chart, the timeline."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Role
from dashapp.domain.oee import LOSS_WORDS
from dashapp.ui import forms
from dashapp.ui.components import Id, StateLegend, StateTimeline, _Andon, card, empty_state
from dashapp.ui.device.head import device_path
from dashapp.ui.device.view import local, stamp, when
from dashapp.ui.figures.production_charts import Reasoned, pareto_chart
from dashapp.ui.forms import Field, Form
from dashapp.ui.parts import picture_button
from dashapp.ui.production.explain_parts import edit_words
from dashapp.ui.production.parts import file_links, inside, source, table
from dashapp.ui.production.scope import EXPLAIN, PRODUCTION, machine_name
from dashapp.ui.production.stop_data import FILTERED, MOST, Stops
from dashapp.ui.production.timeline import LONGEST_US, MOST_MACHINES
from dashapp.ui.production.words import named, option, span_words
from dashapp.ui.time_range import HOUR_US, MINUTE_US, address_time
from dashapp.ui.zones import viewer_zone
from db.queries.stops import Reason, StopRow

SHOWN_WAITING = 6
ROOM_US = 10 * MINUTE_US  # around a stop, where its readings are looked at


class StopReasons(_Andon):
    """One large button a reason (`assets/95-stop-reasons.js`). `given` changes when an answer has arrived, also one that waited.

    `stop` is {id, about, reason_id}, `reasons` are [{id, name, loss}].
    """

    def __init__(self, id: Id, *, stop: dict[str, Any], reasons: Sequence[dict[str, Any]], given: int | None = None) -> None:
        super().__init__(**locals())


def loss_choice(found: Stops) -> dict[str, Any]:
    """The filter by loss."""
    options = [option("", "All"), *(option(loss, LOSS_WORDS[loss]) for loss in FILTERED)]
    return {"name": "loss", "label": "Loss", "value": found.loss, "options": options, "clears": ["reason"]}


def about(stop: StopRow, zone: str) -> str:
    """`MX-02, 14:03`."""
    return f"{stop.device_key}, {stamp(stop.start_us, zone)[-5:]}"


def lasted(stop: StopRow, now_us: int) -> str:
    """How long it took of the planned time, or that it goes on."""
    if stop.end_us is None:
        return f"goes on, {span_words((now_us - stop.start_us) / 1e6)}"
    return span_words(stop.planned_s)


def reason_buttons(stop: StopRow, reasons: Sequence[Reason], zone: str, place: str) -> Component:
    """The reasons for a stop."""
    listed = [{"id": one.id, "name": one.name, "loss": LOSS_WORDS[one.loss]} for one in reasons]
    shown = {"id": stop.id, "about": about(stop, zone), "reason_id": stop.reason_id}
    return StopReasons({"type": "stop-reasons", "stop": stop.id, "place": place}, stop=shown, reasons=listed)


def waiting_card(found: Stops, who: Actor) -> Component | None:
    """Stops that nobody gave a reason yet, the newest open to be answered with one tap."""
    listed = [stop for stop in found.waiting if found.open is None or stop.id != found.open.id]
    if not listed or not who.role.includes(Role.OPERATOR):
        return None
    zone, now_us = viewer_zone(), found.scope.now_us
    items = []
    for number, stop in enumerate(listed[:SHOWN_WAITING]):
        fault = " · with a fault" if stop.fault else ""
        title = [html.B(stop.device_key), f" stood from {stamp(stop.start_us, zone)[-5:]}, {lasted(stop, now_us)}{fault}"]
        buttons = reason_buttons(stop, found.reasons, zone, "waiting")
        more = inside("Remark, split, correct", found.scope.address(PRODUCTION, *found.filters, ("stop", str(stop.id))), "stop-more")
        items.append(
            html.Details(
                [html.Summary(title), buttons, html.P(more)], open=number == 0, className="stop-waiting", **{"data-stop": str(stop.id)}
            )
        )
    count = f"{len(found.waiting)} stop{'' if len(found.waiting) == 1 else 's'}"
    rest = len(listed) - len(items)
    more = [html.P(f"and {rest} more in the list below", className="small muted")] if rest > 0 else []
    return card("Why did it stand still?", *items, *more, aside=f"{count} without a reason", className="phone-first")


# ---- The stop that is open


def detail(found: Stops, who: Actor) -> list[Component]:
    """Everything about one stop, and what can be said of it."""
    stop = found.open
    if stop is None:
        return [html.P(found.missing, className="notice", role="status")] if found.missing else []
    zone, scope = viewer_zone(), found.scope
    end_us = stop.end_us or scope.now_us
    ends = [("from", address_time(stop.start_us - ROOM_US)), ("to", address_time(min(end_us + ROOM_US, scope.now_us)))]
    span = "&".join(f"{name}={value}" for name, value in ends)
    links = [
        inside("Its readings", f"{device_path(stop.device_key)}?{span}", "btn", id="stop-readings"),
        inside("Explain", f"{EXPLAIN}?machine={stop.device_key}&{span}", "btn", id="stop-explain"),
        inside("Close", scope.address(PRODUCTION, *found.filters), "btn plain"),
    ]
    facts = [
        ("Machine", stop.device_name if stop.device_name == stop.device_key else f"{stop.device_key} {stop.device_name}"),
        ("From", when(stop.start_us, zone)),
        ("To", "it goes on" if stop.end_us is None else when(stop.end_us, zone)),
        ("Planned time lost", span_words(stop.planned_s)),
        ("Counts as", LOSS_WORDS[stop.loss]),
        (
            "Found by",
            {"entered": "entered by hand", "split": "split off by hand"}.get(
                stop.source, "fault flag" if stop.fault else "missing production"
            ),
        ),
        ("Reason", f"{stop.reason} ({named(found.people, stop.said_by)})" if stop.reason else "none given yet"),
        ("Remark", stop.comment or "–"),
    ]
    pairs = html.Div([html.Div([html.Span(name), html.B(value)]) for name, value in facts], className="pairs stop-facts", id="stop-facts")
    gone = [html.P("What was read or said later tells that there was no such stop.", className="notice high")] if stop.gone else []
    title = f"Stop of {stop.device_key}, {when(stop.start_us, zone)}"
    may = who.role.includes(Role.OPERATOR) and who.kind != "kiosk"
    asked = (
        [html.P("Why did it stand still? One tap is enough.", className="label"), reason_buttons(stop, found.reasons, zone, "open")]
        if may
        else []
    )
    changes = _forms(stop, zone, scope.now_us, who) if may else []
    return [
        card(
            title,
            *gone,
            html.Div([pairs, html.Div([*asked, *changes], className="stack")], className="stop-open"),
            _history(found, stop, zone),
            aside=[*links],
            id="stop-card",
        )
    ]


def _history(found: Stops, stop: StopRow, zone: str) -> Component:
    rows = [edit_words(edit, found.people, zone) for edit in reversed(stop.edits)]
    if not rows:
        return html.P("Nobody has said anything of this stop yet.", className="muted small", id="stop-history")
    return html.Div(
        [html.H3("What was said of it"), table("What was said of it", ["Said", "By", "What", "Of which time", "Remark"], rows)],
        id="stop-history",
    )


def _clock(time_us: int, zone: str) -> str:
    return f"{local(time_us, zone):%Y-%m-%dT%H:%M}"


def _moment(name: str, label: str, time_us: int, zone: str, **more: Any) -> Component:
    return Field(name, label, kind="datetime-local", value=_clock(time_us, zone), **more)


def _folded(title: str, *children: Any) -> Component:
    return html.Details([html.Summary(title), *children], className="folded")


def _forms(stop: StopRow, zone: str, now_us: int, who: Actor) -> list[Component]:
    end_us = stop.end_us or now_us
    clock = f"By the clock of {zone}."
    remark = Form(
        [
            Field("comment", "Remark", max_length=2000, placeholder="Waited for the electrician"),
            html.Div(forms.submit("Add the remark", quiet=True), className="actions"),
        ],
        id="stop-comment",
        label="Remark",
        className="form one-line",
    )
    middle = (stop.start_us + end_us) // 2
    split = Form(
        [
            _moment("at", "A second stop begins at", middle, zone, hint=clock, required=True),
            html.Div(forms.submit("Split", quiet=True), className="actions"),
        ],
        id="stop-split",
        label="Split",
        className="form",
    )
    ends = [_moment("start", "It began", stop.start_us, zone, required=True)]
    if stop.end_us is not None:
        ends.append(_moment("end", "It ended", stop.end_us, zone, required=True, hint=clock))
    times = Form(
        [
            html.Div(ends, className="rule-row"),
            Field("comment", "Why", max_length=2000),
            html.Div(forms.submit("Correct the times", quiet=True), className="actions"),
        ],
        id="stop-times",
        label="Correct the times",
        className="form",
    )
    made = [remark, _folded("Split it: two stops with a reason each", split), _folded("Correct when it began or ended", times)]
    if stop.cut_start or stop.cut_end:
        made.append(
            Form(
                html.Div(forms.submit("Take the split back", quiet=True), className="actions"), id="stop-join", label="Take the split back"
            )
        )
    if stop.reason_id is not None:
        made.append(
            Form(
                html.Div(forms.submit("Take the reason back", quiet=True), className="actions"),
                id="stop-clear",
                label="Take the reason back",
            )
        )
    if who.role.includes(Role.MANAGER):
        no_stop = Form(
            [
                Field("comment", "Why", max_length=2000),
                html.Div(forms.submit("The machine did not stand still", danger=True), className="actions"),
            ],
            id="stop-withdraw",
            label="It was no stop",
            className="form",
        )
        made.append(_folded("It was no stop", no_stop))
    return made


def enter_card(found: Stops, who: Actor) -> Component | None:
    """A stop that nothing measured tells of."""
    if not who.role.includes(Role.OPERATOR):
        return None
    zone, scope = viewer_zone(), found.scope
    machines: Any = [option(one.id, machine_name(one)) for one in scope.machines]
    why: Any = [option("", "No reason yet"), *(option(one.id, one.name) for one in found.reasons)]
    begin = scope.now_us - HOUR_US
    form = Form(
        [
            Field("machine", "Machine", kind="select", options=machines, value=str(scope.machines[0].id), required=True),
            html.Div(
                [
                    _moment("start", "From", begin, zone, required=True, hint=f"By the clock of {zone}."),
                    _moment("end", "To", begin + HOUR_US // 2, zone, required=True),
                ],
                className="rule-row",
            ),
            Field("reason", "Why", kind="select", options=why, value=""),
            Field("comment", "Remark", max_length=2000),
            html.Div(forms.submit("Enter it"), className="actions"),
        ],
        id="stop-enter",
        label="Enter a stop",
        className="form",
    )
    return card(
        "Enter a stop by hand",
        html.P("For what nothing measured tells: the machine counts as standing still then.", className="small muted"),
        _folded("Enter a stop", form),
    )


# ---- List, timeline, Pareto


def list_card(found: Stops) -> Component:
    """The stops that the filters leave."""
    zone, scope = viewer_zone(), found.scope
    rows: list[Any] = [
        [
            {"text": when(stop.start_us, zone), "href": scope.address(PRODUCTION, *found.filters, ("stop", str(stop.id)))},
            stop.device_key,
            lasted(stop, scope.now_us),
            LOSS_WORDS[stop.loss],
            stop.reason or "none yet",
            stop.comment or "–",
            named(found.people, stop.said_by) or "–",
        ]
        for stop in found.listed
    ]
    csv = file_links(scope.address(f"{PRODUCTION}.csv", ("table", "stops"), *found.filters, fixed=True), "Stops")
    narrowed = " that the filters leave" if found.loss or found.reason else ""
    many = f", the newest {MOST}" if len(found.listed) >= MOST else ""
    title = f"Stops{many}"
    if not rows:
        text = f"No stop of more than 2 minutes lies in this range{narrowed}. Choose a longer time to see more."
        return card(title, empty_state("No stops", text), aside=csv)
    columns = ["Began", "Machine", "Planned time lost", "Counts as", "Reason", "Remark", "Said by"]
    total = span_words(sum(stop.planned_s for stop in found.listed))
    body = table("Stops, the newest first", columns, rows, numbers=[2], id="production-stops", save=False)
    return card(title, body, aside=[f"{len(rows)} stop{'' if len(rows) == 1 else 's'}, {total}", csv])


def timeline_card(found: Stops) -> Component:
    """What the machines did."""
    shown, scope = found.timeline, found.scope
    cut = scope.end_us - scope.start_us > LONGEST_US
    few = f", {MOST_MACHINES} of {len(scope.machines)} machines" if len(scope.machines) > MOST_MACHINES else ""
    line = StateTimeline(id="production-timeline", legend=False, zone=viewer_zone(), **shown)
    ends = {"data-timeline": "true", "data-start": str(shown["start_ms"]), "data-end": str(shown["end_ms"])}
    csv = file_links(scope.address(f"{PRODUCTION}.csv", ("table", "states"), fixed=True), "States")
    title = f"States{', the last 24 h of the range' if cut else ''}{few}"
    return card(
        title,
        html.Div(line, **ends),
        html.P("Press a stop to open it.", className="small muted"),
        aside=[StateLegend(), picture_button(title), csv],
    )


def pareto_source(found: Stops) -> dict[str, Any]:
    """Reasons by time or count."""
    scope, by_count = found.scope, found.by == "count"
    bars = [
        Reasoned(
            _bar_name(bar.reason, [one.reason for one in found.bars].count(bar.reason) > 1, LOSS_WORDS[bar.loss]),
            bar.loss,
            float(bar.count) if by_count else bar.seconds / 60,
            bar.cumulated,
            f"{bar.count} stops" if by_count else span_words(bar.seconds),
            scope.address(PRODUCTION, ("loss", str(bar.loss)), ("reason", str(bar.reason_id)), ("by", found.by)),
        )
        for bar in found.bars
    ]
    says = "Share of all with those above. Press a reason for its stops." if bars else "No stops in this range."
    return source("pareto", "Reasons by number of stops" if by_count else "Reasons by time", says, pareto_chart(bars))


def _bar_name(reason: str, twice: bool, loss: str) -> str:
    return f"{reason} ({loss})" if twice and reason != loss else reason


def pareto_choice(found: Stops) -> Component:
    """By time or by count."""
    pairs = [one for one in found.filters if one[0] != "by"]
    links = [
        inside(words, found.scope.address(PRODUCTION, *pairs, *more), **({"aria-current": "true"} if found.by == by else {}))
        for by, words, more in (("time", "Time", []), ("count", "Count", [("by", "count")]))
    ]
    return html.Div(links, className="segments", role="group", **{"aria-label": "Reasons by"})
