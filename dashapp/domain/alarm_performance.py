"""How the alarm system itself performs: ISA-18.2 §16, EEMUA 191. REQUIREMENTS AL-7; an example by hand is in docs/alarm-performance.md.

Pure: events in, figures out. Times are integer microseconds (`_us`), a range is start ≤ time < end. What is counted is an *announcement*:
an alert asks an operator to act (`raised`, `re_raised`, or what was silent is told when its silence ends). Silent events are none.
"""

import itertools
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashapp.domain.alerts import ACTIVE, Base, What
from dashapp.domain.fleet import Severity

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
TEN_MINUTES_US = 10 * MINUTE_US
HOUR_US = 60 * MINUTE_US
STALE_US = 24 * HOUR_US
FLOOD_BEGINS = 10  # announcements an operator has in ten minutes
FLOOD_ENDS = 5
CHATTER = 3  # of one source within a minute
FLEETING_US = MINUTE_US  # gone again before anybody could have done something
TOP = 10
MANY_PER_HOUR = 30  # EEMUA 191: hours with more than this should be under 1 %

WANTED_SPLIT = {Severity.LOW: 80.0, Severity.MEDIUM: 15.0, Severity.HIGH: 5.0}
"""Percent of announcements by priority, ISA-18.2 table 8 and EEMUA 191; critical ones count with the high ones."""

_LATCHED = (Base.LATCHED_UNACKNOWLEDGED, Base.LATCHED_ACKNOWLEDGED)
_RAISES = (What.RAISED, What.RE_RAISED)
_TOLD_AGAIN = (What.SHELVING_ENDED, What.SUPPRESSION_ENDED, What.BACK_IN_SERVICE)


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of the journal. `source` says whose: the same rule on the same target; `silent`: nobody was told."""

    at_us: int
    source: int
    what: str
    state: str
    severity: str
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Announcement:
    """An alert that asked for somebody; None where that has not happened yet. `first` is whether nobody was being asked before."""

    at_us: int
    source: int
    severity: Severity
    cleared_us: int | None
    acknowledged_us: int | None
    first: bool


@dataclass(frozen=True, slots=True)
class Source:
    """What one rule on one target contributed."""

    source: int
    count: int
    share: float
    chattering: bool
    fleeting: int


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of a range. Rates are per operator; shares are percent; None where nothing can be said.

    `per_ten_minutes` and `per_hour` are the announcements (of all operators) of each interval from the start; the last may be shorter.
    `mean_…` are averages over the range, `peak_…` the most in any ten minutes or hour, `floods` are (start, end).
    """

    start_us: int
    end_us: int
    operators: int
    count: int
    mean_per_ten_minutes: float
    mean_per_hour: float
    peak_ten_minutes: float
    peak_hour: float
    per_ten_minutes: tuple[int, ...]
    per_hour: tuple[int, ...]
    hours_over: float
    floods: tuple[tuple[int, int], ...]
    flood_share: float
    top: tuple[Source, ...]
    top_share: float | None
    chattering: tuple[int, ...]
    fleeting: int
    stale: tuple[int, ...]
    priorities: dict[Severity, int]
    asked: int
    acknowledged: int
    never_acknowledged: int
    mtta_mean_s: float | None
    mtta_median_s: float | None


def performance(happenings: Sequence[Happening], start_us: int, end_us: int, *, operators: int = 1) -> Performance:
    """The figures of start ≤ time < end. `happenings` are whole lives of every alert that was open in it, in the order in which they
    happened: what began before counts as standing, what was answered or cleared later counts as answered. Raises ValueError.
    """
    if operators < 1 or end_us <= start_us:
        raise ValueError("a range and one operator at least are expected")
    lives = _lives(happenings)
    every = sorted((one for life in lives.values() for one in _announcements(life)), key=lambda one: (one.at_us, one.source))
    inside = [one for one in every if start_us <= one.at_us < end_us]
    times = [one.at_us for one in inside]
    ten, hour = _intervals(times, start_us, end_us, TEN_MINUTES_US), _intervals(times, start_us, end_us, HOUR_US)
    floods = tuple(_floods(times, end_us, operators))
    chattering = tuple(sorted(_chattering(inside)))
    fleeting = Counter(one.source for one in inside if _is_fleeting(one) and one.source not in chattering)
    counted = Counter(one.source for one in inside)
    top = tuple(
        Source(source, number, 100 * number / len(inside), source in chattering, fleeting[source])
        for source, number in sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:TOP]
    )
    asked = [one for one in inside if one.first]
    waits = [(one.acknowledged_us - one.at_us) / SECOND_US for one in asked if one.acknowledged_us is not None]
    length_us = end_us - start_us
    return Performance(
        start_us, end_us, operators, len(inside),
        mean_per_ten_minutes=len(inside) / operators * TEN_MINUTES_US / length_us,
        mean_per_hour=len(inside) / operators * HOUR_US / length_us,
        peak_ten_minutes=_peak(times, TEN_MINUTES_US) / operators,
        peak_hour=_peak(times, HOUR_US) / operators,
        per_ten_minutes=ten, per_hour=hour,
        hours_over=100 * sum(number > MANY_PER_HOUR * operators for number in hour) / len(hour),
        floods=floods, flood_share=100 * sum(high - low for low, high in floods) / length_us,
        top=top, top_share=sum(each.share for each in top) if inside else None,
        chattering=chattering, fleeting=sum(fleeting.values()),
        stale=tuple(sorted(source for source, life in lives.items() if _is_stale(life, start_us, end_us))),
        priorities={severity: sum(one.severity is severity for one in inside) for severity in Severity},
        asked=len(asked), acknowledged=len(waits), never_acknowledged=len(asked) - len(waits),
        mtta_mean_s=statistics.fmean(waits) if waits else None, mtta_median_s=statistics.median(waits) if waits else None,
    )  # fmt: skip


def split(priorities: dict[Severity, int]) -> dict[Severity, float]:
    """Percent of announcements by the priorities of `WANTED_SPLIT`: critical ones are among the high ones. Empty where there are none."""
    total = sum(priorities.values())
    if not total:
        return {}
    shares = {severity: 100 * priorities.get(severity, 0) / total for severity in WANTED_SPLIT}
    shares[Severity.HIGH] += 100 * priorities.get(Severity.CRITICAL, 0) / total
    return shares


def _lives(happenings: Sequence[Happening]) -> dict[int, list[Happening]]:
    """Source → what happened there, in order."""
    found: dict[int, list[Happening]] = {}
    for one in happenings:
        found.setdefault(one.source, []).append(one)
    return found


def _announcements(life: Sequence[Happening]) -> Iterator[Announcement]:
    """Every announcement of a source, with when it cleared and when somebody answered."""
    cleared_us: int | None = None
    answered_us: int | None = None
    found: list[tuple[Happening, int | None, int | None]] = []
    for one in reversed(life):
        if one.what in (What.RETURNED, What.RESET):
            cleared_us = one.at_us
        elif one.what == What.ACKNOWLEDGED:
            answered_us = one.at_us
        if _announces(one):
            found.append((one, cleared_us, answered_us))
        if one.what in _RAISES:
            cleared_us = None
        if one.what == What.RAISED:  # a new alert: what is answered from here on is not the one before it
            answered_us = None
    asking = False
    waiting = iter(reversed(found))
    for one in life:
        if one.what in (What.ACKNOWLEDGED, What.RAISED):
            asking = False
        if _announces(one):
            _, cleared_us, answered_us = next(waiting)
            yield Announcement(one.at_us, one.source, Severity(one.severity), cleared_us, answered_us, not asking)
            asking = True


def _announces(one: Happening) -> bool:
    if one.silent or not one.severity:
        return False
    return one.what in _RAISES or (one.what in _TOLD_AGAIN and one.state == Base.UNACKNOWLEDGED)


def _is_fleeting(one: Announcement) -> bool:
    return one.cleared_us is not None and one.cleared_us - one.at_us < FLEETING_US


def _chattering(inside: Sequence[Announcement]) -> set[int]:
    """Sources that were announced three times or more within a minute."""
    times: dict[int, list[int]] = {}
    for one in inside:
        times.setdefault(one.source, []).append(one.at_us)
    near = CHATTER - 1
    return {
        source
        for source, moments in times.items()
        if any(last - first < MINUTE_US for first, last in zip(moments, moments[near:], strict=False))
    }


def _is_stale(life: Sequence[Happening], start_us: int, end_us: int) -> bool:
    """Whether its alert stood for more than a day without a pause, at some moment of the range."""
    since: int | None = None
    for one in life:
        stands = one.state in ACTIVE or one.state in _LATCHED
        if stands and since is None:
            since = one.at_us
        elif not stands and since is not None:
            if since + STALE_US < min(one.at_us, end_us) and one.at_us > start_us:
                return True
            since = None
    return since is not None and since + STALE_US < end_us


def _intervals(times: Sequence[int], start_us: int, end_us: int, width_us: int) -> tuple[int, ...]:
    """How many fall into each interval from the start."""
    edges = [*range(start_us, end_us, width_us), end_us]
    places = [bisect_left(times, edge) for edge in edges]
    return tuple(high - low for low, high in itertools.pairwise(places))


def _peak(times: Sequence[int], width_us: int) -> int:
    """The most in any interval of this length."""
    return max((place - bisect_left(times, at - width_us + 1) + 1 for place, at in enumerate(times)), default=0)


def _floods(times: Sequence[int], end_us: int, operators: int) -> Iterator[tuple[int, int]]:
    """Floods as (start, end): from the announcement that is the tenth an operator in ten minutes, until there are fewer than five."""
    began: int | None = None
    least = FLOOD_ENDS * operators
    for place, at in enumerate(times):
        within = place - bisect_left(times, at - TEN_MINUTES_US + 1) + 1
        if began is None:
            began = at if within >= FLOOD_BEGINS * operators else None
            if began is None:
                continue
        # the ten minutes before a moment t hold what came after t − 10 min: fewer than five once the fifth last is that old
        thins_us = times[place - least + 1] + TEN_MINUTES_US
        following = times[place + 1] if place + 1 < len(times) else None
        if following is None or thins_us < following:
            yield began, min(thins_us, end_us)
            began = None
