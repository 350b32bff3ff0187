"""What the OEE page is made of. Every figure is a link to what is behind it."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.domain.addresses import joined
from dashapp.domain.oee import NO_PLANNED_TIME, Figure, Loss, OeeFigures, ProductionSums, Step, WaterfallStep, figures, waterfall
from dashapp.domain.periods import By, Period
from dashapp.ui.components import Gauge, HourHeatmap, card, chip
from dashapp.ui.device.view import MONTHS, local, when
from dashapp.ui.figures.production_charts import Point, trend_chart, waterfall_chart
from dashapp.ui.parts import format_value, picture_button
from dashapp.ui.production.parts import file_links, inside, source, table
from dashapp.ui.production.scope import EXPLAIN, OEE, PRODUCTION, Scope
from dashapp.ui.production.sheet import Row, Sheet, by_oee, choices, oee_grid
from dashapp.ui.production.words import figure_words, percent, short_span, span_words, units_words
from dashapp.ui.time_range import address_time
from dashapp.ui.zones import viewer_zone

WORDS = {By.HOUR: "hour", By.SHIFT: "shift", By.DAY: "day"}
MOST_ROWS = 60  # of the heatmap


def crumbs(scope: Scope) -> Component:
    """Where one is, and the way up."""
    steps: list[Component] = []
    if scope.line is not None or scope.machine is not None:
        steps += [inside("Plant", scope.address(OEE, place=[]), "crumb"), html.Span("/", className="faint", **{"aria-hidden": "true"})]
    if scope.machine is not None and scope.machine.line:
        line = [("line", scope.machine.line)]
        steps += [
            inside(scope.machine.line, scope.address(OEE, place=line), "crumb"),
            html.Span("/", className="faint", **{"aria-hidden": "true"}),
        ]
    return html.Div([*steps, html.B(scope.name, id="oee-name")], className="page-head")


# ---- Tiles


def tiles(sheet: Sheet, target: float) -> list[Component]:
    """OEE as a gauge, its three factors, and how much of the time is known."""
    scope, sums, found = sheet.scope, sheet.total, figures(sheet.total)
    return [
        _gauge(scope, found, target),
        _tile(scope, "availability", "Availability", found.availability, _ran(sums)),
        _tile(scope, "effectiveness", "Effectiveness", found.effectiveness, _pace(sums, found)),
        _tile(scope, "quality", "Quality ratio", found.quality, _good(sums)),
        _tile(scope, "known", "Known time", found.known, _known(sums)),
        *_more(scope, found),
    ]


def _explain(scope: Scope, name: str) -> str:
    return scope.address(EXPLAIN, ("figure", name))


def _gauge(scope: Scope, found: OeeFigures, target: float) -> Component:
    value = found.oee.value
    note: Any = f"target {percent(target)}"
    if value is not None:
        note = f"{note}, {format_value(100 * abs(value - target), 1)} points {'above' if value >= target else 'below'} it"
    body = (
        Gauge(value=round(100 * value, 1), unit="%", low=0, high=100, limit_low=100 * target, label=f"OEE, {scope.name}", hide_label=True)
        if value is not None
        else html.Div(found.oee.why, className="figure-word")
    )
    inner = [html.Div(f"OEE, {scope.name}", className="kpi-label"), body, html.Div(note, className="kpi-note")]
    return inside(inner, _explain(scope, "oee"), "card kpi figure-link oee-gauge", **{"data-figure": "oee"})


def _tile(scope: Scope, name: str, label: str, figure: Figure, note: Any) -> Component:
    value = [percent(figure.value)[:-2], html.Span("%", className="kpi-unit")] if figure.value is not None else figure.why
    look = "kpi-value" if figure.value is not None else "kpi-value figure-word"
    inner: list[Any] = [html.Div(label, className="kpi-label"), html.Div(value, className=look)]
    if name in ("effectiveness",) and figure.flagged:
        inner.append(html.Div(chip("medium", "above 100 %"), className="kpi-flag"))
    inner.append(html.Div(note, className="kpi-note"))
    return inside(inner, _explain(scope, name), "card kpi figure-link", **{"data-figure": name})


def _ran(sums: ProductionSums) -> str:
    return f"ran {span_words(sums.production_s)} of {span_words(sums.known_s)}" if sums.known_s else "nothing to count"


def _pace(sums: ProductionSums, found: OeeFigures) -> str:
    if found.flagged:
        return "faster than planned: is the planned run time per item right?"
    if sums.unrated:
        return f"{units_words(sums.unrated)} units have no planned run time"
    return f"planned {span_words(sums.ideal_s)} for {units_words(sums.produced)} units"


def _good(sums: ProductionSums) -> str:
    return "not every machine counts rejects" if sums.good is None else f"{units_words(sums.good)} of {units_words(sums.produced)} good"


def _known(sums: ProductionSums) -> str:
    if not sums.planned_s:
        return NO_PLANNED_TIME
    return "all of the planned time" if sums.unknown_s <= 0 else f"nothing is known of {span_words(sums.unknown_s)}"


def _more(scope: Scope, found: OeeFigures) -> list[Component]:
    """The other figures of ISO 22400-2."""
    listed = [
        ("nee", "NEE", figure_words(found.nee), "setup does not count"),
        ("teep", "TEEP", figure_words(found.teep), "of all time, planned or not"),
        ("mtbf", "MTBF", _length(found.mtbf_s), "production time between failures"),
        ("mttr", "MTTR", _length(found.mttr_s), "time to repair a failure"),
    ]
    return [
        inside(
            [html.Div(name, className="kpi-label"), html.Div(value, className="kpi-value second"), html.Div(note, className="kpi-note")],
            _explain(scope, key),
            "card kpi figure-link",
            **{"data-figure": key},
        )
        for key, name, value, note in listed
    ]


def _length(figure: Figure) -> str:
    return span_words(figure.value) if figure.value is not None else figure.why


# ---- Where the time went


def loss_href(scope: Scope, key: str) -> str:
    """The stops of a loss; of what is no stop what is behind it."""
    stops = {str(loss) for loss in (Loss.FAILURE, Loss.SETUP, Loss.WAITING, Loss.UNEXPLAINED, Loss.PLANNED)}
    return scope.address(PRODUCTION, ("loss", key)) if key in stops else scope.address(EXPLAIN, ("figure", key))


def losses_source(sheet: Sheet) -> dict[str, Any]:
    """The waterfall."""
    steps = waterfall(sheet.total)
    hrefs = {step.key: loss_href(sheet.scope, step.key) for step in steps}
    missing = next((step.why for step in steps if step.why), "")
    if not steps:
        says = f"{figures(sheet.total).oee.why.capitalize()}: there is nothing to divide."
    else:
        rest = f"Not every loss can be told: {missing}." if missing else "Press a loss for what is behind it."
        says = f"From planned to good production time. {rest}"
    return source("losses", "Where the time went", says, waterfall_chart(steps, hrefs), narrow=waterfall_chart(steps, hrefs, lying=True))


def worst_loss(steps: list[WaterfallStep]) -> WaterfallStep | None:
    """The loss that took most."""
    lost = [step for step in steps if step.kind is not Step.TIME and step.seconds is not None and step.seconds > 0]
    return max(lost, key=lambda step: step.seconds or 0.0, default=None)


def losses_table(sheet: Sheet) -> Component:
    """Every loss with its time, the greatest first; each leads to its stops."""
    steps = [step for step in waterfall(sheet.total) if step.kind is not Step.TIME]
    steps.sort(key=lambda step: -(step.seconds or 0.0))
    rows: Any = [
        [
            {"text": step.words, "href": loss_href(sheet.scope, step.key)},
            short_span(step.seconds) if step.seconds is not None else step.why,
            percent(step.share),
            "–" if step.count is None else units_words(step.count),
        ]
        for step in steps
        if step.seconds is None or abs(step.seconds) >= 0.5
    ]
    return table("Losses, the greatest first", ["Loss", "Time", "Of planned", "Stops"], rows, numbers=[1, 2, 3], id="oee-losses")


# ---- Trend


def trend_source(sheet: Sheet, target: float) -> dict[str, Any]:
    """OEE by hour, shift or day."""
    scope, zone = sheet.scope, viewer_zone()
    points = [_point(scope, part, sums, zone) for part, sums in zip(sheet.parts, sheet.trend, strict=True)]
    there = sum(point.value is not None for point in points)
    noun = WORDS[sheet.by] if len(points) == 1 else f"{WORDS[sheet.by]}s"
    says = f"{len(points)} {noun}. Press one to look into it."
    if there < len(points):
        says = f"{there} of {len(points)} {noun}; the others had no planned time or are not known. Press one to look into it."
    figure = trend_chart(points, scope.start_us, scope.end_us, zone, target)
    return source("trend", f"OEE by {WORDS[sheet.by]}", says, figure)


def _point(scope: Scope, part: Period, sums: ProductionSums, zone: str) -> Point:
    oee = figures(sums).oee
    name = f"{part.name}, " if part.name else ""
    words = f"{name}{when(part.start_us, zone)}<br><b>{figure_words(oee)}</b><br>{units_words(sums.produced)} units"
    ends = [("from", address_time(part.start_us)), ("to", address_time(part.end_us))]
    return Point(part.start_us, part.end_us, oee.value, words, joined(OEE, [*scope.what, *ends]))


def by_choice(sheet: Sheet) -> Component:
    """What the trend and the heatmap are cut into."""
    scope = sheet.scope
    links = [
        inside(WORDS[by].capitalize(), scope.address(OEE, ("by", by.value)), **({"aria-current": "true"} if by is sheet.by else {}))
        for by in choices(scope)
    ]
    return html.Div(links, className="segments", role="group", **{"aria-label": "A point is"})


# ---- Lines, machines, heatmap


def rows_cards(sheet: Sheet) -> list[Component]:
    """Lines of a plant that has several, and its machines, the worst first."""
    scope = sheet.scope
    made = []
    if scope.machine is None and scope.line is None and len(sheet.lines) > 1:
        made.append(_rows_card(scope, "Lines, the worst first", sheet.lines, "lines"))
    if scope.machine is None:
        made.append(_rows_card(scope, "Machines, the worst first", list(sheet.machines), "machines"))
    return made


def _rows_card(scope: Scope, title: str, listed: list[Row], name: str) -> Component:
    csv = file_links(scope.address(f"{OEE}.csv", ("table", name), fixed=True), title)
    columns = [title.split(",")[0][:-1], "OEE", "Availability", "Effectiveness", "Quality", "Known", "Worst loss"]
    body = table(title, columns, [_row(scope, row) for row in by_oee(listed)], numbers=[1, 2, 3, 4, 5], id=f"oee-{name}", save=False)
    return card(title, body, aside=csv)


def _row(scope: Scope, row: Row) -> list[Any]:
    found, worst = figures(row.sums), worst_loss(waterfall(row.sums))
    words = "–" if worst is None else f"{worst.words}, {span_words(worst.seconds)}"
    oee: Any = {"text": figure_words(found.oee), "href": scope.address(EXPLAIN, ("figure", "oee"), place=[row.place])}
    pace = figure_words(found.effectiveness) + (" ■ above 100 %" if found.flagged else "")
    return [
        {"text": row.name, "href": scope.address(OEE, place=[row.place])},
        oee,
        figure_words(found.availability),
        pace,
        figure_words(found.quality),
        figure_words(found.known),
        words,
    ]


def heat_card(sheet: Sheet) -> Component:
    """OEE of each machine in each period."""
    scope = sheet.scope
    columns = [_label(part, sheet.by) for part in sheet.parts]
    values = oee_grid(sheet.grid)
    shown = scope.machines[:MOST_ROWS]
    rows: Any = [
        {
            "key": machine.key,
            "href": scope.address(OEE, place=[("machine", machine.key)]),
            "values": [None if value != value else round(100 * value, 2) for value in cells],
        }
        for machine, cells in zip(shown, values.tolist(), strict=False)
    ]
    title = f"OEE by machine and {WORDS[sheet.by]}"
    if len(shown) < len(scope.machines):
        title += f", {len(shown)} of {len(scope.machines)} machines"
    csv = file_links(scope.address(f"{OEE}.csv", ("table", "grid"), ("by", sheet.by.value), fixed=True), title)
    ends = " ".join(f"{address_time(part.start_us)}/{address_time(part.end_us)}" for part in sheet.parts)
    heat = HourHeatmap(rows=rows, hours=columns, caption=title, unit="%", decimals=1, max=100, pressable=True)
    says = "The fuller the better. Press a cell to look into it; arrow keys go from cell to cell. Hatched: not planned, or not known."
    return card(
        title,
        html.P(says, className="chart-says"),
        html.Div(
            heat, className="oee-heat scrolls", tabIndex="0", role="group", **{"data-columns": ends, "data-path": OEE, "aria-label": title}
        ),
        aside=[picture_button(title), csv],
    )


def _label(part: Period, by: By) -> str:
    if by is By.HOUR:
        return f"{local(part.start_us, viewer_zone()):%H}"
    day = f"{part.day.day} {MONTHS[part.day.month - 1]}"
    return f"{day} {part.name}" if by is By.SHIFT else day
