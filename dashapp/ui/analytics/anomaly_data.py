"""What the page of anomalies shows: a model of the time before, the score of every moment since, and who made it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.domain import anomalies
from dashapp.domain.anomalies import SENSITIVE, Scores
from dashapp.domain.rule_settings import SENSITIVITIES
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.analytics.choice import Time, text_of
from dashapp.ui.device.data import plant_reading
from dashapp.ui.time_range import DAY_US, HOUR_US
from db.queries.grids import grid, step_for

LEARNED = {"6": "6 hours", "24": "a day", "72": "3 days", "168": "a week"}
SENSITIVITY = {"high": "High", "medium": "Medium", "low": "Low"}
MOST_LEARNED, MOST_SHOWN = 3000, 12_000
MOST_SENSORS = 16
LEAST_KNOWN = 0.5
MOST_DAYS = 400


class Unusable(Exception):
    """Nothing can be said: why, for the person."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for; `sensor` empty: all of the device together."""

    device: DeviceEntry
    sensors: Sequence[SensorEntry]
    sensor: str
    learn_h: int
    sensitivity: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm: rows `first` to `last`, its highest score, and what each sensor added to its scores, as shares."""

    first: int
    last: int
    peak: float
    shares: Sequence[float]


@dataclass(frozen=True, slots=True)
class Shown:
    """Scores of n rows (`time_us`, the middle of each) with what was learned from when."""

    wanted: Wanted
    time_us: NDArray[np.int64]
    step_us: int
    scores: Scores
    learned_us: tuple[int, int]
    alarms: Sequence[Alarm]


def wanted_of(query: Mapping[str, object], device: DeviceEntry) -> Wanted:
    """The address, with what is usual where it says nothing sensible."""
    gauges = [sensor for sensor in device.sensors.values() if sensor.kind == "gauge"][:MOST_SENSORS]
    key = text_of(query.get("sensor"))
    one = [sensor for sensor in gauges if sensor.key == key]
    learn, sensitivity = text_of(query.get("learn")), text_of(query.get("sensitivity"))
    return Wanted(
        device, one or gauges, key if one else "", int(learn) if learn in LEARNED else 24,
        sensitivity if sensitivity in SENSITIVITIES else "medium",
    )  # fmt: skip


def shown(wanted: Wanted, time: Time) -> Shown:
    """Learns from the hours before the time that is shown, and watches it. Raises Unusable where there is too little."""
    if not wanted.sensors:
        raise Unusable(f"{wanted.device.key} has no sensor that measures a level.")
    start_us, length_us = max(time.start_us, time.end_us - MOST_DAYS * DAY_US), wanted.learn_h * HOUR_US
    step_us = max(step_for(length_us, MOST_LEARNED), step_for(time.end_us - start_us, MOST_SHOWN))
    begin_us = start_us // step_us * step_us
    ids = [sensor.id for sensor in wanted.sensors]
    with plant_reading() as connection:
        before = grid(connection, ids, (begin_us - length_us) // step_us * step_us, begin_us, step_us)
        rows = grid(connection, ids, begin_us, time.end_us, step_us)
    heard, seen = ~np.isnan(before).all(axis=1), ~np.isnan(rows).all(axis=1)
    least = max(anomalies.least_rows(len(ids)), round(LEAST_KNOWN * len(before)))
    if heard.sum() < least or np.isnan(before).all(axis=0).any():
        known = f"{int(heard.sum()):,} of {len(before):,}"
        too_few = "Show a shorter time, or learn from a longer one"
        what = too_few if len(before) < least else "Show a later time, or learn from a shorter one"
        raise Unusable(f"Of the time to learn from {known} steps are known; {least:,} are needed. {what}.")
    if not seen.any():
        raise Unusable("Nothing came in this time.")
    model, state = anomalies.learn(before[heard], SENSITIVE[wanted.sensitivity])
    scores, _ = anomalies.watch(model, state, rows[seen])
    at = begin_us + np.flatnonzero(seen) * step_us + step_us // 2
    return Shown(wanted, at, step_us, scores, (begin_us - length_us, begin_us), alarms_of(scores))


def alarms_of(scores: Scores) -> list[Alarm]:
    """Every alarm, in order of time."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], scores.alarm, [False])).astype(np.int8)))
    found = []
    for first, end in edges.reshape(-1, 2).tolist():
        parts = scores.parts[first:end].sum(axis=0)
        shares = (parts / parts.sum()).tolist() if parts.sum() > 0 else [0.0] * len(parts)
        found.append(Alarm(first, end - 1, float(scores.score[first:end].max()), shares))
    return found


def who_words(alarm: Alarm, sensors: Sequence[SensorEntry]) -> str:
    """`Vibration 63 %, Temperature 22 %`: those that made most of it."""
    ranked = sorted(zip(alarm.shares, sensors, strict=True), key=lambda pair: -pair[0])
    named = [f"{sensor.name} {share:.0%}".replace("%", "\u202f%") for share, sensor in ranked if share >= 0.15]
    return ", ".join(named[:3])


def csv_rows(found: Shown, iso: Sequence[str]) -> list[list[object]]:
    """A row a moment; `iso` are its times."""
    head: list[object] = ["time", "score", "alarm", *[f"part_{sensor.key}" for sensor in found.wanted.sensors]]
    columns = zip(iso, found.scores.score.tolist(), found.scores.alarm.tolist(), found.scores.parts.tolist(), strict=True)
    return [head] + [[at, score, int(alarm), *parts] for at, score, alarm, parts in columns]
