# ruff: noqa: N803 (className is what Dash calls it)
"""What answers for alerts on every page: the bell and its count, toasts, dialogs, and the callback that acts (`assets/95-alert-desk.js`).

The shell has one `AlertDesk`. Whatever shows alerts asks it in the browser (`andon.desk.ask`); it asks the server, which answers in
words for each alert. Whether somebody may is decided by the actions; what nobody may here is not offered.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import flask
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashapp.actions import alerts as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.domain.fleet import Role
from dashapp.ui.alarms.feed import AlertFeed
from dashapp.ui.alarms.rows import Shown
from dashapp.ui.components import Id, _Andon
from dashapp.ui.context import EXTENSION, actor, services
from dashapp.ui.forms import sentence
from db.engine import Database

PULSE = Input("shell-alerts-pulse", "data")
SHELVED_MINUTES = (15, 30, 60)
REASONS = ("Chattering", "Known, being worked on", "Sensor is faulty", "Machine is being set up")
MOST_AT_ONCE = 200


class AlertDesk(_Andon):
    """Holds what the bell says (`news`), shows toasts and dialogs, and acts: `asked` goes out, `answered` comes back.

    `verbs` are those that the person's role may; `minutes` are the times that one touch shelves for, `reasons` are offered as reasons.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        news: dict[str, Any] | None = None,
        verbs: Sequence[str] | None = None,
        minutes: Sequence[int] | None = None,
        reasons: Sequence[str] | None = None,
        asked: dict[str, Any] | None = None,
        answered: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(**locals())


class AlertCount(_Andon):
    """How many alerts wait for an answer, with the mark of the worst; `bell` is the link in the header."""

    def __init__(self, id: Id | None = None, *, bell: bool = False, className: str | None = None) -> None:
        super().__init__(**locals())


class AlertButtons(_Andon):
    """What can be done to one alert, with what became of it said beside; nothing where the person may do nothing.

    `whole` offers what is rarely done as well: taking the rule on this target out of service.
    """

    def __init__(
        self, id: Id | None = None, *, alert: dict[str, Any] | None = None, className: str | None = None, whole: bool = False
    ) -> None:
        super().__init__(**locals())


class AlertSound(_Andon):
    """The switch of the sound for new alerts; kept in this browser."""

    def __init__(self, id: Id | None = None) -> None:
        super().__init__(**locals())


class AlertList(_Andon):
    """The active list. `rows` is everything, in order of priority; `delta` (`feed.Delta`) moves it forward and is kept.

    Filters stand in the address (`severity`, `state`, `line`, `device`, `shelved`). Rows keep their places while one points at them, has
    chosen some, or a dialog is open. `short` shows so many of those that matter most, as the bell knows them, and nothing where there are
    none (the overview).
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        rows: Sequence[Shown] | None = None,
        delta: dict[str, Any] | None = None,
        now: int | None = None,
        short: int | None = None,
        query: dict[str, str] | None = None,
    ) -> None:
        rows = rows or []
        super().__init__(**locals())


class JournalFilters(_Andon):
    """What of the history is shown: priority, state, line, device. Each choice is an address of its own, a step that Back undoes."""

    def __init__(
        self,
        id: Id | None = None,
        *,
        query: dict[str, str] | None = None,
        severities: Sequence[str] | None = None,
        words: Sequence[str] | None = None,
        lines: Sequence[str] | None = None,
        devices: Sequence[str] | None = None,
    ) -> None:
        super().__init__(**locals())


def feed() -> AlertFeed:
    """The plant's open alerts, shared by everybody who looks."""
    made = flask.current_app.extensions.get(f"{EXTENSION}.alerts")
    if made is None:
        made = flask.current_app.extensions[f"{EXTENSION}.alerts"] = AlertFeed(services())
    return cast(AlertFeed, made)


def verbs_of(who: Actor) -> list[str]:
    """What the person's role may do to alerts."""
    if not who.role.includes(Role.OPERATOR):
        return []
    manager = ["out_of_service", "in_service"] if who.role.includes(Role.MANAGER) else []
    return ["acknowledge", "reset", "resolve", "shelve", "unshelve", *manager]


def desk(who: Actor) -> list[Component]:
    """What the shell has of it."""
    at = feed()
    held = at.held(who)
    return [
        AlertDesk(
            id="shell-desk", news={**at.news(who), "begins": True}, verbs=verbs_of(who),
            minutes=list(SHELVED_MINUTES), reasons=list(REASONS),
        ),
        dcc.Store(id="shell-alerts-held", data=held),
        dcc.Store(id="shell-alerts-pulse"),
    ]


def bell() -> Component:
    """The bell in the header."""
    return html.Span(AlertCount(id="shell-bell", bell=True), className="bell-place")


def register(app: Dash) -> None:
    """The bell's callback, which reads one number each second, and the one that acts."""
    app.clientside_callback(
        ClientsideFunction("andon_shell", "alerts_pulse"), Output("shell-alerts-pulse", "data"), Input("shell-interval", "n_intervals"),
        prevent_initial_call=True,
    )  # fmt: skip

    @app.callback(
        Output("shell-desk", "news"),
        Output("shell-alerts-held", "data"),
        PULSE,
        State("shell-alerts-held", "data"),
        prevent_initial_call=True,
    )
    def show_news(_pulse: int, held: list[int] | None) -> Any:
        who, at = actor(), feed()
        now = at.held(who)
        return (no_update, no_update) if held == now else (at.news(who), now)

    @app.callback(Output("shell-desk", "answered"), Input("shell-desk", "asked"), prevent_initial_call=True)
    def answer(asked: dict[str, Any] | None) -> Any:
        return no_update if not asked else act(services().database, actor(), asked)


def act(database: Database, who: Actor, asked: dict[str, Any], *, now: datetime | None = None) -> dict[str, Any]:
    """Does what was asked to each alert: `{"nonce", "refused": {id: why}}`; nothing is refused that was done."""
    ids = [int(one) for one in asked.get("ids", [])][:MOST_AT_ONCE]
    refused: dict[str, str] = {}
    try:
        if asked.get("verb") == "acknowledge":
            answers = actions.acknowledge_alerts(database, who, ids, str(asked.get("comment") or ""), now=now)
            refused = {str(one.id): _words(one.error) for one in answers if one.error is not None}
        else:
            refused = _each(database, who, ids, asked, now)
    except ActionError as error:  # for all of them alike
        refused = {str(one): _words(error) for one in ids}
    return {"nonce": asked.get("nonce"), "refused": refused}


def _each(database: Database, who: Actor, ids: list[int], asked: dict[str, Any], now: datetime | None) -> dict[str, str]:
    refused = {}
    do = _DOES.get(str(asked.get("verb")))
    for one in ids:
        try:
            if do is None:
                raise ActionError("verb", "this cannot be done to an alert")
            do(database, who, one, asked, now)
        except ActionError as error:
            refused[str(one)] = _words(error)
    return refused


def _shelve(database: Database, who: Actor, alert_id: int, asked: dict[str, Any], now: datetime | None) -> None:
    minutes, reason = asked.get("minutes"), str(asked.get("comment") or "")
    if minutes is None:
        actions.shelve_alert(database, who, alert_id, reason, until_clear=True, now=now)
        return
    moment = now or datetime.now(UTC)
    actions.shelve_alert(database, who, alert_id, reason, until=moment + timedelta(minutes=float(minutes)), now=moment)


def _plain(action: Callable[..., None]) -> Callable[..., None]:
    def do(database: Database, who: Actor, alert_id: int, asked: dict[str, Any], now: datetime | None) -> None:
        action(database, who, alert_id, str(asked.get("comment") or ""), now=now)

    return do


_DOES: dict[str, Callable[..., None]] = {
    "shelve": _shelve,
    "unshelve": _plain(actions.unshelve_alert),
    "reset": _plain(actions.reset_alert),
    "resolve": _plain(actions.resolve_alert),
    "out_of_service": _plain(actions.out_of_service),
    "in_service": _plain(actions.in_service),
}


def _words(error: ActionError) -> str:
    return f"{sentence(error.reason)}."
