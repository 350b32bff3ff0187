"""The semantics of REQUIREMENTS §4 a second time, simple and slow: second by second, by a table of transitions, nothing shared with the
code that it is compared with. Whole seconds, one clock for sensor and server."""

from dataclasses import dataclass, field

RANK = {"low": 1, "medium": 2, "high": 3, "critical": 4}
ACKNOWLEDGE = {"B": "C", "D": "A", "E": "F"}
RETURN = {"B": "D", "C": "A"}
RETURN_LATCHED = {"B": "E", "C": "F"}
RAISE = {"A": "raised", "D": "re_raised", "E": "re_raised", "F": "re_raised"}
BEGIN = {"G": "shelved", "H": "suppressed", "I": "out_of_service"}
END = {"G": "shelving_ended", "H": "suppression_ended", "I": "back_in_service"}


@dataclass
class Limit:
    at: float
    severity: str
    since: int | None = None  # crossed since then
    met: bool = False  # for the whole on-delay


@dataclass
class Model:
    limits: list[Limit]
    deadband: float
    on_delay: int
    off_delay: int
    latch: bool
    steps: list[int]
    offline: int = 30
    base: str = "A"
    severity: str | None = None
    level: int = 0
    asked: int | None = None
    over: dict[str, int | str | None] = field(default_factory=dict)  # suppressor → second at which it ends, "clear" or None
    last: int | None = None  # time of the last evaluated reading
    second: int | None = None  # up to which everything has happened
    raised: bool = False  # what the rule says
    told: int = 0  # how severe
    clear: int | None = None  # since when it is clear again
    events: list[tuple[int, str, str, bool, str | None, int]] = field(default_factory=list)

    def happen(self, until: int) -> None:
        """Everything that passes without a reading."""
        start = until if self.second is None else self.second + 1
        for second in range(start, until + 1):
            self._clock(second)
            if self.last is not None and second - self.last <= self.offline:
                self._rule_at(second)
        self.second = until if self.second is None else max(self.second, until)

    def read(self, at: int, value: float) -> None:
        """A reading that arrives at its own time."""
        if self.last is not None and at <= self.last:
            return
        self.happen(at - 1)
        self._clock(at)
        self.second = at
        if self.last is not None and at - self.last > self.offline:
            self.clear = None
            for limit in self.limits:
                if not (limit.met and self.raised):
                    limit.since, limit.met = None, False
        self.last = at
        for limit in self.limits:
            if limit.since is None and value > limit.at:
                limit.since = at
            elif limit.since is not None and value <= limit.at - self.deadband:
                limit.since, limit.met = None, False
        crossed = any(limit.since is not None for limit in self.limits)
        self.clear = None if crossed or not self.raised else at if self.clear is None else self.clear
        self._rule_at(at)

    def act(self, verb: str, at: int, until: int | str | None = None) -> bool:
        """An action of a person or of the suppress-when; False where it is refused."""
        if verb in ("acknowledge", "resolve", "reset"):
            return self._answer(verb, at)
        if verb == "shelve":
            if until == "clear" and self.base not in "BC":
                return False
            self._begin("G", at, until)
        elif verb in ("suppress", "unsuppress"):
            if ("H" in self.over) is (verb == "suppress"):
                return True
            self._begin("H", at, None) if verb == "suppress" else self._end("H", at)
        elif verb == "out_of_service":
            if "I" in self.over:
                return False
            self._begin("I", at, None)
        else:
            over = {"unshelve": "G", "in_service": "I"}[verb]
            if over not in self.over:
                return False
            self._end(over, at)
        return True

    def _answer(self, verb: str, at: int) -> bool:
        if verb == "reset" or (verb == "resolve" and self.base in "EF"):
            if self.base != "F" and not (verb == "resolve" and self.base == "E"):
                return False
            self._move("A", at, "reset")
        elif self.base not in ACKNOWLEDGE or (verb == "resolve" and self.base != "D"):
            return False
        else:
            self._move(ACKNOWLEDGE[self.base], at, "acknowledged")
        self.asked = None
        return True

    def _rule_at(self, second: int) -> None:
        for limit in self.limits:
            if limit.since is not None and second - limit.since >= self.on_delay:
                limit.met = True
        met = max((RANK[limit.severity] for limit in self.limits if limit.met), default=0)
        if met and not self.raised:
            self.raised, self.told, self.clear = True, met, None
            self._signal(second, met)
        elif met > self.told and self.raised:
            self.told = met
            self._signal(second, met)
        if self.raised and self.clear is not None and second - self.clear >= self.off_delay:
            self.raised, self.told, self.clear = False, 0, None
            for limit in self.limits:
                limit.since, limit.met = None, False
            self._return(second)

    def _signal(self, second: int, rank: int) -> None:
        severity = next(name for name, value in RANK.items() if value == rank)
        if self.base in "BC":
            if self.severity is not None and rank <= RANK[self.severity]:
                return
            if self.base == "C":
                self.asked, self.level = second, 0
            what = "severity_raised"
        else:
            what = RAISE[self.base]
            if self.base in "AF":
                self.asked, self.level = second, 0
        self.severity = severity
        if self.over:
            self.asked = None
        self._move("B", second, what)

    def _return(self, second: int) -> None:
        if self.base in "BC":
            self._move((RETURN_LATCHED if self.latch else RETURN)[self.base], second, "returned")
            if self.over.get("G") == "clear":
                self._end("G", second)

    def _clock(self, second: int) -> None:
        for over, until in sorted(self.over.items()):
            if until == second:
                self._end(over, second)
        while not self.over and self.base in "BDE" and self.asked is not None and self.level < len(self.steps):
            if self.asked + self.steps[self.level] > second:
                break
            self.level += 1
            self._tell(second, "escalated")

    def _begin(self, over: str, second: int, until: int | str | None) -> None:
        silent = bool(self.over)
        self.over[over] = until
        self.asked = None
        self._tell(second, BEGIN[over], silent)

    def _end(self, over: str, second: int) -> None:
        del self.over[over]
        if not self.over:
            if self.base == "C":
                self.base = "B"
            if self.base in "BDE":
                self.asked, self.level = second, 0
        self._tell(second, END[over])

    def _move(self, base: str, second: int, what: str) -> None:
        self.base = base
        self._tell(second, what)
        if base == "A":
            self.severity, self.level, self.asked = None, 0, None

    def _tell(self, second: int, what: str, silent: bool | None = None) -> None:
        self.events.append((second, what, self.base, bool(self.over) if silent is None else silent, self.severity, self.level))
