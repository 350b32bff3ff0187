"""What a page of production is about: the plant, a line or a machine, over a range. All of it stands in the address.

`/oee?line=Building A&range=yesterday`, `/oee?machine=MX-02&from=…&to=…`. Days and shifts are by the plant's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import Connection

from dashapp.domain.addresses import joined
from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.shifts import ShiftCalendar, of_line
from dashapp.ui.context import actor, catalogue
from dashapp.ui.device.data import now_us as clock_us
from dashapp.ui.time_range import DAY_US, TimeRange, address_time, length_us_of, midnight_us, names_shift, parse_range
from db.queries.production import Known, production_known
from db.queries.production_facts import ProducingMachine, producing_machines
from db.queries.shifts import shift_calendars

OEE, EXPLAIN, PRODUCTION = "/oee", "/oee/explain", "/production"
PRESETS = [
    ["today", "Today", "today, by the plant's clock"],
    ["yesterday", "Yesterday", "yesterday, by the plant's clock"],
    ["7d", "7 d", "7 days with today"],
    ["30d", "30 d", "30 days with today"],
    ["90d", "90 d", "90 days with today"],
]
LONGEST_US = 400 * DAY_US
NO_LINE = "No line"


@dataclass(frozen=True, slots=True)
class Scope:
    """Machines over a range. `machines` are those that the person may see of what is chosen, `everyone` all of theirs.

    `end_us` is not after now; `note` says why it is not quite what was asked for.
    """

    machines: tuple[ProducingMachine, ...]
    everyone: tuple[ProducingMachine, ...]
    line: str | None
    machine: ProducingMachine | None
    range: TimeRange
    start_us: int
    end_us: int
    zone: str  # of the plant
    calendars: tuple[ShiftCalendar, ...]
    known: Known
    now_us: int
    note: str = ""

    @property
    def ids(self) -> list[int]:
        return [machine.id for machine in self.machines]

    @property
    def name(self) -> str:
        """`MX-02 Welding Station Beta`, `Building A`, `Plant`."""
        if self.machine is not None:
            return machine_name(self.machine)
        return "Plant" if self.line is None else self.line or NO_LINE

    @property
    def moves(self) -> bool:
        """Whether the range goes on with the time."""
        return self.range.end_us > self.now_us - 2 * MINUTE_US

    @property
    def what(self) -> list[tuple[str, str]]:
        """The place as it stands in an address."""
        if self.machine is not None:
            return [("machine", self.machine.key)]
        return [] if self.line is None else [("line", self.line)]

    def address(self, path: str, *more: tuple[str, str], fixed: bool = False, place: Sequence[tuple[str, str]] | None = None) -> str:
        """A page of the same place (or `place`) and range; `fixed`: with the two times that the range is at the moment."""
        span = parse_qsl(self.range.query)
        if fixed or self.range.problem:
            span = [("from", address_time(self.start_us)), ("to", address_time(self.end_us))]
        return joined(path, [*(self.what if place is None else place), *span, *more])


def machine_name(machine: ProducingMachine) -> str:
    """`MX-02 Welding Station Beta`."""
    return machine.key if machine.name in ("", machine.key) else f"{machine.key} {machine.name}"


def scope_of(connection: Connection, query: Mapping[str, Any], *, default: str = "today") -> Scope:
    """What an address asks for; a machine or line that there is none of is the plant, with a note."""
    lines, now_us, zone = actor().lines, clock_us(), catalogue().zone
    everyone = tuple(one for one in producing_machines(connection) if lines is None or one.line in lines)
    machine = next((one for one in everyone if one.key == query.get("machine")), None)
    line = None if machine or query.get("line") is None else str(query["line"])
    chosen = (machine,) if machine else tuple(one for one in everyone if line is None or one.line == line)
    note = ""
    if query.get("machine") and machine is None:
        note = f"There is no machine {str(query['machine'])[:60]} that counts what it makes."
    elif line is not None and not chosen:
        note, line, chosen = f"There is no line {line[:60]} with machines that count what they make.", None, everyone
    place = machine.line if machine else line or ""
    calendars = tuple(of_line(shift_calendars(connection), place))
    known = production_known(connection, [one.id for one in chosen])
    first_us = known.since_us if known.since_us is not None else now_us - DAY_US
    asked = _range(query, now_us, zone, calendars, default, first_us)
    start_us = max(asked.start_us, now_us - LONGEST_US) // MINUTE_US * MINUTE_US
    end_us = max(-(-min(asked.end_us, now_us) // MINUTE_US) * MINUTE_US, start_us + MINUTE_US)
    said = " ".join(each for each in (note, asked.problem or asked.note) if each)
    return Scope(chosen, everyone, line, machine, asked, start_us, end_us, zone, calendars, known, now_us, said)


def _range(query: Mapping[str, Any], now_us: int, zone: str, calendars: Sequence[ShiftCalendar], default: str, first_us: int) -> TimeRange:
    """As the address says; of several days back from now whole days, the first one too."""
    named = calendars if names_shift(query.get("range")) else ()
    wanted = query if any(query.get(name) for name in ("range", "from", "to")) else {"range": default}
    asked = parse_range(wanted, now_us, default="24h", first_us=first_us, zone=zone, calendars=named)
    if asked.preset is None or asked.name or names_shift(asked.preset) or asked.problem:
        return asked
    if asked.preset == "all":
        return replace(asked, start_us=midnight_us(asked.start_us, zone))
    length_us = length_us_of(asked.preset)
    if length_us < 2 * DAY_US or length_us % DAY_US:
        return asked
    return replace(asked, start_us=midnight_us(now_us, zone, days_back=length_us // DAY_US - 1))
