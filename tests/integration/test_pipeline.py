"""Readings go in once, whatever else goes on: the pipeline on a real PostgreSQL."""


import pytest
from sqlalchemy import text

from dashapp.ingest.batch import Batch, Busy, Unavailable
from dashapp.ingest.pipeline import store_and_wait
from dashapp.ingest.services import Services
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.plant import START_US, Press, Sent, make_pipeline, new_press, once, rows, running

S = 1_000_000  # microseconds


@pytest.mark.requirement("IN-1", "IN-9", "DB-3")
def test_a_reading_is_stored_with_its_current_state_when_the_door_is_answered(services: Services, press: Press) -> None:
    outcome = Sent(press, [(press.temperature, 0, 71.5), (press.temperature, 2, 72.5)]).to(services.pipeline).outcome()

    assert (outcome.stored, outcome.duplicates, outcome.conflicts, outcome.refused) == (2, 0, {}, {})
    assert press.readings() == {(press.temperature, START_US): 71.5, (press.temperature, START_US + 2 * S): 72.5}
    assert press.states()[press.temperature] == (START_US + 2 * S, 72.5, 0, 2)


@pytest.mark.requirement("IN-8")
def test_a_replay_changes_nothing(services: Services, press: Press) -> None:
    readings = [(press.count, second, 3.0) for second in range(10)]
    Sent(press, readings).to(services.pipeline).outcome()
    before = press.readings(), press.states()

    outcome = Sent(press, readings[5:]).to(services.pipeline).outcome()

    assert (outcome.stored, outcome.duplicates, outcome.conflicts) == (0, 5, {})
    assert (press.readings(), press.states()) == before


@pytest.mark.requirement("IN-8")
def test_the_first_value_wins_and_another_is_reported_as_a_conflict(services: Services, press: Press) -> None:
    Sent(press, [(press.temperature, 0, 71.5)]).to(services.pipeline).outcome()

    outcome = Sent(press, [(press.temperature, 1, 1.0), (press.temperature, 0, 99.0)]).to(services.pipeline).outcome()

    assert (outcome.stored, outcome.duplicates, outcome.conflicts) == (1, 0, {1: 71.5})
    assert press.readings()[press.temperature, START_US] == 71.5


@pytest.mark.requirement("IN-8")
def test_what_somebody_wrote_ahead_of_the_state_is_found_too(database: Database, services: Services, press: Press) -> None:
    """The state says what is newest; a row beyond it is met only when it is inserted."""
    Sent(press, [(press.temperature, 0, 71.5)]).to(services.pipeline).outcome()
    with database.owner.begin() as connection:
        connection.exec_driver_sql(
            "update sensor_state set time = time - interval '1 minute' where sensor_id = %s", (press.temperature,)
        )

    batch = [(press.temperature, 0, 99.0), (press.temperature, 1, 72.0), (press.count, 1, 4.0)]
    outcome = Sent(press, batch).to(services.pipeline).outcome()

    assert (outcome.stored, outcome.duplicates, outcome.conflicts) == (2, 0, {0: 71.5})
    assert press.states()[press.temperature][1:] == (72.0, 0.0, 2)
    assert press.states()[press.count][2:] == (4.0, 1)


@pytest.mark.requirement("IN-8")
def test_a_conflict_inside_of_one_batch_is_found_too(services: Services, press: Press) -> None:
    batch = [(press.count, 0, 5.0), (press.count, 0, 7.0), (press.count, 0, 5.0)]

    outcome = Sent(press, batch).to(services.pipeline).outcome()

    assert (outcome.stored, outcome.duplicates, outcome.conflicts) == (1, 1, {1: 5.0})
    assert press.states()[press.count][2:] == (5.0, 1)


@pytest.mark.requirement("IN-8", "IN-9")
def test_each_post_of_a_shared_slice_hears_of_its_own_rows_alone(database: Database, press: Press) -> None:
    waiting = make_pipeline(database)
    first, second, empty, third = (
        Sent(press, readings).waiting_in(waiting.pipeline)
        for readings in (
            [(press.temperature, 0, 1.0), (press.vibration, 0, 1.0)],
            [(press.temperature, 0, 2.0), (press.temperature, 1, 2.0), (press.vibration, 0, 1.0)],
            [],
            [(press.temperature, 1, 3.0), (-1, 0, 3.0)],
        )
    )

    with running(waiting):
        outcomes = [sent.outcome() for sent in (first, second, empty, third)]

    told = [(each.stored, each.duplicates, each.conflicts, each.refused) for each in outcomes]
    gone = "the sensor no longer exists"
    assert told == [(2, 0, {}, {}), (1, 1, {0: 1.0}, {}), (0, 0, {}, {}), (0, 0, {0: 2.0}, {1: gone})]
    assert waiting.pipeline.figures()["transactions"] == 1


@pytest.mark.requirement("IN-8", "DB-3")
def test_a_late_reading_is_stored_and_flagged_and_moves_no_state_back(services: Services, press: Press) -> None:
    Sent(press, [(press.count, 10, 4.0)]).to(services.pipeline).outcome()

    Sent(press, [(press.count, 5, 2.0), (press.count, 12, 1.0)]).to(services.pipeline).outcome()
    Sent(press, [(press.count, 11, 8.0)]).to(services.pipeline).outcome()

    assert press.states()[press.count] == (START_US + 12 * S, 1.0, 15.0, 4)
    assert press.column("select flags from readings order by time") == [1, 2, 1, 2]  # 1 late, 2 new but old on arrival


@pytest.mark.requirement("DB-3", "IN-8")
def test_totals_move_by_rows_that_were_really_inserted_and_of_increments_alone(services: Services, press: Press) -> None:
    for _ in range(3):
        Sent(press, [(press.count, second, 2.0) for second in range(5)] + [(press.temperature, 0, 70.0)]).to(services.pipeline).outcome()

    assert press.states()[press.count][2:] == (10.0, 5)
    assert press.states()[press.temperature][2:] == (0, 1)


@pytest.mark.requirement("DB-2")
def test_readings_of_any_month_find_a_partition(services: Services, press: Press) -> None:
    years = [(press.temperature, -86_400 * 365 * year, float(year)) for year in (0, 3, 9, 20)]

    assert Sent(press, years).to(services.pipeline).outcome().stored == 4
    assert len(press.readings()) == 4


@pytest.mark.requirement("IN-9")
def test_a_large_batch_is_stored_in_slices_and_answered_once(database: Database, press: Press) -> None:
    readings = [(press.temperature if i % 2 else press.vibration, i, float(i)) for i in range(12_000)]

    with running(make_pipeline(database)) as services:
        outcome = Sent(press, readings).to(services.pipeline).outcome()
        assert services.pipeline.figures()["transactions"] == 3

    assert (outcome.stored, len(press.readings())) == (12_000, 12_000)


# --- Idempotency-Key


@pytest.mark.requirement("IN-7", "IN-8")
def test_a_request_with_a_key_is_answered_again_as_it_was_the_first_time(services: Services, press: Press) -> None:
    first = Sent(press, [(press.count, 0, 1.0)], idempotency=once("a")).to(services.pipeline).outcome()
    again = Sent(press, [(press.count, 1, 1.0)], idempotency=once("a")).to(services.pipeline).outcome()

    assert (first.stored, first.replay) == (1, None)
    assert (again.stored, again.replay) == (0, (201, b"stored 1"))
    assert press.states()[press.count][2:] == (1.0, 1)


@pytest.mark.requirement("IN-7")
def test_a_key_with_another_body_is_told_apart(services: Services, press: Press) -> None:
    Sent(press, [(press.count, 0, 1.0)], idempotency=once("a")).to(services.pipeline).outcome()

    other = Sent(press, [(press.count, 1, 1.0)], idempotency=once("a", b"other")).to(services.pipeline).outcome()
    another_sender = Sent(press, [(press.count, 2, 1.0)], idempotency=once("a", b"other", "key:2")).to(services.pipeline).outcome()

    assert other.replay == (0, b"")
    assert another_sender.stored == 1


@pytest.mark.requirement("IN-7", "IN-8")
def test_a_key_twice_in_one_slice_is_stored_once_and_both_are_answered(database: Database, press: Press) -> None:
    waiting = make_pipeline(database)
    sent = [Sent(press, [(press.count, second, 1.0)], idempotency=once("a")).waiting_in(waiting.pipeline) for second in range(4)]

    with running(waiting):
        outcomes = [each.outcome() for each in sent]

    assert [each.replay for each in outcomes] == [None, *[(201, b"stored 1")] * 3]
    assert press.states()[press.count][2:] == (1.0, 1)


@pytest.mark.requirement("IN-7", "IN-8", "OP-1")
def test_a_key_sent_to_two_replicas_at_once_is_stored_once(database: Database, press: Press) -> None:
    with running(make_pipeline(database)) as one, running(make_pipeline(database)) as other:
        for number in range(20):
            key, reading = once(f"key {number}"), [(press.count, number, 1.0)]
            pair = [Sent(press, reading, idempotency=key).to(each.pipeline) for each in (one, other)]
            outcomes = [sent.outcome() for sent in pair]
            assert sorted(each.stored for each in outcomes) == [0, 1]
            assert [each.replay for each in outcomes if each.stored == 0] == [(201, b"stored 1")]

    assert press.states()[press.count][2:] == (20.0, 20)


# --- the queue and the stop


@pytest.mark.requirement("IN-1", "IN-9")
def test_a_full_queue_says_so_and_loses_nothing_that_it_took(database: Database, press: Press) -> None:
    with running(make_pipeline(database, queue_rows=1_000)) as services:
        with tenant_transaction(database.engine, press.tenant_id) as connection:
            connection.execute(text("select 1 from sensor_state for update"))
            taken: list[Sent] = []
            with pytest.raises(Busy):
                fill(services, press, taken)
            assert len(taken) >= 1_000
            assert services.pipeline.waiting_rows <= 1_000
        assert sum(sent.outcome().stored for sent in taken) == len(taken)

    assert press.states()[press.count][2:] == (len(taken), len(taken))


def fill(services: Services, press: Press, taken: list[Sent]) -> None:
    """Submits single readings until the queue is full."""
    for number in range(50_000):
        sent = Sent(press, [(press.count, number, 1.0)])
        services.pipeline.submit(sent.batch)
        taken.append(sent)


@pytest.mark.requirement("OP-4")
def test_stopping_commits_what_was_accepted_and_accepts_nothing_more(database: Database, press: Press) -> None:
    services = make_pipeline(database)
    services.pipeline.start()
    sent = [Sent(press, [(press.count, second, 1.0)]).to(services.pipeline) for second in range(300)]
    sent.append(Sent(press, [(press.temperature, second, 1.0) for second in range(20_000)]).to(services.pipeline))

    services.pipeline.stop()

    assert all(each.settled for each in sent)
    assert sum(each.outcome().stored for each in sent) == 20_300
    with pytest.raises(Busy):
        services.pipeline.submit(Sent(press, [(press.count, 999, 1.0)]).batch)


@pytest.mark.requirement("IN-9")
def test_a_door_that_has_gone_does_not_take_its_neighbours_answer_with_it(database: Database, press: Press) -> None:
    waiting = make_pipeline(database)
    gone = Sent(press, [(press.count, 0, 1.0)])
    gone.batch.done = lambda _outcome: 1 / 0  # type: ignore[assignment, return-value]
    gone.waiting_in(waiting.pipeline)
    neighbour = Sent(press, [(press.count, 1, 1.0)]).waiting_in(waiting.pipeline)

    with running(waiting) as services:
        assert neighbour.outcome().stored == 1
        assert Sent(press, [(press.count, 2, 1.0)]).to(services.pipeline).outcome().stored == 1


@pytest.mark.requirement("IN-1")
def test_a_batch_of_a_tenant_that_is_no_more_is_answered_with_an_error(database: Database, services: Services, press: Press) -> None:
    with database.owner.begin() as connection:
        connection.execute(text("delete from tenants where id = :id"), {"id": press.tenant_id})

    with pytest.raises(Unavailable):
        Sent(press, [(press.temperature, 0, 1.0)]).to(services.pipeline).outcome()
    other = new_press(database)
    assert Sent(other, [(other.temperature, 0, 1.0)]).to(services.pipeline).outcome().stored == 1


@pytest.mark.requirement("IN-9")
def test_a_door_of_its_own_thread_waits_for_the_commit(services: Services, press: Press) -> None:
    columns = rows([(press.temperature, 0, 1.0)])

    batch = store_and_wait(services.pipeline, lambda done: Batch(press.tenant_id, "mqtt", "x", columns, done))

    assert batch.outcome.stored == 1
