"""What the performance page asks: the range, the figures of it, each beside its target. Page and download alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from dashapp.actions.actor import Actor
from dashapp.domain.alarm_performance import WANTED_SPLIT, Performance, performance, split
from dashapp.domain.fleet import Severity
from dashapp.domain.notices import lasted
from dashapp.domain.shifts import names
from dashapp.ingest.services import Services
from dashapp.ui.parts import format_value
from dashapp.ui.time_range import LONGEST_US, TimeRange, iso, parse_range
from db.queries.alarm_performance import Whose, journal_of
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_reading

PATH = "/alerts/performance"
MOST_OPERATORS = 20
LONGEST_DAYS = 400
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A range with its figures; `shifts` are the names of the plant's own."""

    range: TimeRange
    operators: int
    figures: Performance
    sources: dict[int, Whose]
    shifts: list[str]

    @property
    def query(self) -> dict[str, str]:
        """What stands in the address."""
        return {**dict(parse_qsl(self.range.query)), "operators": str(self.operators)}


@dataclass(frozen=True, slots=True)
class Line:
    """A figure as a table has it: its name, its value in words, its target in words, whether it is met (None: it has none)."""

    name: str
    value: str
    target: str
    met: bool | None
    plain: float | int | None


def shown_for(running: Services, who: Actor, query: Mapping[str, object], now_us: int, zone: str) -> Shown:
    """The figures that an address asks for: `?range=…&operators=2`; by default the last 24 hours and one operator."""
    with tenant_reading(running.database.engine, who.tenant_id) as connection:
        calendars = shift_calendars(connection, "")
        wanted = parse_range(query, now_us, default="24h", first_us=now_us - 365 * DAY_US, zone=zone, calendars=calendars)
        start_us = max(wanted.start_us, now_us - LONGEST_DAYS * DAY_US)
        end_us = max(min(wanted.end_us, now_us), start_us + 1)
        journal = journal_of(connection, start_us, end_us, lines=who.lines)
    operators = operators_of(query.get("operators"))
    figures = performance(journal.happenings, start_us, end_us, operators=operators)
    return Shown(wanted, operators, figures, journal.sources, names(calendars))


def operators_of(said: object) -> int:
    """How many share the alerts; one where nothing sensible is said."""
    text = str(said or "").strip()
    return min(max(int(text), 1), MOST_OPERATORS) if text.isascii() and text.isdigit() and len(text) < 4 else 1


def lines_of(found: Performance) -> list[Line]:
    """Every figure, in the order of the table."""

    def most(name: str, value: float, target: float, unit: str = "") -> Line:
        return Line(name, _said(value, unit), f"at most {_said(target, unit)}", value <= target, value)

    shares = split(found.priorities)
    each = " per operator" if found.operators > 1 else ""
    return [
        Line("Announcements", _said(found.count), "", None, found.count),
        most(f"Mean in 10 minutes{each}", found.mean_per_ten_minutes, 1),
        most(f"Mean in an hour{each}", found.mean_per_hour, 6),
        most(f"Most in 10 minutes{each}", found.peak_ten_minutes, 10),
        Line(f"Most in an hour{each}", _said(found.peak_hour), "", None, found.peak_hour),
        most("Hours with more than 30", found.hours_over, 1, "%"),
        most("Time in flood", found.flood_share, 1, "%"),
        Line("Floods", _said(len(found.floods)), "", None, len(found.floods)),
        Line("The ten most frequent together", _said(found.top_share, "%"), "at most 5\u202f%",
             None if found.top_share is None else found.top_share <= 5, found.top_share),
        most("Chattering sources", len(found.chattering), 0),
        most("Fleeting announcements", found.fleeting, 0),
        most("Stale alerts", len(found.stale), 5),
        *(
            Line(f"Priority {severity.value}", _said(shares.get(severity), "%"), f"about {wanted:.0f}\u202f%",
                 _as_wanted(severity, shares[severity]) if shares else None, shares.get(severity))
            for severity, wanted in WANTED_SPLIT.items()
        ),
        Line("Time to acknowledge, mean", wait(found.mtta_mean_s), "", None, found.mtta_mean_s),
        Line("Time to acknowledge, median", wait(found.mtta_median_s), "", None, found.mtta_median_s),
        Line("Never acknowledged", f"{found.never_acknowledged:,} of {found.asked:,}", "0", found.never_acknowledged == 0,
             found.never_acknowledged),
    ]  # fmt: skip


def csv_rows(shown: Shown) -> list[list[object]]:
    """The figures and the most frequent sources, as a file has them: full precision, seconds, percent."""
    found = shown.figures
    ends: list[object] = [iso(found.start_us), iso(found.end_us), found.operators]
    rows: list[list[object]] = [["from", "to", "operators", "figure", "value", "unit", "target", "met"]]
    for line in lines_of(found):
        unit = "%" if "%" in line.target or "%" in line.value else "s" if line.name.startswith("Time to") else ""
        met = "" if line.met is None else "yes" if line.met else "no"
        target = line.target.replace("\u202f", " ")
        rows.append([*ends, line.name, "" if line.plain is None else line.plain, unit, target, met])
    for severity, count in found.priorities.items():
        rows.append([*ends, f"announcements of priority {severity.value}", count, "", "", ""])
    for place, each in enumerate(found.top, 1):
        whose = shown.sources[each.source]
        name = f"most frequent, {place}: {whose.device_key}, {whose.rule}"
        rows.append([*ends, name, each.count, "", "", "chattering" if each.chattering else ""])
    return rows


def wait(seconds: float | None) -> str:
    """A time to acknowledge in words."""
    return "–" if seconds is None else lasted(seconds)


def too_long(wanted: TimeRange, now_us: int) -> bool:
    """Whether more is asked for than is looked at."""
    return wanted.end_us - wanted.start_us > LONGEST_DAYS * DAY_US and wanted.end_us - wanted.start_us < LONGEST_US and now_us > 0


def _as_wanted(severity: Severity, share: float) -> bool:
    wanted = WANTED_SPLIT[severity]
    return share >= wanted if severity is Severity.LOW else share <= wanted


def _said(value: float | None, unit: str = "") -> str:
    if value is None:
        return "–"
    text = format_value(value, None if value == round(value) else 3 if 0 < abs(value) < 0.1 else 2 if abs(value) < 10 else 1)
    return f"{text}\u202f{unit}" if unit else text
