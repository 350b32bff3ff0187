"""Dead letters `/dead-letters`: what was refused, as it came, with why; replayed or dropped here (IN-7, UI-6)."""

from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import dead_letters as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.ingest.batch import Busy, Unavailable
from dashapp.ingest.replay import replay
from dashapp.ui import shell
from dashapp.ui.components import card
from dashapp.ui.connections import letters
from dashapp.ui.context import actor, services
from dashapp.ui.device.data import plant_reading, viewer_zone
from dashapp.ui.forms import sentence
from db.queries import connections, dead_letters
from db.queries.dead_letters import Wanted

PATH = "/dead-letters"

dash.register_page(
    __name__, path=PATH, name="Dead letters", title="Dead letters" + shell.SUFFIX, section="Connect", order=53, nav=True, role=Role.MANAGER
)


def layout(state: str = "open", door: str = "", source: str = "", search: str = "", **_query: Any) -> Component:
    """The letters that the address asks for, the newest first."""
    wanted = Wanted(state if state in dead_letters.STATES else "open", door[:20], source[:200], search[:200])
    version, body, names = _state(wanted, 1)
    return shell.live(
        card(
            "Dead letters",
            html.P("Readings that could not be stored, kept as they came. Mend the cause, then replay them: nothing is stored twice.",
                   className="muted"),
            letters.filters(wanted, names),
            html.P("Just a moment …", id="letters-busy", role="status", className="form-message", hidden=True),
            html.P(id="letters-said", role="status", className="form-message"),
            html.Button("Show what is new", id="letters-news", type="button", className="btn", n_clicks=0, hidden=True),
            html.Div(body, id="letters"),
        ),
        dcc.Store(id="letters-version", data=version),
        dcc.Store(id="letters-pages", data=1),
    )  # fmt: skip


def _state(wanted: Wanted, pages: int) -> tuple[str, list[Component], list[tuple[str, str, str]]]:
    """(version, the list, (door, source, name) of the open ones)."""
    with plant_reading() as connection:
        version = dead_letters.letters_version(connection)
        rows = dead_letters.dead_letters(connection, wanted, limit=letters.PAGE * pages + 1)
        total = dead_letters.count_letters(connection, wanted)
        sources = dead_letters.letter_sources(connection)
        known = {f"connection:{row['id']}": row["name"] for row in connections.connections(connection)}
    named = [(door, source, known.get(source, source)) for door, source in sources]
    return version, letters.letter_list(rows, wanted, total, pages, known, viewer_zone()), named


def _wanted(values: list[Any]) -> Wanted:
    state, sender, search = values
    door, _, source = str(sender or "").partition("|")
    return Wanted(str(state if state in dead_letters.STATES else "open"), door, source, str(search or "").strip()[:200])


FILTERS = [Input("letters-state", "value"), Input("letters-sender", "value"), Input("letters-search", "value")]


@callback(
    Output("letters-news", "hidden"), shell.PULSE, State("letters-version", "data"), State("letters-news", "hidden"),
    prevent_initial_call=True,
)  # fmt: skip
def show_news(_pulse: Any, held: str, hidden: bool) -> bool:
    """Says that letters came or were settled elsewhere. The list stays as it is: somebody may be reading one."""
    with plant_reading() as connection:
        same = dead_letters.letters_version(connection) == held
    if same == hidden:
        raise PreventUpdate
    return same


@callback(
    Output("letters", "children"), Output("letters-pages", "data"), Output("letters-version", "data"),
    Input("letters-news", "n_clicks"), *FILTERS, Input({"type": "letters-older", "at": ALL}, "n_clicks"),
    State("letters-pages", "data"), prevent_initial_call=True,
)  # fmt: skip
def show_letters(_news: int, state: str, sender: str, search: str, older: list[int | None], pages: int) -> Any:
    """The list as it is now, as far as it was opened."""
    asked = ctx.triggered_id
    if isinstance(asked, dict):
        if not any(older):
            raise PreventUpdate
        pages += 1
    else:
        pages = 1
    version, body, _ = _state(_wanted([state, sender, search]), pages)
    return body, pages, version


@callback(
    Output("letters-said", "children"),
    Output("letters", "children", allow_duplicate=True),
    Output("letters-version", "data", allow_duplicate=True),
    Input({"type": "letter-do", "what": ALL, "letter": ALL}, "n_clicks"),
    *[State(each.component_id, "value") for each in FILTERS],
    State("letters-pages", "data"),
    prevent_initial_call=True,
    running=[(Output("letters-busy", "hidden"), False, True)],
)
def do_with_letters(_clicks: list[int], state: str, sender: str, search: str, pages: int) -> Any:
    """Replays or drops one letter, or all that fit what is chosen."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    wanted, what, letter = _wanted([state, sender, search]), ctx.triggered_id["what"], int(ctx.triggered_id["letter"])
    try:
        said = _do(what, _ids(wanted) if letter == 0 else [letter])
    except ActionError as error:
        said = f"{sentence(error.reason)}."
    except (Busy, Unavailable, TimeoutError):
        return "The database is busy or away: nothing is lost, try again in a moment.", no_update, no_update
    version, body, _ = _state(wanted, pages)
    return said, body, version


def _ids(wanted: Wanted) -> list[int]:
    with plant_reading() as connection:
        return dead_letters.open_ids(connection, wanted, actions.MOST_AT_ONCE)


def _do(what: str, ids: list[int]) -> str:
    running = services()
    if what == "drop":
        dropped = actions.drop_letters(running.database, actor(), ids)
        return f"{dropped} dropped." if dropped != 1 else "Dropped."
    register = running.register
    if what != "replay" or register is None:
        raise PreventUpdate
    done = actions.replay_letters(running.database, actor(), ids, lambda tenant, found: replay(running, register, tenant, found))
    if not done.refused:
        return "Stored." if done.stored == 1 else f"{done.stored} stored."
    refused = f"Still refused: {done.reason}." if len(ids) == 1 else f"{done.refused} still refused, the first because {done.reason}."
    return refused if not done.stored else f"{done.stored} stored. {refused}"
