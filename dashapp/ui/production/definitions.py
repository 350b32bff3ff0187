"""How each figure and each loss of production is defined, with its numbers put in and whose definition it is."""

from dataclasses import dataclass

from dashapp.domain.oee import Figure, Loss, ProductionSums, figures
from dashapp.ui.parts import format_value
from dashapp.ui.production.words import figure_words, span_words, units_words

ISO = "ISO 22400-2"


@dataclass(frozen=True, slots=True)
class Definition:
    """A figure: what it is called, how it is defined, its numbers put in, and whose definition it is."""

    key: str
    name: str
    formula: str
    numbers: str
    value: str
    source: str


def exact_seconds(seconds: float) -> str:
    """Seconds as they are summed up: whole where they are."""
    return f"{format_value(seconds, None if abs(seconds) < 1e9 else 0)} s"


def over(above_s: float, below_s: float) -> str:
    """One time over another, as it is put into a formula."""
    return f"{exact_seconds(above_s)} / {exact_seconds(below_s)}"


def definitions(sums: ProductionSums) -> list[Definition]:
    """Every figure of a sum."""
    found = figures(sums)
    good = sums.ideal_s - sums.rejected_ideal_s
    made_ready = f"({exact_seconds(sums.production_s)} + {exact_seconds(sums.setup_s)}) / {exact_seconds(sums.known_s)}"

    def one(key: str, name: str, formula: str, numbers: str, figure: Figure, source: str = ISO, *, seconds: bool = False) -> Definition:
        value = span_words(figure.value) if seconds and figure.value is not None else figure_words(figure)
        return Definition(key, name, formula, numbers if figure.value is not None else figure.why, value, source)

    rows = [
        one("oee", "OEE", "Σ PRI·GQ / PBT = Availability × Effectiveness × Quality", over(good, sums.known_s), found.oee),
        one("availability", "Availability", "APT / PBT", over(sums.production_s, sums.known_s), found.availability),
        one("effectiveness", "Effectiveness", "Σ PRI·PQ / APT", over(sums.ideal_s, sums.production_s), found.effectiveness),
        one("quality", "Quality ratio", "Σ PRI·GQ / Σ PRI·PQ; for one product GQ / PQ", over(good, sums.ideal_s), found.quality),
        one("nee", "NEE", "(APT + setup time) / PBT × Effectiveness × Quality", f"{made_ready} × effectiveness × quality", found.nee),
        one(
            "teep",
            "TEEP",
            "Σ PRI·GQ / all time that is known",
            over(good, sums.calendar_s - sums.unknown_s),
            found.teep,
            "Nakajima, 1988",
        ),
        one(
            "mtbf",
            "MTBF",
            "APT / number of failures",
            f"{exact_seconds(sums.production_s)} / {units_words(sums.failures)}",
            found.mtbf_s,
            seconds=True,
        ),
        one(
            "mttr",
            "MTTR",
            "time of failures / number of failures",
            f"{exact_seconds(sums.failure_s)} / {units_words(sums.failures)}",
            found.mttr_s,
            seconds=True,
        ),
        one(
            "known",
            "Known time",
            "planned time of which something is known / planned time",
            over(sums.known_s, sums.planned_s),
            found.known,
            "Andon",
        ),
    ]
    return rows


LOSS_DEFINITIONS = {
    Loss.FAILURE: "time of stops by equipment failure",
    Loss.SETUP: "time of stops for setup and adjustment",
    Loss.WAITING: "time of stops waiting for material or people",
    Loss.UNEXPLAINED: "time of stops without a reason and without a fault",
    Loss.MINOR: "time of stops of up to 2 minutes",
    Loss.SPEED: "APT − minor stops − Σ PRI·PQ",
    Loss.DEFECTS: "Σ PRI·rejects, without those of a start",
    Loss.STARTUP: "Σ PRI·rejects in the 5 minutes after a stop or a shift's begin",
}
