"""The page `/system` as components, section by section."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashapp.ingest.health import Mood, Part, Report
from dashapp.ingest.meter import KEPT_S
from dashapp.ingest.services import Services
from dashapp.ui.components import Sparkline, card, chip, kpi
from dashapp.ui.system import facts
from dashapp.ui.tables import Cell, DataTable
from db.queries.system import JobRow, Letters

PRIORITIES: dict[Mood, str] = {"bad": "critical", "warn": "medium", "good": "", "off": ""}
REPLICA_COLUMNS = ("Host", "Process", "Version", "Started", "Jobs", "Readings/s", "Last heard of")
JOB_COLUMNS = ("Last run", "Took", "Due", "Runs", "Failed")


def figures(services: Services) -> list[Component]:
    """What comes in, as four tiles."""
    meter, lag = services.meter, services.meter.lag_s()
    waiting = services.pipeline.waiting_rows
    return [
        kpi("Readings stored", meter.per_second(), " / s", "by this replica, last 5 s", decimals=1),
        kpi("From door to commit", None if lag is None else 1000 * lag, " ms", "the longest of the last 5 s", decimals=0),
        kpi("Waiting", waiting, "", f"of {services.settings.queue_rows:,} that may", share=100 * waiting / services.settings.queue_rows),
        kpi("Refused", meter.refused_per_minute(), " / min", "what could not be stored, and posts sent away", decimals=0),
    ]


def rate_line(services: Services) -> Component:
    """The last fifteen minutes."""
    label = "Readings stored a second, last 15 min"
    return Sparkline(
        id="system-rate", points=services.meter.points(), window_s=KEPT_S, period_s=10, label=label, unit="/s", height=56
    )


def summary(report: Report) -> Component:
    """All of it in one sentence."""
    bad = [part for part in report.parts if part.mood == "bad"]
    odd = [part for part in report.parts if part.mood == "warn"]
    if bad:
        return html.P([chip("critical", "Trouble"), " ", f"{_names(bad)}: see what to do below."], className="system-summary")
    if odd:
        return html.P([chip("medium", "Look at"), " ", f"{_names(odd)}. Readings are stored meanwhile."], className="system-summary")
    return html.P([chip("", "All is well"), " ", "Every part does what it should."], className="system-summary")


def _names(parts: Sequence[Part]) -> str:
    return ", ".join(part.name for part in parts)


def health_rows(report: Report, *, details: bool) -> list[Component]:
    """A row a part: its word, since when, what it says, what to do."""
    return [_health_row(part, details=details) for part in report.parts]


def _health_row(part: Part, *, details: bool) -> Component:
    priority = PRIORITIES[part.mood]
    said = [part.detail] if details and part.detail else []
    inside = [html.Span(said, className="muted")] if said else []
    if part.advice and details:
        inside.append(html.Div(part.advice))
    since = facts.ago_ms(part.since_ms).removesuffix(" ago")
    return html.Tr([html.Th(part.name, scope="row"), html.Td(chip(priority, part.word)), html.Td(f"for {since}"), html.Td(inside)])


def health_card(report: Report, *, details: bool) -> Component:
    """How each part is."""
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in ("Part", "Is", "Since", "What it says")]))
    table = html.Table(
        [html.Caption("Parts", className="sr-only"), head, html.Tbody(health_rows(report, details=details), id="system-health")],
        className="table system-health",
    )
    return card("Health", html.Div(summary(report), id="system-summary"), scrolled(table, "Health of each part"))


def jobs_card(jobs: Sequence[JobRow]) -> Component:
    """Every job, with a button that lets it run."""
    rows = [
        html.Li(
            [
                html.Div(job_text(job), id={"type": "system-job", "job": job.name}, className="system-job"),
                html.Button("Run now", id={"type": "system-run", "job": job.name}, type="button", className="btn tiny", n_clicks=0,
                            **{"aria-label": f"Run now: {job.name}"}),
            ]
        )
        for job in jobs
    ]  # fmt: skip
    said = html.Div("", id="system-said", role="status", className="sim-said")
    return card("Jobs", said, html.Ul(rows, className="system-jobs"), aside="one replica runs them; “Run now” reaches it from any other")


def job_text(job: JobRow) -> list[Component]:
    """What changes of a job."""
    values = facts.job_line(job)
    failed = bool(job.failures)
    pairs = [
        html.Span([html.Span(name.lower() + " ", className="faint"), html.B(value) if name == "Failed" and failed else value])
        for name, value in zip(JOB_COLUMNS, values, strict=True)
    ]
    notes = [html.P([chip("high", "Trouble"), " ", words] if bad else words, className="small") for words, bad in facts.job_notes(job)]
    head = html.Div([html.B(job.name), " ", html.Span(job.what, className="muted")])
    return [head, html.Div(pairs, className="system-pairs small"), *notes]


def storage_card(rows: list[list[Cell]], pairs: facts.Pairs) -> Component:
    """Sizes, growth, and how long the disk lasts."""
    table = DataTable(id="system-storage", rows=rows, columns=["Table or partition", "Rows, about", "Size", ""], numbers=[1, 2],
                      caption="Sizes of tables and partitions")  # fmt: skip
    said = html.Div(pair_rows(pairs), className="pairs", id="system-storage-pairs")
    return card("Storage", said, scrolled(table, "Storage"), aside=f"read every {facts.STORAGE_EVERY_S} s at most")


def letters_card(found: Letters, rows: list[list[Cell]]) -> Component:
    """Refused readings of this plant."""
    columns = ["Received", "Door", "Field", "Why", "What came, its beginning"]
    caption = "Refused readings, the newest first"
    table = DataTable(id="system-letters", rows=rows, columns=columns, caption=caption, className="system-letters")
    count = html.Span(letters_words(found), id="system-letters-count")
    return card("Refused readings of this plant", scrolled(table, "Refused readings"), aside=count)


def letters_words(found: Letters) -> str:
    """How many there are."""
    if not found.count:
        return "none: everything that came was stored"
    shown = len(found.newest)
    return f"{found.count:,} kept, the newest {shown} shown" if found.count > shown else f"{found.count:,} kept"


def replicas_card(rows: list[list[Cell]]) -> Component:
    """Who serves."""
    table = DataTable(id="system-replicas", rows=rows, columns=REPLICA_COLUMNS, numbers=[1, 5], caption="Replicas")
    return card("Replicas", scrolled(table, "Replicas"))


def pairs_card(title: str, pairs: facts.Pairs, id: str) -> Component:
    """Names and values."""
    return card(title, html.Div(pair_rows(pairs), className="pairs", id=id))


def pair_rows(pairs: facts.Pairs) -> list[Component]:
    """Names and values, one a line."""
    return [html.Div([html.Span(name), html.B(value)]) for name, value in pairs]


def scrolled(table: Component, name: str) -> Component:
    """Wide tables move by themselves, not the page; by the keyboard too."""
    return html.Div(table, className="table-scroll", tabIndex="0", role="region", **{"aria-label": name})
