"""What a rule can be set to."""

import pytest

from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import RuleSettings, RuleType, SuppressWhen, problems


@pytest.mark.requirement("AL-2")
@pytest.mark.parametrize(
    "settings",
    [
        RuleSettings(high=90),
        RuleSettings(low=0, high=10, deadband=9.5),
        RuleSettings(low_low=-5, low=0, high=10, high_high=20),
        RuleSettings(RuleType.RATE, rate=2, deadband=1),
        RuleSettings(RuleType.FAULT, latch=True),
        RuleSettings(RuleType.OFFLINE, escalate_after_s=()),
        RuleSettings(RuleType.ANOMALY, learn_h=168, sensitivity="low"),
        RuleSettings(RuleType.TREND, low=5, high=90, look_back_h=2, within_h=20),
        RuleSettings(high=1, escalate_after_s=(60, 300, 900)),
    ],
)
def test_what_makes_sense_has_no_problem(settings: RuleSettings) -> None:
    assert problems(settings) == {}


@pytest.mark.requirement("AL-2")
@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("high", RuleSettings()),
        ("high", RuleSettings(high=5, low=5)),
        ("high_high", RuleSettings(high=5, high_high=4)),
        ("low", RuleSettings(low=5, low_low=6)),
        ("high", RuleSettings(high=float("nan"), low=1)),
        ("low", RuleSettings(low=float("-inf"))),
        ("high_high_severity", RuleSettings(high=5, high_high=6, high_high_severity=Severity.MEDIUM)),
        ("low_low_severity", RuleSettings(low=5, low_low=4, severity=Severity.CRITICAL)),
        ("deadband", RuleSettings(high=5, deadband=-1)),
        ("deadband", RuleSettings(high=5, deadband=float("nan"))),
        ("deadband", RuleSettings(high=5, low=3, deadband=2)),
        ("deadband", RuleSettings(RuleType.RATE, rate=1, deadband=1)),
        ("rate", RuleSettings(RuleType.RATE)),
        ("rate", RuleSettings(RuleType.RATE, rate=0)),
        ("learn_h", RuleSettings(RuleType.ANOMALY, learn_h=5)),
        ("sensitivity", RuleSettings(RuleType.ANOMALY, sensitivity="some")),
        ("high", RuleSettings(RuleType.TREND)),
        ("high", RuleSettings(RuleType.TREND, low=5, high=4)),
        ("look_back_h", RuleSettings(RuleType.TREND, high=4, look_back_h=0)),
        ("within_h", RuleSettings(RuleType.TREND, high=4, look_back_h=1, within_h=11)),
        ("on_delay_s", RuleSettings(high=5, on_delay_s=-1)),
        ("off_delay_s", RuleSettings(high=5, off_delay_s=90_000)),
        ("escalate_after_s", RuleSettings(high=5, escalate_after_s=(60, 60))),
        ("escalate_after_s", RuleSettings(high=5, escalate_after_s=(0,))),
    ],
)
def test_what_does_not_is_named(field: str, settings: RuleSettings) -> None:
    assert list(problems(settings)) == [field]


@pytest.mark.parametrize(("relation", "true_of"), [("above", [3.0]), ("below", [1.0]), ("equal", [2.0])])
def test_suppress_when_compares_as_it_says(relation: str, true_of: list[float]) -> None:
    assert [value for value in (1.0, 2.0, 3.0) if SuppressWhen("running", relation, 2).holds(value)] == true_of


def test_settings_are_kept_as_what_differs_from_the_defaults() -> None:
    settings = RuleSettings(high=90, severity=Severity.CRITICAL, suppress_when=SuppressWhen("running", "equal", 0))

    record = settings.record()

    assert record == {"high": 90, "severity": "critical", "suppress_when": {"sensor": "running", "relation": "equal", "value": 0}}
    assert RuleSettings.from_record(record) == settings
