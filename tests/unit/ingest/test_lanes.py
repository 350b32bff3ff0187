"""The queue before the writers: bounded, fair, and drained when it closes."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.ingest import lanes
from dashapp.ingest.batch import Batch, Busy, Idempotency, Part
from dashapp.ingest.lanes import CROWD, TURN_ROWS, Lane
from db.commands.readings import Rows


def batch(size: int, source: str = "key:1", *, tenant: int = 1, import_id: int | None = None, once: bool = False) -> Batch:
    """A batch of that many rows."""
    rows = Rows(np.arange(size, dtype=np.int32), np.zeros(size, np.int64), np.zeros(size), np.zeros(size, np.int16))
    made = Batch(tenant, "http", source, rows, lambda _outcome: None, import_id=import_id)
    if once:
        made.idempotency = Idempotency(source, "once", b"", lambda _outcome: (201, b""))
    return made


def lane(*, most_rows: int = 1_000_000, slice_rows: int = 5_000) -> Lane:
    """A lane with room."""
    return Lane(most_rows=most_rows, slice_rows=slice_rows)


def shares(parts: list[Part]) -> dict[str, int]:
    """Rows by source in a slice."""
    found: dict[str, int] = {}
    for part in parts:
        found[part.batch.source] = found.get(part.batch.source, 0) + len(part)
    return found


def drained(queue: Lane) -> list[list[Part]]:
    """Every slice until the lane is empty."""
    queue.close()
    slices = []
    while parts := queue.take():
        slices.append(parts)
    return slices


@pytest.fixture
def lingers(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What happens while a writer lingers, one after the other; instead of time that passes."""
    meanwhile: list[Callable[[], None]] = []
    monkeypatch.setattr(lanes.time, "sleep", lambda _s: meanwhile.pop(0)())
    return meanwhile


@pytest.mark.requirement("IN-9")
def test_after_a_crowd_the_next_slice_waits_for_those_who_come_back(lingers: list[Callable[[], None]]) -> None:
    queue = lane()
    for number in range(CROWD):
        queue.put(batch(1, f"key:{number}"))
    assert len(queue.take()) == CROWD
    queue.put(batch(1, "key:100"))
    lingers.append(lambda: queue.put(batch(1, "key:101")))
    assert set(shares(queue.take())) == {"key:100", "key:101"}
    queue.put(batch(1))
    assert len(queue.take()) == 1  # after a slice of two it does not linger: there is nothing to pop
    assert not lingers


@pytest.mark.requirement("IN-9")
@pytest.mark.parametrize("closes", [False, True], ids=["a full slice", "a closed lane"])
def test_nothing_waits_where_a_slice_is_full_or_the_lane_is_closed(lingers: list[Callable[[], None]], *, closes: bool) -> None:
    queue = lane(slice_rows=CROWD)
    for number in range(2 * CROWD):
        queue.put(batch(1, f"key:{number}"))
    if closes:
        queue.close()
    assert [len(queue.take()), len(queue.take())] == [CROWD, CROWD]
    assert not lingers


@pytest.mark.requirement("IN-9")
def test_small_posts_share_a_slice() -> None:
    queue = lane()
    for number in range(10):
        queue.put(batch(1, f"key:{number % 3}"))

    assert sum(map(len, queue.take())) == 10
    assert queue.rows == 0


@pytest.mark.requirement("IN-9")
def test_a_post_does_not_wait_behind_an_import() -> None:
    queue = lane()
    for _ in range(20):
        queue.put(batch(5_000, "import"))
    queue.put(batch(1, "post"))

    assert shares(queue.take()) == {"import": 4_999, "post": 1}


@pytest.mark.requirement("IN-9")
def test_sources_that_had_no_turn_go_first_in_the_next_slice() -> None:
    queue = lane()
    names = [f"key:{number}" for number in range(12)]
    for name in names:
        queue.put(batch(10 * TURN_ROWS, name))

    had = [name for _ in range(12) for name in shares(queue.take())]

    assert [had.count(name) for name in names] == [5] * 12


@pytest.mark.requirement("IN-9")
def test_tenants_take_turns_and_never_share_a_slice() -> None:
    queue = lane()
    for tenant, name in [(1, "a"), (1, "b"), (1, "c"), (2, "d")]:
        for _ in range(3):
            queue.put(batch(5_000, name, tenant=tenant))

    slices = [queue.take() for _ in range(6)]

    assert [{part.batch.tenant_id for part in parts} for parts in slices] == [{1}, {2}, {1}, {2}, {1}, {2}]


@pytest.mark.requirement("IN-9")
def test_imported_history_shares_a_slice_with_nothing_else_and_starves_nobody() -> None:
    queue = lane()
    for name, import_id in [("live", None), ("first", 1), ("second", 2)]:
        for _ in range(4):
            queue.put(batch(3_000, name, import_id=import_id))

    slices = drained(queue)

    assert all(len({part.batch.import_id for part in parts}) == 1 for parts in slices)
    assert {part.batch.source for parts in slices[:3] for part in parts} == {"live", "first", "second"}


@pytest.mark.requirement("IN-9")
def test_what_has_an_idempotency_key_is_never_split() -> None:
    queue = lane(slice_rows=100)
    whole = batch(12_345, once=True)
    queue.put(batch(50))
    queue.put(whole)
    queue.put(batch(50))

    pieces = [part for parts in drained(queue) for part in parts if part.batch is whole]

    assert [(part.low, part.high) for part in pieces] == [(0, 12_345)]


@pytest.mark.requirement("IN-9")
def test_a_full_lane_refuses_at_once_or_after_the_wait() -> None:
    queue = lane(most_rows=100)
    queue.put(batch(60))

    for wait_s in (None, 0.01):
        with pytest.raises(Busy):
            queue.put(batch(41), wait_s=wait_s)

    queue.put(batch(40))
    assert queue.rows == 100


@pytest.mark.requirement("IN-9")
def test_a_batch_larger_than_the_lane_goes_in_when_the_lane_is_empty() -> None:
    queue = lane(most_rows=100)
    queue.put(batch(5_000))

    with pytest.raises(Busy):
        queue.put(batch(1))
    assert sum(map(len, queue.take())) == 5_000


@pytest.mark.requirement("IN-9")
def test_who_waits_for_room_gets_in_when_a_slice_is_taken() -> None:
    queue = lane(most_rows=100)
    queue.put(batch(100, "first"))
    waiting = in_thread(lambda: queue.put(batch(100, "second"), wait_s=30))

    assert shares(queue.take()) == {"first": 100}
    waiting.join(30)
    assert shares(queue.take()) == {"second": 100}


@pytest.mark.requirement("OP-4")
def test_closing_hands_out_what_waits_and_takes_nothing_more() -> None:
    queue = lane()
    queue.put(batch(7_000))
    queue.close()

    with pytest.raises(Busy):
        queue.put(batch(1))
    assert [sum(map(len, parts)) for parts in drained(queue)] == [5_000, 2_000]


@pytest.mark.requirement("OP-4")
def test_closing_wakes_who_waits_for_room_and_who_waits_for_work() -> None:
    full, empty = lane(most_rows=1), lane()
    full.put(batch(1))
    heard: list[object] = []

    def put() -> None:
        try:
            full.put(batch(1), wait_s=30)
        except Busy as busy:
            heard.append(busy)

    threads = [in_thread(put), in_thread(lambda: heard.append(empty.take()))]
    full.close()
    empty.close()
    for thread in threads:
        thread.join(30)

    assert [] in heard
    assert len(heard) == 2


@pytest.mark.requirement("IN-9")
def test_a_batch_that_was_put_back_comes_first_and_whole() -> None:
    queue = lane()
    returned = batch(10, once=True)
    queue.put(returned)
    queue.put(batch(1))
    queue.take()
    queue.put(batch(1))

    queue.put_back(returned)

    parts = queue.take()
    assert parts[0].batch is returned
    assert (parts[0].low, parts[0].high) == (0, 10)
    assert queue.rows == 0


SOURCES = st.tuples(st.integers(1, 2), st.sampled_from("abc"), st.sampled_from([None, None, 1]), st.booleans(), st.integers(0, 3_000))


@pytest.mark.requirement("IN-9", "OP-4")
@given(st.lists(SOURCES, max_size=25), st.sampled_from([1, 100, 5_000]))
def test_every_row_is_handed_out_once_and_in_the_order_of_its_source(
    wanted: list[tuple[int, str, int | None, bool, int]], slice_rows: int
) -> None:
    queue = lane(slice_rows=slice_rows)
    batches = [batch(size, name, tenant=tenant, import_id=number, once=once) for tenant, name, number, once, size in wanted]
    for one in batches:
        queue.put(one)

    taken = [part for parts in drained(queue) for part in parts]

    assert queue.rows == 0
    order = {id(one): number for number, one in enumerate(batches)}
    for key in {(one.tenant_id, one.source) for one in batches}:
        mine = [(order[id(part.batch)], part.low) for part in taken if (part.batch.tenant_id, part.batch.source) == key]
        assert mine == sorted(mine)
    for one in batches:
        pieces = [(part.low, part.high) for part in taken if part.batch is one]
        assert [low for low, _ in pieces] == [0, *[high for _, high in pieces][:-1]]
        assert pieces[-1][1] == len(one.rows)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Started beside the test."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


