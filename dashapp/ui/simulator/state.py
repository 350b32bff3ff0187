"""The simulated devices as the page says them: what each is doing now, in words. Read once a second for everybody who looks."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dashapp.actions.actor import Actor
from dashapp.actions.simulation import SIMULATED
from dashapp.domain.fleet import DeviceSpec
from dashapp.domain.simulation import Episode, EpisodeKind
from dashapp.domain.simulation_control import Control, Doing, Work, doing
from dashapp.ingest.catalogue import DeviceEntry
from dashapp.ingest.live import SensorNow
from dashapp.ingest.services import Services
from dashapp.ui.cards import current, is_fresh, watch
from dashapp.ui.context import devices_for
from dashapp.ui.parts import format_value
from dashapp.ui.shared import Shared
from db.commands.installation import DemoState, demo_state
from db.queries import people
from db.queries.simulation import controlled_devices
from db.tenancy import tenant_reading

READ_EVERY_S = 0.5
_devices: Shared[dict[str, Control]] = Shared(READ_EVERY_S)
_plants: Shared[tuple[DemoState, tuple[people.Tenant, ...]]] = Shared(READ_EVERY_S)


@dataclass(frozen=True, slots=True)
class Said:
    """One device: the word on its chip, what goes with it, and what it says. `priority` is "" where nothing is wrong."""

    key: str
    running: bool
    period_s: float | None
    word: str
    priority: str
    notes: tuple[str, ...]
    values: str


@dataclass(frozen=True, slots=True)
class Plants:
    """Where the demo plant is: this one, another one (its id and name), or none; and what is being done about it."""

    here: bool
    demo: people.Tenant | None
    state: DemoState


def plants(services: Services, who: Actor) -> Plants:
    """Whether this plant is simulated, and where the demo plant is."""

    def read() -> tuple[DemoState, tuple[people.Tenant, ...]]:
        with services.database.engine.connect() as connection:
            return demo_state(connection), tuple(people.tenants(connection))

    state, tenants = _plants.get(id(services), read)
    demo = next((tenant for tenant in tenants if tenant.is_demo), None)
    return Plants(any(tenant.id == who.tenant_id and tenant.is_demo for tenant in tenants), demo, state)


def forget(services: Services, who: Actor) -> None:
    """After a change of one's own: the answer to it shows it."""
    _devices.forget((id(services), who.tenant_id))
    _plants.forget(id(services))


def simulated(services: Services, who: Actor) -> list[Said]:
    """Every simulated device that the person may see, as it is now."""

    def read() -> dict[str, Control]:
        with tenant_reading(services.database.engine, who.tenant_id) as connection:
            since = datetime.now(UTC) - timedelta(days=1)
            return {device.key: device.control for device in controlled_devices(connection, since)}

    controls = _devices.get((id(services), who.tenant_id), read)
    plant = services.catalogue.of(who.tenant_id)
    live, zone, now_us = services.live.now(who.tenant_id), ZoneInfo(plant.zone), time.time_ns() // 1000
    return [
        said(SIMULATED[device.key], device, controls.get(device.key, Control()), live, zone, now_us)
        for device in devices_for(who, plant)
        if device.key in SIMULATED
    ]


def said(
    spec: DeviceSpec, device: DeviceEntry, control: Control, live: Mapping[int, SensorNow], zone: ZoneInfo, now_us: int
) -> Said:
    """One device in words."""
    values = _values(device, live, now_us)
    if not control.running:
        notes = ("It sends nothing, so what it said last grows stale. Start it to go on.",)
        return Said(spec.key, False, control.period_s, "Stopped by hand", "", notes, values)
    at = doing(spec, now_us, control.episodes)
    word, priority = _word(spec, at)
    until = _until(at, zone, now_us)
    notes = [until] if until else []
    notes += [_trouble(spec, one, control.episodes, zone, now_us) for one in at.troubles]
    return Said(spec.key, True, control.period_s, word, priority, tuple(notes), values)


def _word(spec: DeviceSpec, at: Doing) -> tuple[str, str]:
    if at.work is Work.BREAKDOWN:
        return "Broken down", "critical"
    if at.work is Work.FAULT:
        return "Fault", "critical"
    anomalies = any(one.kind is EpisodeKind.ANOMALY for one in at.troubles)
    if at.work is Work.MICRO_STOP:
        return "Minor stop", "low"
    if at.work is Work.OFF_SHIFT:
        return "Off shift", ""
    if anomalies:
        return ("Running, anomaly" if spec.is_machine else "Anomaly"), "medium"
    return ("Running" if spec.is_machine else "Measuring"), ""


def _until(at: Doing, zone: ZoneInfo, now_us: int) -> str:
    if at.until_us is None:
        return ""
    what = {
        Work.BREAKDOWN: "Repaired", Work.FAULT: "Reset", Work.MICRO_STOP: "Goes on", Work.OFF_SHIFT: "Work begins",
    }[at.work]  # fmt: skip
    return f"{what} at {_clock(at.until_us, zone)}, in {_length(at.until_us - now_us)}."


def _trouble(spec: DeviceSpec, one: Episode, injected: Sequence[Episode], zone: ZoneInfo, now_us: int) -> str:
    by_hand = ", injected" if one in injected else ""
    ends = f"until {_clock(one.end_us, zone)}, {_length(one.end_us - now_us)} left"
    if one.kind is EpisodeKind.REJECTS:
        return f"More rejects than usual{by_hand}, {ends}."
    name = next((sensor.name for sensor in spec.sensors if sensor.key == one.sensor), spec.sensors[0].name)
    return f"Anomaly in {name.lower()}{by_hand}, {ends}."


def _clock(time_us: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(time_us // 1_000_000, zone).strftime("%H:%M:%S")


def _length(length_us: int) -> str:
    seconds = max(0, length_us // 1_000_000)
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _values(device: DeviceEntry, live: Mapping[int, SensorNow], now_us: int) -> str:
    watched = watch(device)
    gauges = [sensor for sensor in watched.sensors if sensor.entry.kind == "gauge" and sensor.id in live]
    if not gauges:
        return "Nothing was sent yet."
    if not any(is_fresh(sensor, live[sensor.id], now_us) for sensor in gauges):
        newest = max(live[sensor.id].time_us for sensor in gauges)
        return f"Stale: the last reading is {_length(now_us - newest)} old."
    shown = []
    for sensor in gauges:
        value, _ = current(sensor, live[sensor.id])
        shown.append(f"{sensor.entry.name} {format_value(value, sensor.decimals)} {sensor.entry.unit}".strip())
    return ", ".join(shown)
