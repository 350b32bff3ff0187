"""What stands in a report, from what the database knows of a period."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dashapp.domain.alarm_performance import Performance, performance
from dashapp.domain.notices import lasted
from dashapp.domain.oee import Figure, OeeFigures, ProductionSums, Step, WaterfallStep, figures, total, waterfall
from dashapp.domain.report_periods import KINDS, MONTHS, Period
from dashapp.notices.facts import Plant, number
from dashapp.reports.model import BAD, FINE, PLAIN, Bar, Chart, Report, Table, Tile
from db.columns import DAY_US, HOUR_US
from db.queries.alarm_performance import Journal, journal_of
from db.queries.production import device_ids_on, production_table, production_trend
from db.queries.production_facts import ProducingMachine, producing_machines
from db.queries.reports import Silence, open_alerts_at, silent_sensors
from db.queries.stops import StopRow, stops_between

MOST_ROWS = 10


@dataclass
class _Facts:
    """Everything that is read for a report."""

    machines: list[ProducingMachine]
    sums: dict[int, ProductionSums]
    before: ProductionSums
    hours: list[tuple[int, ProductionSums]]
    stops: list[StopRow]
    journal: Journal
    alarms: Performance
    silent: list[Silence]
    silent_of: int
    open: list[tuple[str, ...]] = field(default_factory=list)
    still_open: int = 0

    @property
    def whole(self) -> ProductionSums:
        """All machines together."""
        return total(self.sums.values())


def make_report(
    connection: Connection, plant: Plant, kind: str, line: str, period: Period, now: datetime, *, oee_target_percent: int
) -> Report:
    """The report of a period, of a line or ("") the whole plant; inside the tenant's transaction."""
    facts = _read(connection, line, period, plant.zone)
    now_figures, before = figures(facts.whole), figures(facts.before)
    zone = ZoneInfo(plant.zone)
    ends = f"{_when(period.start_us, zone)} – {_when(period.end_us, zone)} ({plant.zone})"
    return Report(
        title=f"{KINDS.get(kind, 'Report')}: {period.words}", plant=plant.name, scope=f"line {line}" if line else "whole plant",
        period=period.words, ends=ends, made=f"{_when(int(now.timestamp() * 1e6), zone)} {now.astimezone(zone):%Z}",
        tiles=tuple(_tiles(facts, now_figures, before)), parts=tuple(_parts(facts, period, zone, oee_target_percent)),
        link=plant.link("/reports"), headline=_headline(facts, now_figures),
    )  # fmt: skip


def _read(connection: Connection, line: str, period: Period, zone: str) -> _Facts:
    lines = [line] if line else None
    ids = device_ids_on(connection, lines=lines)
    ranges = [(period.start_us, period.end_us)]
    earlier = [(period.start_us - DAY_US, period.end_us - DAY_US)]  # the same hours of the day before
    edges = [*range(period.start_us, period.end_us, HOUR_US), period.end_us]
    hours = list(itertools.pairwise(edges))
    table, before = (production_table(connection, ids, one) if ids else {} for one in (ranges, earlier))
    journal = journal_of(connection, period.start_us, period.end_us, lines=lines)
    silent, silent_of = silent_sensors(connection, period.start_us, period.end_us, lines=lines)
    facts = _Facts(
        producing_machines(connection, ids) if ids else [], {device: sums[0] for device, sums in table.items()},
        total(sums[0] for sums in before.values()),
        list(zip((start for start, _ in hours), production_trend(connection, ids, hours), strict=True)) if ids else [],
        stops_between(connection, period.start_us, period.end_us, device_ids=ids) if ids else [], journal,
        performance(journal.happenings, period.start_us, period.end_us), [one for one in silent if one.hours], silent_of * len(silent),
    )  # fmt: skip
    still = open_alerts_at(connection, period.end_us, lines=lines)
    facts.still_open = len(still)
    facts.open = [
        (one.severity, one.message, one.device, lasted((period.end_us - one.raised_us) / 1e6), "yes" if one.acknowledged else "no")
        for one in still[:MOST_ROWS]
    ]
    return facts


def _headline(facts: _Facts, now: OeeFigures) -> str:
    """One sentence that says how it went."""
    alerts = f"{facts.alarms.count:,} alert{'' if facts.alarms.count == 1 else 's'} asked for somebody"
    left = f"{facts.still_open:,} of all" if facts.still_open else "none"
    told = f"{alerts}; {left} {'were' if facts.still_open > 1 else 'was'} open at the end."
    if now.oee.value is None:
        return f"OEE: {now.oee.why}. {told}"
    losses = [(step.words, step.seconds) for step in waterfall(facts.whole) if step.kind is not Step.TIME and step.seconds]
    worst = max(losses, key=lambda one: one[1] or 0, default=None)
    cost = ""
    if worst and (worst[1] or 0) > 0:
        cost = f" The largest loss was {worst[0][0].lower()}{worst[0][1:]} with {_span(worst[1] or 0)} of machine time."
    return f"OEE was {_percent(now.oee)} %.{cost} {told}"


def _tiles(facts: _Facts, now: OeeFigures, before: OeeFigures) -> list[Tile]:
    found = []
    if facts.machines:
        for label, figure, earlier in (
            ("OEE", now.oee, before.oee), ("Availability", now.availability, before.availability),
            ("Effectiveness", now.effectiveness, before.effectiveness), ("Quality", now.quality, before.quality),
        ):  # fmt: skip
            note, tone = _against(figure, earlier)
            found.append(Tile(label, _percent(figure), "%" if figure.value is not None else "", figure.why or note, tone))
        whole = facts.whole
        good = whole.good if whole.good is not None else whole.produced
        rejected = whole.rejected
        scrap = "rejects not measured" if rejected is None else f"{number(round(rejected))} rejected"
        found.append(Tile("Good units", number(round(good)), "", scrap))
        found.append(Tile("Down", *_hours(whole.down_s), note=f"{number(round(whole.stops))} stops"))
    waited = facts.alarms.mtta_median_s
    answered = "nobody was asked" if not facts.alarms.count else "none acknowledged"
    answered = answered if waited is None else f"acknowledged after {lasted(waited)}"
    found.append(Tile("Alerts", f"{facts.alarms.count:,}", "", answered))
    critical = sum(row[0] == "critical" for row in facts.open)
    note, tone = (f"{critical} critical", BAD) if critical else ("", PLAIN)
    found.append(Tile("Open at the end", f"{facts.still_open:,}", "", note, tone))
    if not facts.machines:
        silent = sum(one.hours for one in facts.silent)
        share = 100 * (1 - silent / facts.silent_of) if facts.silent_of else None
        found.append(Tile("Data", "–" if share is None else f"{share:.1f}", "%", "hours of sensors with readings"))
        found.append(Tile("Most in 10 min", number(facts.alarms.peak_ten_minutes), "", "alerts; target 10 at most"))
    return found


def _parts(facts: _Facts, period: Period, zone: ZoneInfo, oee_target_percent: int) -> list[Chart | Table]:
    found: list[Chart | Table] = []
    if steps := [step for step in waterfall(facts.whole) if step.seconds is not None]:
        found.append(_waterfall(steps))
    if any(sums.known_s > 0 for _, sums in facts.hours):
        found.append(_by_hour(facts, zone, oee_target_percent))
    if facts.machines:
        found += [_machines(facts), _stops(facts, period, zone)]
    found += [_alerts_by_hour(facts, period, zone), _top_alerts(facts), _open(facts), _data(facts, zone)]
    return found


def _waterfall(steps: Sequence[WaterfallStep]) -> Chart:
    bars, left = [], 0.0
    for step in steps:
        seconds = step.seconds or 0.0
        if step.kind is Step.TIME:
            left = seconds
            bars.append(Bar(step.words, seconds, _span(seconds)))
        elif abs(seconds) >= 60:
            left -= seconds
            said = f"−{_span(seconds)}" if seconds > 0 else f"+{_span(-seconds)}"
            bars.append(Bar(step.words, seconds, said, left, BAD))
    return Chart("losses", "Where the planned time went", "Machine time, from what was planned down to what made good units.", tuple(bars))


def _by_hour(facts: _Facts, zone: ZoneInfo, target_percent: int) -> Chart:
    bars = []
    for start_us, sums in facts.hours:
        value = figures(sums).oee.value
        bars.append(Bar(f"{_local(start_us, zone):%H:%M}", 0.0 if value is None else 100 * value, "" if value is not None else "–"))
    says = "OEE of each hour in percent; hours without planned time are empty."
    most = max(100.0, *(bar.value for bar in bars))
    return Chart("hours", "OEE by hour", says, tuple(bars), True, most, target_percent, f"target: {target_percent} %", "%")


def _machines(facts: _Facts) -> Table:
    rows = []
    for machine in facts.machines:
        sums = facts.sums.get(machine.id, ProductionSums())
        each = figures(sums)
        losses = [step for step in waterfall(sums) if step.kind is not Step.TIME and (step.seconds or 0) > 0]
        worst = max(losses, key=lambda step: step.seconds or 0, default=None)
        order = 2.0 if each.oee.value is None else each.oee.value
        cells = (
            machine.key, _percent(each.oee), _percent(each.availability), _percent(each.effectiveness), _percent(each.quality),
            number(round(sums.good if sums.good is not None else sums.produced)), _span(sums.down_s),
            f"{worst.words}, {_span(worst.seconds or 0)}" if worst else each.oee.why or "–",
        )  # fmt: skip
        rows.append((order, machine.key, cells))
    rows.sort(key=lambda row: row[:2])
    head = ("Machine", "OEE %", "Avail. %", "Effect. %", "Quality %", "Good units", "Down", "Largest loss")
    shown, widths = tuple(row[2] for row in rows[:30]), (15, 9, 11, 12, 13, 14, 14, 37)
    nothing = "No machine counts what it makes."
    return Table("Machines, the worst first", head, shown, nothing, tuple(range(1, 7)), widths, _more(len(rows), 30))


def _stops(facts: _Facts, period: Period, zone: ZoneInfo) -> Table:
    def length(stop: StopRow) -> float:
        return (min(stop.end_us or period.end_us, period.end_us) - max(stop.start_us, period.start_us)) / 1e6

    longest = sorted(facts.stops, key=length, reverse=True)
    rows = tuple(
        (
            stop.device_key, f"{_local(stop.start_us, zone):%H:%M}", lasted(length(stop)) + ("" if stop.end_us else ", goes on"),
            stop.reason or "no reason given yet", stop.comment,
        )
        for stop in longest[:MOST_ROWS]
    )  # fmt: skip
    return Table("Longest stops", ("Machine", "Began", "Lasted", "Reason", "Remark"), rows, "No machine stood still for long.", (),
                 (14, 9, 16, 30, 40), _more(len(longest), MOST_ROWS))  # fmt: skip


def _alerts_by_hour(facts: _Facts, period: Period, zone: ZoneInfo) -> Chart:
    bars = tuple(
        Bar(f"{_local(period.start_us + n * HOUR_US, zone):%H:%M}", count, str(count) if count else "")
        for n, count in enumerate(facts.alarms.per_hour)
    )
    peak = max((bar.value for bar in bars), default=0)
    says = f"Alerts that asked for somebody, by the hour; {facts.alarms.count:,} in all. ISA-18.2 wants 6 an hour and operator at most."
    return Chart("alerts", "Alerts by hour", says, bars, True, 2.0 * math.ceil(max(peak, 6.0) * 0.55), 6.0, "6 an hour")


def _top_alerts(facts: _Facts) -> Table:
    rows = tuple(
        (facts.journal.sources[each.source].rule, facts.journal.sources[each.source].device_key, facts.journal.sources[each.source].sensor,
         f"{each.count:,}", "chattering" if each.chattering else "")
        for each in facts.alarms.top[:MOST_ROWS]
    )  # fmt: skip
    head = ("Alert", "Device", "Sensor", "Times", "")
    return Table("Most frequent alerts", head, rows, "No alert asked for anybody.", (3,), (38, 18, 22, 9, 14))


def _open(facts: _Facts) -> Table:
    head = ("Priority", "Alert", "Device", "Open for", "Acknowledged")
    widths = (12, 44, 16, 14, 15)
    return Table("Open at the end", head, tuple(facts.open), "Every alert was over.", (), widths, _more(facts.still_open, MOST_ROWS))


def _data(facts: _Facts, zone: ZoneInfo) -> Table:
    silent = sum(one.hours for one in facts.silent)
    rows = tuple(
        (one.device, one.sensor, f"{one.hours} h", "never" if one.last_us is None else _when(one.last_us, zone))
        for one in facts.silent[:MOST_ROWS]
    )
    title = "Data: hours without a reading"
    if facts.silent_of:
        title = f"Data: {100 * (1 - silent / facts.silent_of):.1f} % of the hours of all sensors have readings"
    head, widths = ("Device", "Sensor", "Silent for", "Last reading"), (25, 30, 15, 30)
    return Table(title, head, rows, "Every sensor reported in every hour.", (), widths, _more(len(facts.silent), MOST_ROWS))


def _more(count: int, shown: int) -> str:
    return f"and {count - shown} more" if count > shown else ""


def _against(now: Figure, before: Figure) -> tuple[str, str]:
    if now.value is None or before.value is None:
        return "", PLAIN
    points = 100 * (now.value - before.value)
    if abs(points) < 0.05:
        return "as the day before", PLAIN
    return f"{'+' if points > 0 else '−'}{abs(points):.1f} points to the day before", FINE if points > 0 else BAD


def _percent(figure: Figure) -> str:
    return "–" if figure.value is None else f"{100 * figure.value:.1f}"


def _hours(seconds: float) -> tuple[str, str]:
    return (f"{seconds / 3600:.1f}", "h") if seconds >= 3600 else (f"{seconds / 60:.0f}", "min")


def _span(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 36_000 else lasted(seconds)


def _local(time_us: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(zone)


def _when(time_us: int, zone: ZoneInfo) -> str:
    local = _local(time_us, zone)
    return f"{local.day} {MONTHS[local.month - 1]} {local.year} {local:%H:%M}"
