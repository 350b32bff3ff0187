"""The system `/system`: whether everything works, what comes in, jobs, storage, versions, replicas."""

from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import system as actions
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from dashapp.ui import shell
from dashapp.ui.components import card
from dashapp.ui.context import actor, services
from dashapp.ui.forms import sentence
from dashapp.ui.system import facts, parts

dash.register_page(
    __name__,
    path="/system",
    name="System",
    title="System" + shell.SUFFIX,
    section="Administration",
    order=90,
    nav=True,
    role=Role.ADMIN,
)


def layout(**_query: Any) -> Component:
    """All of it for people of the platform; for administrators of a plant whether it works, and their plant."""
    who, running = actor(), services()
    health = parts.health_card(facts.report(running), details=who.is_platform)
    found = facts.letters(running, who)
    refused = parts.letters_card(found, facts.letter_rows(found))
    plant = parts.pairs_card("This plant", facts.plant_pairs(running, who), "system-plant")
    held = dcc.Store(id="system-held", data={})
    if not who.is_platform:
        return shell.live(health, plant, refused, held)
    stored = facts.sizes(running)
    return shell.live(
        html.Div(parts.figures(running), id="system-figures", className="kpis"),
        card("Readings stored a second, last 15 min", html.Div(parts.rate_line(running), id="system-rate-line"), aside="by this replica"),
        health,
        parts.jobs_card(facts.jobs(running)),
        html.Div(
            [
                parts.storage_card(facts.storage_rows(stored), facts.storage_pairs(running, stored)),
                html.Div([plant, parts.pairs_card("Versions", facts.versions(running), "system-versions")], className="stack"),
            ],
            className="two",
        ),
        refused,
        parts.replicas_card(facts.replica_rows(running)),
        held,
    )


@callback(
    Output("system-summary", "children"),
    Output("system-health", "children"),
    Output("system-letters", "rows"),
    Output("system-letters-count", "children"),
    Output("system-plant", "children"),
    Output("system-held", "data"),
    shell.PULSE,
    State("system-held", "data"),
    prevent_initial_call=True,
)
def show_system(_pulse: int, held: dict[str, Any]) -> Any:
    """What everybody here sees; what is new for people of the platform goes beside it."""
    who, running = actor(), services()
    report, found = facts.report(running), facts.letters(running, who)
    now: dict[str, Any] = {
        "health": [[part.word, part.detail, facts.ago_ms(part.since_ms)] for part in report.parts],
        "letters": [found.count, facts.letter_rows(found)],
        "plant": facts.plant_pairs(running, who),
    }
    if who.is_platform:
        now |= _installation(who, running, held)
    moved = {name for name in now if now[name] != held.get(name)}
    if not moved:
        raise PreventUpdate

    def new(section: str, value: Any) -> Any:
        return value if section in moved else no_update

    return (
        new("health", parts.summary(report)),
        new("health", parts.health_rows(report, details=who.is_platform)),
        new("letters", facts.letter_rows(found)),
        new("letters", parts.letters_words(found)),
        new("plant", parts.pair_rows(now["plant"])),
        {**held, **now},
    )


def _installation(who: Actor, running: Services, held: dict[str, Any]) -> dict[str, Any]:
    """Sends what moved of the sections that only the platform has; what it holds then."""
    stored, points = facts.sizes(running), running.meter.points()
    tiles = [round(running.meter.per_second(), 1), running.meter.lag_s(), running.pipeline.waiting_rows, running.meter.refused_per_minute()]
    jobs = facts.jobs(running)
    now = {
        "tiles": tiles,
        "rate": points[-1:],
        "storage": [facts.storage_rows(stored), facts.storage_pairs(running, stored)],
        "replicas": facts.replica_rows(running),
        "jobs": {job.name: [job.what, facts.job_line(job), facts.job_notes(job)] for job in jobs},
    }
    before = held.get("jobs") or {}
    if tiles != held.get("tiles"):
        dash.set_props("system-figures", {"children": parts.figures(running)})
    if points and points[-1][0] - ((held.get("rate") or [[0]])[0][0]) >= 10_000:
        dash.set_props("system-rate", {"points": points})
    else:
        now["rate"] = held.get("rate") or now["rate"]
    if now["storage"] != held.get("storage"):
        dash.set_props("system-storage", {"rows": now["storage"][0]})
        dash.set_props("system-storage-pairs", {"children": parts.pair_rows(now["storage"][1])})
    if now["replicas"] != held.get("replicas"):
        dash.set_props("system-replicas", {"rows": now["replicas"]})
    for job in jobs:
        if now["jobs"][job.name] != before.get(job.name):
            dash.set_props({"type": "system-job", "job": job.name}, {"children": parts.job_text(job)})
    return now


@callback(Output("system-said", "children"), Input({"type": "system-run", "job": ALL}, "n_clicks"), prevent_initial_call=True)
def run_now(_clicks: Any) -> str:
    """Asks the replica that runs the jobs; the row of the job says what became of it."""
    if not ctx.triggered_id or not ctx.triggered[0]["value"]:
        raise PreventUpdate
    name = ctx.triggered_id["job"]
    try:
        actions.run_job(services().database, actor(), name)
    except ActionError as error:
        return f"Not done: {sentence(error.reason)}."
    except Forbidden:
        return "Not done: this is for people of the platform."
    facts.forget_jobs(services())
    return f"{name} is asked for."
