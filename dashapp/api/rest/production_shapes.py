"""What production is told and answered in: figures with their sums and losses, stops, what was said of them, and what is behind figures.

A figure that cannot be told is null, and `why` says why. Seconds end in `_s`; shares are of 1.
"""

from typing import Annotated

from pydantic import BaseModel, Field, create_model

from dashapp.actions.production import LONGEST_COMMENT
from dashapp.api.shapes import Out, Time, When
from dashapp.domain.oee import FIELDS, Loss, Step
from dashapp.domain.periods import By

Since = Annotated[Time, Field(alias="from")]
Comment = Annotated[str, Field(max_length=LONGEST_COMMENT)]


class ReasonGiven(BaseModel):
    """Why a machine stood still: `reason_id`, or `reason` as its code; neither takes the reason back. `at`: when it was said."""

    reason_id: int | None = None
    reason: str | None = Field(None, max_length=30)
    comment: Comment = ""
    at: When | None = None


class Remark(BaseModel):
    """A remark on a stop; `at`: when it was made."""

    comment: str = Field(min_length=1, max_length=LONGEST_COMMENT)
    at: When | None = None


class Cut(BaseModel):
    """Where a stop is two."""

    at: When


class Moved(BaseModel):
    """When a stop really began and ended; `end` null while it still goes on."""

    start: When
    end: When | None = None
    comment: Comment = ""


class Entered(ReasonGiven):
    """A stop that nothing measured tells of."""

    machine_id: str = Field(min_length=1, max_length=100)
    start: When
    end: When


class Accepted(Out):
    """`repeated`: it had been entered under the same `Idempotency-Key` before."""

    entered: bool
    repeated: bool


class Figures(Out):
    """By ISO 22400-2, but for TEEP and `known`, the share of the planned busy time of which something is known."""

    availability: float | None
    effectiveness: float | None = Field(description="Above 1 where a machine made more than it can; never cut off.")
    quality: float | None
    oee: float | None
    nee: float | None
    teep: float | None
    mtbf_s: float | None
    mttr_s: float | None
    known: float | None


Sums = create_model("ProductionSums", __base__=Out, **dict.fromkeys(FIELDS, (float, ...)))  # type: ignore[call-overload]


class LossStep(Out):
    """A level of the waterfall, or a loss that is taken from the level before."""

    key: str
    words: str
    kind: Step
    seconds: float | None
    share: float | None
    count: float | None
    why: str


class Produced(Out):
    """What a stretch of time of some machines adds up to. `flagged`: effectiveness is above 1."""

    figures: Figures
    why: dict[str, str]
    flagged: bool
    sums: Sums  # type: ignore[valid-type]
    losses: list[LossStep]


class MachineProduced(Produced):
    """The same of one machine."""

    machine_id: str
    name: str
    line: str


class Point(Produced):
    """The same of one hour, day or shift; `name` is that of the shift."""

    since: Since
    to: Time
    day: str
    name: str | None = None


class Oee(Produced):
    """Of a range, of each machine in it, and of its hours, days or shifts where they were asked for. After `known_to` nothing is known."""

    since: Since
    to: Time
    known_to: Time | None
    machines: list[MachineProduced]
    by: By | None = None
    points: list[Point] | None = None


class Reason(Out):
    """A reason on offer, with the loss that it declares."""

    id: int
    code: str
    name: str
    loss: Loss


class Stop(Out):
    """A stop longer than a minor one; `end` null while it goes on, `planned_s` its length without breaks.

    `gone`: what was read or said later tells that there was no such stop.
    """

    id: int
    machine_id: str
    machine_name: str
    line: str
    start: Time
    end: Time | None
    planned_s: float
    loss: Loss
    reason_id: int | None
    reason: str | None
    comment: str | None
    source: str = Field(description="detected, entered, or split")
    fault: bool
    said_by: str | None
    version: int
    gone: bool


class Edit(Out):
    """Something that was said of a machine's time: `at` when it was said, `recorded_at` when it arrived."""

    id: int
    what: str
    start: Time
    end: Time
    open_start: bool
    open_end: bool
    reason_id: int | None
    reason: str | None
    comment: str | None
    by: str
    at: Time
    recorded_at: Time


class StopTold(Stop):
    """A stop with everything that was said of it."""

    edits: list[Edit]


class Interval(Out):
    """What a machine did, from minute to minute; empty where it is not known."""

    machine: str
    start: str
    end: str
    seconds: float
    shift: str
    state: str
    loss: str
    begins: int
    startup: int
    reject_measured: int
    product: str
    pri_s: float | str
    reason: str
    produced: float
    rejected: float | None
    comment: str
    said_by: str


class Break(Out):
    """A break of a shift."""

    start: Time
    end: Time


class ShiftWorked(Out):
    """A shift of the range."""

    name: str
    day: str
    start: Time
    end: Time
    breaks: list[Break]


class Explanation(Produced):
    """Everything behind the figures of a machine: from `intervals` each of them can be computed again."""

    machine_id: str
    since: Since
    to: Time
    known_to: Time | None
    intervals: list[Interval]
    shifts: list[ShiftWorked]
    stops: list[Stop]
    edits: list[Edit]
