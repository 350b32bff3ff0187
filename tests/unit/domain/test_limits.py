"""So many requests a minute, in any sixty seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.limits import MOST_KEYS, TooMany, Window, network_of

pytestmark = pytest.mark.requirement("AP-4")


def taken(window: Window, now_s: float, key: str = "a") -> bool:
    try:
        window.take(key, now_s)
    except TooMany:
        return False
    return True


def test_a_hundred_a_minute_are_a_hundred_and_no_more() -> None:
    window = Window(100)
    assert sum(taken(window, 1_000_000.0) for _ in range(150)) == 100
    assert taken(window, 1_000_000.0, "b")


def test_none_is_any_number() -> None:
    assert all(taken(Window(0), 5.0) for _ in range(1_000))


def test_who_waits_as_long_as_is_said_is_let_in_and_a_second_before_is_not() -> None:
    for began in (600.0, 617.3, 659.9):
        window = Window(10)
        for _ in range(10):
            window.take("a", began)
        with pytest.raises(TooMany) as refused:
            window.take("a", began)
        wait = refused.value.retry_after_s
        assert 1 <= wait <= 120
        assert taken(window, began + wait)
        if wait > 2:
            again = Window(10)
            for _ in range(10):
                again.take("a", began)
            assert not taken(again, began + wait - 2)


def test_what_was_refused_does_not_count_and_what_is_given_back_neither() -> None:
    window = Window(2)
    for _ in range(5):
        taken(window, 10.0)
    window.give_back("a", 10.0)
    assert taken(window, 10.0)
    assert not taken(window, 10.0)
    window.give_back("nobody", 10.0)
    assert [taken(window, 10.0, "nobody") for _ in range(3)] == [True, True, False]
    alone = Window(1)
    alone.take("a", 59.9)
    alone.give_back("a", 60.1)  # the minute was over meanwhile
    assert taken(alone, 60.1)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=300), st.integers(1, 40))
def test_a_steady_sender_never_passes_more_than_twice_in_a_row(gaps: list[float], allowed: int) -> None:
    """Within one clock minute never more than are allowed; over two, never more than twice."""
    window, now, passed = Window(allowed), 0.0, []
    for gap in gaps:
        now += gap
        if taken(window, now):
            passed.append(now)
    for at in passed:
        minute = at // 60
        assert sum(one // 60 == minute for one in passed) <= allowed


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(1)
    for number in range(MOST_KEYS + 10):
        window.take(str(number), number / 1_000)
    assert len(window._kept) <= MOST_KEYS


@pytest.mark.parametrize(
    ("address", "network"),
    [(None, "unknown"), ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::/64"),
     ("2001:db8::ffff%eth0", "2001:db8::/64"), ("testclient", "testclient")],
)  # fmt: skip
def test_a_customer_is_an_address_or_a_network_of_version_6(address: str | None, network: str) -> None:
    assert network_of(address) == network
