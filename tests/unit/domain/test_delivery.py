"""When a message goes out: the rate of a channel, floods, what follows a failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.delivery import Waiting, decide, kind_of_failure, statuses, tokens_now, wait_s

pytestmark = pytest.mark.requirement("AL-4", "AL-5")
RULES = {"digest_from": 10, "digest_s": 60.0}


@given(st.integers(1, 50), st.integers(1, 3600), st.lists(st.floats(0, 500), min_size=1, max_size=200))
def test_no_more_than_the_rate_goes_out_in_any_stretch_of_time(messages: int, per_s: int, gaps: list[float]) -> None:
    tokens, sent, elapsed = float(messages), 0, 0.0
    for gap in gaps:
        tokens, elapsed = tokens_now(tokens, gap, messages, per_s), elapsed + gap
        while tokens >= 1:
            tokens, sent = tokens - 1, sent + 1
    assert sent <= messages + elapsed * messages / per_s + 1e-6


def test_a_channel_that_was_never_used_has_all_of_its_rate() -> None:
    assert tokens_now(None, 0, 20, 600) == 20
    assert tokens_now(0, 30, 20, 600) == 1
    assert tokens_now(5, -10, 20, 600) == 5, "a clock that goes back takes nothing away"


def test_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    assert [wait_s(failures, 0.5) for failures in (1, 2, 3, 8, 9, 1000)] == [5, 10, 20, 640, 900, 900]
    assert (wait_s(1, 0.0), wait_s(1, 1.0)) == (3.75, 6.25)


@pytest.mark.parametrize(
    ("waiting", "tokens", "failures", "then"),
    [
        (Waiting(0, 0, None), 5, 0, "hold"),
        (Waiting(1, 1, None), 5, 0, "one"),
        (Waiting(5, 9, None), 5, 0, "one"),
        (Waiting(6, 9, None), 5, 0, "digest"),
        (Waiting(1, 1, None), 0.9, 0, "hold"),
        (Waiting(2, 2, None), 5, 1, "digest"),
        (Waiting(1, 1, None), 5, 1, "one"),
        (Waiting(3, 10, None), 50, 0, "digest"),
        (Waiting(3, 10, 59.9), 50, 0, "hold"),
        (Waiting(3, 10, 60), 50, 0, "digest"),
        (Waiting(1, 10, 60), 50, 0, "one"),
    ],
)
def test_what_goes_out_next(waiting: Waiting, tokens: float, failures: int, then: str) -> None:
    assert decide(waiting, tokens=tokens, failures=failures, **RULES) == then


@pytest.mark.parametrize(
    ("http", "smtp", "kind"),
    [
        (400, None, "never"),
        (401, None, "never"),
        (404, None, "never"),
        (302, None, "never"),
        (408, None, "channel"),
        (429, None, "channel"),
        (500, None, "channel"),
        (503, None, "channel"),
        (None, 535, "never"),
        (None, 550, "never"),
        (None, 421, "channel"),
        (None, 451, "later"),
        (None, None, "channel"),
    ],
)
def test_what_a_failure_means(http: int | None, smtp: int | None, kind: str) -> None:
    assert kind_of_failure(http, smtp) == kind


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ("Failed to send JSON POST notification: Unauthorized - error=401.", (401, None)),
        ("Socket Exception: (535, b'5.7.8 Authentication failed')", (None, 535)),
        ("Socket Exception: {'bad@x.example': (550, b'no such user')}", (None, 550)),
        ("SMTP recipient bad@x.example was refused: 550 no such user", (None, 550)),
        ("A Connection error occurred", (None, None)),
    ],
)
def test_statuses_are_read_from_what_the_library_says(log: str, found: tuple[int | None, int | None]) -> None:
    assert statuses(log) == found
