"""What the overview says of the last hours: states of machines, units, hours of activity. Read now and then, for all viewers at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import numpy as np
from sqlalchemy import Connection

from dashapp.domain.downtime import MachineState, Minutes, Span, machine_spans, off_shift, time_in
from dashapp.domain.oee import Figure, ProductionSums, figures
from dashapp.domain.shifts import ShiftCalendar, busy_intervals, of_line
from dashapp.ui.cards import Background, Sensor, Watched
from dashapp.ui.components import TimelineRow
from dashapp.ui.time_range import HOUR_US, MINUTE_US, midnight_us, same_time_days_ago_us
from db.queries.activity import Counted, MinuteSums, averages, minute_sums, minutes_reported, units_counted
from db.queries.production import production_grid
from db.queries.series import Activity, hourly_activity
from db.queries.shifts import shift_calendars

SHOWN_US = 8 * HOUR_US
RATE_US = 15 * MINUTE_US
MOST_MACHINES = 40  # rows of the timeline; more are no picture
MOST_ROWS = 60  # of the heatmap
HOURS = 24


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A device's last 24 hours: units where it counts them, else minutes with readings; None where nothing is known."""

    key: str
    counts: bool
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class PlantActivity:
    """All of it, as of `at_us`. `spans` are by device key, `counted` by sensor id."""

    at_us: int
    start_us: int
    spans: dict[str, list[Span]] = field(default_factory=dict)
    machines: int = 0
    counted: dict[int, Counted] = field(default_factory=dict)
    background: Background = field(default_factory=Background)
    heat: tuple[HeatRow, ...] = ()
    heat_start_us: int = 0
    oee: Figure | None = None  # of all machines since the plant's midnight; None without machines

    def timeline(self) -> list[TimelineRow]:
        """Rows for `components.StateTimeline`."""
        return [
            {
                "key": key,
                "href": f"/devices/{quote(key, safe='')}",
                "spans": [
                    (span.start_us // 1000, span.end_us // 1000, _word(span), _reason(span))
                    for span in spans
                    if span.state is not MachineState.UNKNOWN
                ],
            }
            for key, spans in self.spans.items()
        ]

    def time_in(self, state: MachineState) -> int:
        """Microseconds that all machines were in a state."""
        return sum(time_in(spans, state) for spans in self.spans.values())


def _word(span: Span) -> "MachineState":
    return span.state


def _reason(span: Span) -> str:
    return {MachineState.DOWN: "fault", MachineState.IDLE: "no units, no fault", MachineState.OFF: "nothing planned"}.get(span.state, "")


def read_activity(connection: Connection, devices: Sequence[Watched], zone: str, now_us: int) -> PlantActivity:
    """Asks the database, in the tenant's transaction that is handed over: a few statements, a few milliseconds for a small plant."""
    start_us = (now_us - SHOWN_US) // MINUTE_US * MINUTE_US
    machines = [one for one in devices if one.produced is not None]
    counted = _counted(connection, machines, zone, now_us)
    shown, rest = machines[:MOST_MACHINES], machines[MOST_MACHINES:]
    sums = minute_sums(connection, _machine_sensors(shown), start_us, now_us)
    rates = _rates(shown, sums, now_us)
    if rest:
        rates |= _rates(rest, minute_sums(connection, _machine_sensors(rest), now_us - RATE_US - MINUTE_US, now_us), now_us)
    heat_start_us = now_us // HOUR_US * HOUR_US - (HOURS - 1) * HOUR_US
    mains = [one.main.id for one in devices if one.main is not None]
    rows = sorted((one for one in devices if one.main is not None), key=lambda one: one.produced is None)[:MOST_ROWS]
    produced = [one.produced.id for one in rows if one.produced is not None]
    hours = hourly_activity(connection, list(dict.fromkeys(mains + produced)), heat_start_us, now_us)
    reporting = [one.main.id for one in rows if one.main is not None and one.produced is None]
    minutes = minutes_reported(connection, reporting, heat_start_us, now_us) if reporting else {}
    plain = [one.main.id for one in devices if one.main is not None and one.produced is None and not one.others]
    planned = _planned(shift_calendars(connection), machines, start_us, now_us)
    spans = {one.device.key: _in_shifts(_spans(one, sums, start_us, now_us), planned[one.device.line]) for one in shown}
    background = Background(
        hour_average=averages(connection, plain, now_us - HOUR_US, now_us) if plain else {},
        day_range=_ranges(hours),
        units_per_h=rates,
        units_before={sensor_id: one.today - one.state_total for sensor_id, one in counted.items()},
        faulted=frozenset(key for key, known in spans.items() if known[-1].state is MachineState.DOWN),
        off=frozenset(one.device.key for one in machines if _is_off(planned[one.device.line], now_us)),
    )
    return PlantActivity(
        now_us,
        start_us,
        spans=spans,
        machines=len(machines),
        counted=counted,
        background=background,
        heat=tuple(_heat_row(one, hours, minutes, heat_start_us) for one in rows),
        heat_start_us=heat_start_us,
        oee=_oee(connection, machines, midnight_us(now_us, zone), now_us),
    )


def _oee(connection: Connection, machines: Sequence[Watched], today_us: int, now_us: int) -> Figure | None:
    """From sums of hours, which are kept: it costs no more than the other figures."""
    if not machines:
        return None
    sums = production_grid(connection, [one.device.id for one in machines], [(today_us, now_us)]).sum(axis=(0, 1))
    return figures(ProductionSums(*sums.tolist())).oee


def _counted(connection: Connection, machines: Sequence[Watched], zone: str, now_us: int) -> dict[int, Counted]:
    sensors = [sensor.id for one in machines for sensor in (one.produced, one.rejected) if sensor is not None]
    if not sensors:
        return {}
    return units_counted(
        connection,
        sensors,
        yesterday_us=midnight_us(now_us, zone, days_back=1),
        yesterday_now_us=same_time_days_ago_us(now_us, zone),
        today_us=midnight_us(now_us, zone),
        now_us=now_us,
    )


Planned = list[tuple[int, int]] | None  # intervals in which it was to work; None: nobody said so


def _planned(calendars: Sequence[ShiftCalendar], machines: Sequence[Watched], start_us: int, now_us: int) -> dict[str, Planned]:
    """By line."""
    found: dict[str, Planned] = {}
    for line in {one.device.line for one in machines}:
        own = of_line(calendars, line)
        found[line] = busy_intervals(own, start_us, now_us + 1) if own else None
    return found


def _in_shifts(spans: list[Span], planned: Planned) -> list[Span]:
    return spans if planned is None else off_shift(spans, planned)


def _is_off(planned: Planned, now_us: int) -> bool:
    return planned is not None and not (planned and planned[-1][1] > now_us)


def _machine_sensors(machines: Sequence[Watched]) -> list[int]:
    return [sensor.id for one in machines for sensor in (one.produced, one.fault) if sensor is not None]


def _spans(machine: Watched, sums: MinuteSums, start_us: int, now_us: int) -> list[Span]:
    units, faults = _of(sums, machine.produced), _of(sums, machine.fault)
    time_us = np.union1d(units[0], faults[0])
    minutes = Minutes(time_us, _placed(time_us, units[0], units[1]), _placed(time_us, faults[0], faults[2]))
    period_s = machine.produced.entry.period_s if machine.produced is not None else 2.0
    return machine_spans(minutes, start_us, now_us, period_s=period_s)


def _of(sums: MinuteSums, sensor: Sensor | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(minute, sum, maximum) of one sensor; the columns are in order of sensors."""
    low, high = np.searchsorted(sums.sensor_id, [sensor.id, sensor.id + 1]) if sensor is not None else (0, 0)
    return sums.time_us[low:high], sums.total[low:high], sums.high[low:high]


def _placed(time_us: np.ndarray, at_us: np.ndarray, values: np.ndarray) -> np.ndarray:
    column = np.full(len(time_us), np.nan)
    column[np.searchsorted(time_us, at_us)] = values
    return column


def _rates(machines: Sequence[Watched], sums: MinuteSums, now_us: int) -> dict[str, float]:
    """Units an hour over the last fifteen whole minutes."""
    end_us = now_us // MINUTE_US * MINUTE_US
    rates = {}
    for machine in machines:
        time_us, total, _ = _of(sums, machine.produced)
        inside = (time_us >= end_us - RATE_US) & (time_us < end_us)
        if inside.any():
            rates[machine.device.key] = float(total[inside].sum()) * HOUR_US / RATE_US
    return rates


def _ranges(hours: Activity) -> dict[int, tuple[float, float]]:
    ids, _first = np.unique(hours.sensor_id, return_index=True)
    if not len(ids):
        return {}
    order = np.argsort(hours.sensor_id, kind="stable")
    edges = np.searchsorted(hours.sensor_id[order], ids)
    lows = np.minimum.reduceat(hours.low[order], edges)
    highs = np.maximum.reduceat(hours.high[order], edges)
    return dict(zip(ids.tolist(), zip(lows.tolist(), highs.tolist(), strict=True), strict=True))


def _heat_row(one: Watched, hours: Activity, minutes: Mapping[tuple[int, int], int], start_us: int) -> HeatRow:
    """Machines by what they made; of others the readings are as many as they are set to, so it is whether they came that counts."""
    begins = [start_us + at * HOUR_US for at in range(HOURS)]
    if one.produced is None:
        found = {time_us: float(count) for (sensor_id, time_us), count in minutes.items() if one.main and sensor_id == one.main.id}
        return HeatRow(one.device.key, False, tuple(found.get(time_us) for time_us in begins))
    mine = hours.sensor_id == one.produced.id
    made = np.round(hours.mean[mine] * hours.count[mine]).tolist()
    units = dict(zip(hours.time_us[mine].tolist(), made, strict=True))
    return HeatRow(one.device.key, True, tuple(units.get(time_us) for time_us in begins))
