"""What notices say: templates that fill in and compute nothing, lines that leave themselves out, the digest of many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.notices import DEFAULTS, NAMES, TemplateError, Told, as_bad_as, check_template, digest, lasted, render

pytestmark = pytest.mark.requirement("AL-5")
FACTS = {"severity": "High", "device": "MX-02", "message": "Pressure above 55 psi", "value": "56 psi", "since": "Sat 21 Nov 14:02 CET"}


def test_a_line_with_nothing_to_say_is_left_out() -> None:
    message = render("raised", FACTS, {})
    assert message.title == "High: MX-02, Pressure above 55 psi"
    assert message.body == "Pressure above 55 psi\nDevice: MX-02\nValue: 56 psi\nSince: Sat 21 Nov 14:02 CET"


def test_a_line_of_the_templates_own_words_stays() -> None:
    message = render("raised", {}, {"raised": {"body": "Call 112\n$device\nthen $link"}})
    assert message.body == "Call 112"


def test_a_part_that_a_template_does_not_change_is_the_default() -> None:
    message = render("raised", FACTS, {"raised": {"title": "$device!"}, "ended": {"title": "over"}})
    assert message.title == "MX-02!"
    assert message.body.startswith("Pressure above 55 psi\n")


def test_on_a_telephone_the_title_says_it_all() -> None:
    assert render("raised", {**FACTS, "link": "https://x/alerts/1"}, {}, short=True).body == "https://x/alerts/1"
    assert render("raised", FACTS, {"raised": {"body": "own $value"}}, short=True).body == "own 56 psi"


def test_a_title_is_one_line() -> None:
    assert (
        render("raised", {**FACTS, "message": "hot\r\nBcc: everyone@example.com"}, {}).title == "High: MX-02, hot Bcc: everyone@example.com"
    )


def test_what_a_fact_says_is_not_a_template() -> None:
    assert render("raised", {**FACTS, "message": "$device ${value}"}, {}).title == "High: MX-02, $device ${value}"


@pytest.mark.parametrize("what", list(DEFAULTS))
def test_every_default_fills_in_known_names_alone(what: str) -> None:
    for text in DEFAULTS[what]:
        check_template(text)
    filled = render(what, dict.fromkeys(NAMES, "filled"), {})
    assert "$" not in filled.title + filled.body


@pytest.mark.parametrize(
    ("text", "reason"),
    [("$devise is hot", "\\$devise is not known; known are \\$severity"), ("5 $", "write \\$\\$"), ("x" * 4001, "at most 4000")],
)
def test_a_template_that_cannot_be_filled_in_is_refused(text: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        check_template(text)


@given(st.text(min_size=1, max_size=200))
def test_whatever_is_written_as_a_template_computes_nothing(text: str) -> None:
    message = render("raised", FACTS, {"raised": {"title": "x", "body": text}})
    assert len(message.body) <= len(text) * 25


def told(alert: int, what: str = "raised", severity: str = "medium") -> Told:
    return Told(alert, what, severity, {"device": f"D{alert}", "message": "too hot"})


def test_a_digest_counts_alerts_not_notices_and_names_the_worst_first() -> None:
    message = digest(
        [told(1), told(2, severity="critical"), told(1, "reminder"), told(3, severity="low"), told(3, "ended", "low")], "Mill", "https://x"
    )
    assert message.title == "3 alerts at Mill: 1 critical, 1 medium, 1 ended"
    assert message.body.split("\n") == [
        "5 notices came in a short time; this is all of them in one.", "", "Critical: D2, too hot", "Medium: D1, too hot",
        "Ended: D3, too hot", "", "https://x",
    ]  # fmt: skip


def test_a_digest_of_hundreds_names_ten() -> None:
    lines = digest([told(number) for number in range(1, 301)], "Mill", "").body.split("\n")
    assert len(lines) == 13
    assert lines[-1] == "and 290 more"


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.sampled_from(["raised", "ended", "acknowledged"]), st.sampled_from(["critical", "low"])),
        min_size=1,
    )
)
def test_every_alert_of_a_digest_is_counted_once(events: list[tuple[int, str, str]]) -> None:
    title = digest([told(*event) for event in events], "Mill", "").title
    counted = [int(part.split()[0]) for part in title.partition(": ")[2].split(", ")]
    assert sum(counted) == len({alert for alert, _, _ in events}) == int(title.split()[0])


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_900, "1 h 5 min"), (100_000, "1 d 3 h"), (-5, "0 s")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert lasted(seconds) == words


def test_severities_are_ordered() -> None:
    assert as_bad_as("critical", "high")
    assert as_bad_as("high", "high")
    assert not as_bad_as("medium", "high")
