"""What is remembered for a moment."""

from typing import Any

import pytest

from dashapp.actions import changes
from dashapp.actions.changes import Recent


class Clock:
    """Seconds, moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def reader(found: Any, reads: list[int]) -> Any:
    def read() -> Any:
        reads.append(1)
        return found

    return read


@pytest.mark.parametrize("found", ["a session", None])
def test_a_look_up_is_made_once_in_five_seconds_whether_it_finds_something_or_not(clock: Clock, found: Any) -> None:
    recent: Recent[str] = Recent(clock=clock)
    reads: list[int] = []
    for second in (0, 2, 4.9):
        clock.now = 100 + second
        assert recent.find(b"k", reader(found, reads)) == found
        assert recent.peek(b"k") == found
    assert len(reads) == 1
    clock.now = 105.0
    assert recent.peek(b"k") is None
    recent.find(b"k", reader(found, reads))
    assert len(reads) == 2


def test_a_change_makes_everything_remembered_old_at_once(clock: Clock) -> None:
    recent: Recent[str] = Recent(clock=clock)
    recent.find(b"k", lambda: "before")
    changes.announce()
    assert recent.peek(b"k") is None
    assert recent.find(b"k", lambda: "after") == "after"


def test_what_was_read_while_something_changed_is_not_remembered(clock: Clock) -> None:
    recent: Recent[str] = Recent(clock=clock)

    def read() -> str:
        changes.announce()  # the sign-out that commits between the reading and the remembering
        return "before"

    assert recent.find(b"k", read) == "before"
    assert recent.find(b"k", lambda: "after") == "after"


def test_memory_stays_bounded_whatever_strangers_ask_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_REMEMBERED", 100)
    recent: Recent[str] = Recent(clock=clock)
    for number in range(1_000):
        recent.find(str(number).encode(), lambda: None)
    assert len(recent._kept) <= 100
