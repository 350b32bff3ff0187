"""A rule as a sentence says what the rule does."""

import pytest

from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import RuleSettings, RuleType, SuppressWhen
from dashapp.domain.rule_words import delay, sentence

pytestmark = pytest.mark.requirement("AL-2")


def plain(settings: RuleSettings, name: str = "Temperature", unit: str = "°C") -> str:
    return sentence(settings, name, unit).replace("\u202f", " ")


def test_limits_with_delay_and_deadband() -> None:
    settings = RuleSettings(severity=Severity.HIGH, high=90, deadband=5, on_delay_s=10)

    assert plain(settings) == "High when Temperature is above 90 °C for 10 s; ends at 85 °C or below."


def test_two_severities_both_sides_latch_and_suppression() -> None:
    settings = RuleSettings(high=90, high_high=100, low=10, off_delay_s=300, latch=True, suppress_when=SuppressWhen("running", "equal", 0))

    assert plain(settings) == (
        "Medium when Temperature is above 90 °C; critical when it is above 100 °C; medium when it is below 10 °C; ends at 90 °C or"
        " below and at 10 °C or above for 5 min. Stays until somebody resets it. Nobody is told while running is 0."
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            RuleSettings(type=RuleType.RATE, rate=2, deadband=0.5),
            "Medium when T changes faster than 2 per second; ends at 1.5 per second or slower.",
        ),
        (RuleSettings(type=RuleType.FAULT, off_delay_s=60), "Medium when T is on; ends when it is off for 1 min."),
        (RuleSettings(type=RuleType.OFFLINE), "Medium when nothing has come for 30 s or three periods; ends when something comes."),
        (
            RuleSettings(type=RuleType.ANOMALY, learn_h=168),
            "Medium when T behaves unlike the 7 d that were learned, medium sensitivity; ends when it behaves as before.",
        ),
        (
            RuleSettings(type=RuleType.TREND, high=90, low=10, within_h=12, on_delay_s=60),
            "Medium when T is on its way above 90 or below 10 within 12 h, by the last 8 h for 1 min; ends when it is not any more.",
        ),
        (RuleSettings(type=RuleType.EXTERNAL), "Another system raises it."),
        (RuleSettings(), "Nothing yet: give it a limit."),
    ],
)  # fmt: skip
def test_other_kinds(settings: RuleSettings, text: str) -> None:
    assert plain(settings, "T", "") == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (90, "1.5 min"), (100, "100 s"), (5400, "1.5 h"), (0.5, "0.5 s")])
def test_delays_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert delay(seconds).replace("\u202f", " ") == text
