"""The plant in six figures, of what is measured today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash.development.base_component import Component

from dashapp.domain.downtime import standing_since
from dashapp.domain.oee import Figure
from dashapp.ingest.live import SensorNow
from dashapp.ui.cards import Condition, Watched, is_fresh, last_unit_us, units_today
from dashapp.ui.components import kpi
from dashapp.ui.parts import format_value
from dashapp.ui.plant_activity import PlantActivity
from dashapp.ui.ticking import Since
from db.queries.activity import Reported


@dataclass(frozen=True, slots=True)
class Stop:
    """The machine that has stood longest: since when (None: for longer than is looked back), and whether with a fault."""

    key: str
    since_us: int | None
    fault: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """None where nothing is measured. `silent` is the key of a device that does not report, the first of them."""

    devices: int
    reporting: int
    silent: str
    readings_minute: int
    readings_today: int
    beyond: int
    sensors: int
    machines: int = 0
    running: int = 0
    judged: int = 0  # machines of which it is known whether they run
    off: int = 0  # machines that stand because nothing is planned
    stop: Stop | None = None
    units: float | None = None
    units_yesterday: float | None = None
    units_yesterday_by_now: float | None = None
    units_per_h: float | None = None
    rejects: float | None = None
    oee: Figure | None = None
    inspected: float | None = None  # units of the machines that count rejects


def plant_figures(
    conditions: Sequence[tuple[Watched, Condition]],
    live: Mapping[int, SensorNow],
    activity: PlantActivity,
    reported: Reported,
    at_us: int,
) -> Figures:
    """Adds up what the cards and the last hours say, and what is `reported` by now."""
    devices = [one for one, _ in conditions]
    silent = [one.device.key for one, how in conditions if how.state in ("stale", "no_data")]
    machines = [(one, how) for one, how in conditions if one.produced is not None]
    sensors = [sensor for one in devices for sensor in one.sensors]
    counted = activity.counted
    produced = [one.produced for one, _ in machines if one.produced is not None and one.produced.id in counted]
    rejecting = [one for one, _ in machines if one.produced and one.rejected and one.rejected.id in counted]
    return Figures(
        devices=len(devices),
        reporting=len(devices) - len(silent),
        silent=silent[0] if silent else "",
        readings_minute=reported.last_minute,
        readings_today=reported.since,
        beyond=sum(trouble.value is not None for _, how in conditions for trouble in how.troubles),
        sensors=sum(is_fresh(sensor, live.get(sensor.id), at_us) for sensor in sensors),
        machines=len(machines),
        running=sum(how.running is True for _, how in machines),
        judged=sum(how.running is not None for _, how in machines),
        off=sum(how.off for _, how in machines),
        stop=_longest_stop(machines, live, activity),
        units=_sum(units_today(sensor, live, activity.background) for sensor in produced) if produced else None,
        units_yesterday=sum(counted[sensor.id].yesterday for sensor in produced) if produced else None,
        units_yesterday_by_now=sum(counted[sensor.id].yesterday_by_now for sensor in produced) if produced else None,
        units_per_h=sum(activity.background.units_per_h.values()) if activity.background.units_per_h else None,
        oee=activity.oee,
        rejects=_sum(units_today(one.rejected, live, activity.background) for one in rejecting if one.rejected) if rejecting else None,
        inspected=_sum(units_today(one.produced, live, activity.background) for one in rejecting if one.produced) if rejecting else None,
    )


def _sum(values: Any) -> float:
    return float(sum(value for value in values if value is not None))


def _longest_stop(
    machines: Sequence[tuple[Watched, Condition]], live: Mapping[int, SensorNow], activity: PlantActivity
) -> Stop | None:
    stops = []
    for one, how in machines:
        if how.running is not False or one.produced is None or how.off:
            continue
        now = live[one.produced.id]
        since = last_unit_us(now)  # to the second, where it is not longer ago than the live view reaches
        if since is None:
            since = standing_since(activity.spans.get(one.device.key, []))
        if since is not None and since <= activity.start_us:
            since = None
        fault = one.device.key in activity.background.faulted or any(trouble.sensor is one.fault for trouble in how.troubles if one.fault)
        stops.append(Stop(one.device.key, since, fault))
    return min(stops, key=lambda stop: stop.since_us or 0, default=None)


def tiles(figures: Figures) -> list[Component]:
    """The row of figures: of production where there are machines that count, else of what is reported."""
    return _production(figures) if figures.machines else _reporting(figures)


def _production(figures: Figures) -> list[Component]:
    return [
        _oee(figures),
        _units(figures),
        kpi("Making now", figures.units_per_h, " units/h", "mean of the last 15 min", decimals=0),
        _rejected(figures),
        kpi("Machines running", _of(figures.running, figures.judged), f" / {figures.machines}", _standing(figures)),
        _devices(figures),
    ]


def _oee(figures: Figures) -> Component:
    """Why there is none where there is none: nothing planned, nothing known."""
    value = None if figures.oee is None else figures.oee.value
    if value is None:
        return kpi("OEE today", None, " %", figures.oee.why if figures.oee else "not known yet")
    return kpi("OEE today", 100 * value, " %", "of the planned time", decimals=1)


def _reporting(figures: Figures) -> list[Component]:
    return [
        _devices(figures),
        kpi("Beyond a limit", figures.beyond, " sensors", f"of {figures.sensors} that report", decimals=0),
        kpi("Readings", figures.readings_minute, " / min", "in the last minute", decimals=0),
        kpi("Readings today", figures.readings_today, "", "since midnight at the plant", decimals=0),
    ]


def _of(value: int, judged: int) -> int | None:
    return value if judged else None


def _units(figures: Figures) -> Component:
    whole, by_now = figures.units_yesterday, figures.units_yesterday_by_now
    if figures.units is None or not whole or by_now is None:
        return kpi("Units today", figures.units, "", "since midnight at the plant", decimals=0)
    note = f"yesterday by now {format_value(by_now, 0)} of {format_value(whole, 0)}"
    return kpi("Units today", figures.units, "", note, share=100 * figures.units / whole, target=100 * by_now / whole, decimals=0)


def _rejected(figures: Figures) -> Component:
    if figures.rejects is None:
        return kpi("Rejected today", "not measured", "", "no machine counts rejects")
    if not figures.inspected:
        return kpi("Rejected today", None, " %", "nothing made yet")
    note = f"{format_value(figures.rejects, 0)} of {format_value(figures.inspected, 0)} units"
    return kpi("Rejected today", 100 * figures.rejects / figures.inspected, " %", note, decimals=1)


def _standing(figures: Figures) -> Any:
    stop = figures.stop
    if stop is None and figures.judged < figures.machines:
        return "not known of every machine"
    if stop is None:
        return f"{figures.off} off shift" if figures.off else "none stands still"
    word = "stopped" if stop.fault else "idle"
    if stop.since_us is None:
        return f"{stop.key} {word} more than 8 h"
    return [f"{stop.key} {word} ", Since(at_ms=stop.since_us // 1000)]


def _devices(figures: Figures) -> Component:
    silent = figures.devices - figures.reporting
    note = "every one on time" if not silent else figures.silent + " silent" + (f" and {silent - 1} more" if silent > 1 else "")
    return kpi("Devices", figures.reporting, f" / {figures.devices} reporting", note, decimals=0)
