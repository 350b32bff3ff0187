"""What is refused, and what goes wrong on the way: nothing that was answered is lost, nothing is stored twice."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from dashapp.ingest import writer
from dashapp.ingest.batch import Unavailable
from dashapp.ingest.services import Services
from dashapp.ingest.writer import NewRows, Writer
from db.commands.readings import DeadLetter
from db.engine import Database
from tests.integration.plant import START_US, Press, Sent, make_pipeline, once, running

S = 1_000_000  # microseconds
POISON = 6.66e66



@pytest.mark.requirement("IN-7")
def test_dead_letters_are_written_with_the_batch_as_bytes(services: Services, press: Press) -> None:
    dead = [DeadLetter("http", "key:1", "va\x00lue", f"reason {i} \ud800", b"\x00\xff" + bytes([i]), truncated=i == 1) for i in range(3)]

    Sent(press, [], dead=dead).to(services.pipeline).outcome()

    assert [bytes(raw) for raw in press.column("select raw from dead_letters order by id")] == [b"\x00\xff" + bytes([i]) for i in range(3)]
    assert press.column("select reason from dead_letters order by id")[0] == "reason 0 \\ud800"
    assert press.column("select field from dead_letters") == ["va\\u0000lue"] * 3
    assert press.column("select truncated from dead_letters order by id") == [False, True, False]


@pytest.fixture(params=["check", "trigger"])
def poisoned(request: pytest.FixtureRequest, database: Database, services: Services, press: Press) -> Iterator[None]:
    """The database refuses POISON in the month that these tests write to."""
    Sent(press, [(press.vibration, 0, 0.0)]).to(services.pipeline).outcome()
    (partition,) = press.column("select tableoid::regclass::text from readings")
    raises = "create function poison() returns trigger language plpgsql as $$ begin raise exception 'poison'; end $$"
    trigger = f"create trigger poison before insert on {partition} for each row when (new.value = {POISON}) execute function poison()"
    made = {"check": [f"alter table {partition} add constraint poison check (value <> {POISON})"], "trigger": [raises, trigger]}
    dropped = [f"drop trigger poison on {partition}", "drop function poison"]
    gone = {"check": [f"alter table {partition} drop constraint poison"], "trigger": dropped}
    run(database, made[request.param])
    yield
    run(database, gone[request.param])


def run(database: Database, statements: list[str]) -> None:
    """As the owner of the tables."""
    with database.owner.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.requirement("IN-7", "IN-9")
@pytest.mark.usefixtures("poisoned")
def test_a_poison_row_among_five_thousand_costs_itself_alone(services: Services, press: Press) -> None:
    readings = [(press.count, i, 1.0) for i in range(5_001)]
    readings[3_210] = (press.count, 3_210, POISON)

    outcome = Sent(press, readings).to(services.pipeline).outcome()

    assert (outcome.stored, list(outcome.refused)) == (5_000, [3_210])
    assert press.states()[press.count][2:] == (5_000.0, 5_000)
    assert [bytes(raw) for raw in press.column("select raw from dead_letters")] == [b"row 3210"]
    assert "poison" in str(press.column("select reason from dead_letters"))


@pytest.mark.requirement("IN-7", "IN-9")
@pytest.mark.usefixtures("poisoned")
def test_many_poison_rows_are_all_found_and_the_first_of_equals_still_wins(services: Services, press: Press) -> None:
    readings = [(press.count, i // 2, POISON if i % 7 == 0 else float(i)) for i in range(600)]
    good: dict[int, float] = {}
    for _, second, value in readings:
        if value != POISON:
            good.setdefault(START_US + int(second) * S, value)

    outcome = Sent(press, readings).to(services.pipeline).outcome()

    assert {time_us: value for (_, time_us), value in press.readings().items()} == good
    assert sorted(outcome.refused) == [i for i in range(600) if i % 7 == 0]
    assert outcome.stored == len(good)


# --- rules in the transaction


@pytest.mark.requirement("IN-9")
def test_rules_see_the_new_rows_and_the_state_after_them_inside_of_the_transaction(database: Database, press: Press) -> None:
    seen: list[tuple[Any, ...]] = []

    def evaluate(connection: psycopg.Connection[Any], new: NewRows) -> None:
        stored = connection.execute("select count(*) from readings").fetchone()
        at = new.state.sensor_ids.tolist().index(press.count)
        seen.append((new.tenant_id, new.rows.values.tolist(), float(new.state.totals[at]), stored and stored[0], len(press.readings())))

    with running(make_pipeline(database, evaluate=evaluate)) as services:
        Sent(press, [(press.count, 0, 2.0), (press.count, 1, 3.0)]).to(services.pipeline).outcome()
        Sent(press, [(press.count, 1, 3.0), (press.count, 2, 4.0)]).to(services.pipeline).outcome()
        Sent(press, [(press.count, 1, 3.0)]).to(services.pipeline).outcome()

    assert seen == [(press.tenant_id, [2.0, 3.0], 5.0, 2, 0), (press.tenant_id, [4.0], 9.0, 3, 2)]


@pytest.mark.requirement("IN-5")
def test_imported_history_runs_no_rule(database: Database, press: Press) -> None:
    seen: list[NewRows] = []

    with running(make_pipeline(database, evaluate=lambda _connection, new: seen.append(new))) as services:
        assert Sent(press, [(press.count, 0, 2.0)], import_id=1).to(services.pipeline).outcome().stored == 1

    assert seen == []


@pytest.mark.requirement("IN-9")
@pytest.mark.parametrize("fault", ["python", "statement", "data", "swallowed", "swallowed the second time"])
def test_an_error_in_a_rule_rolls_all_of_it_back_and_says_so(database: Database, press: Press, fault: str) -> None:
    broken, calls = True, []

    def evaluate(connection: psycopg.Connection[Any], _new: NewRows) -> None:
        calls.append(1)
        connection.execute("insert into system_events (tenant_id, kind, message) values (%s, 'rule', 'x')", (press.tenant_id,))
        if not broken:
            return
        if fault == "python":
            raise ZeroDivisionError
        try:
            connection.execute("select nothing" if fault == "statement" else "select 1/0").fetchone()
        except psycopg.Error:
            # A refusal of data is tried again with care: row by row, in another mode of the connection.
            if fault != "swallowed" and not (fault == "swallowed the second time" and len(calls) == 2):
                raise

    with running(make_pipeline(database, evaluate=evaluate)) as services:
        with pytest.raises(Unavailable):
            Sent(press, [(press.count, 0, 2.0)]).to(services.pipeline).outcome()
        assert press.readings() == {}
        assert press.states()[press.count][2:] == (0, 0)
        assert press.column("select kind from system_events") == []
        broken = False
        assert Sent(press, [(press.count, 0, 2.0)]).to(services.pipeline).outcome().stored == 1

    assert press.column("select kind from system_events") == ["rule"]


# --- connections lost


@pytest.mark.requirement("OP-4", "IN-8")
def test_a_connection_lost_before_the_commit_is_made_again(database: Database, press: Press) -> None:
    connections: list[int] = []

    def evaluate(connection: psycopg.Connection[Any], _new: NewRows) -> None:
        connections.append(connection.info.backend_pid)
        if len(connections) == 1:
            connection.execute("select pg_terminate_backend(pg_backend_pid())")

    with running(make_pipeline(database, evaluate=evaluate)) as services:
        outcome = Sent(press, [(press.count, 0, 2.0)]).to(services.pipeline).outcome()

    assert outcome.stored == 1
    assert len(set(connections)) == 2
    assert press.states()[press.count][2:] == (2.0, 1)


@pytest.mark.requirement("OP-4", "IN-8")
def test_a_commit_whose_answer_was_lost_is_neither_lost_nor_doubled(
    database: Database, press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction, answers = Writer._transaction, []

    def unheard(self: Writer, parts: Any, *, careful: bool) -> Any:
        answers.append(transaction(self, parts, careful=careful))
        if len(answers) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return answers[-1]

    monkeypatch.setattr(Writer, "_transaction", unheard)
    with running(make_pipeline(database)) as services:
        assert services.live.now(press.tenant_id) == {}
        outcome = Sent(press, [(press.count, 0, 2.0)]).to(services.pipeline).outcome()
        now = services.live.now(press.tenant_id)[press.count]

    assert (outcome.stored, outcome.duplicates, outcome.conflicts) == (0, 1, {})
    assert press.states()[press.count][2:] == (2.0, 1)
    assert (now.value, now.total) == (2.0, 2.0)


@pytest.mark.requirement("OP-4", "IN-7")
def test_an_answer_that_was_lost_with_its_connection_is_found_again_by_its_key(
    database: Database, press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction, answers = Writer._transaction, []

    def unheard(self: Writer, parts: Any, *, careful: bool) -> Any:
        answers.append(transaction(self, parts, careful=careful))
        if len(answers) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return answers[-1]

    monkeypatch.setattr(Writer, "_transaction", unheard)
    with running(make_pipeline(database)) as services:
        outcome = Sent(press, [(press.count, 0, 2.0)], idempotency=once("a")).to(services.pipeline).outcome()

    assert outcome.replay == (201, b"stored 1")


@pytest.mark.requirement("IN-1", "OP-4")
def test_a_database_that_stays_away_is_said_to_be_away_and_is_found_when_it_is_back(
    database: Database, press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, tries = writer.connect_raw, []

    def refused(_url: Any) -> Any:
        tries.append(1)
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(writer, "GIVE_UP_AFTER_S", 0.2)
    with running(make_pipeline(database)) as services:
        monkeypatch.setattr(writer, "connect_raw", refused)
        with pytest.raises(Unavailable):
            Sent(press, [(press.count, 0, 1.0)]).to(services.pipeline).outcome()
        so_far = len(tries)
        with pytest.raises(Unavailable):
            Sent(press, [(press.count, 0, 1.0)]).to(services.pipeline).outcome()
        assert len(tries) == so_far + 1, "who comes later does not wait as long again"
        monkeypatch.setattr(writer, "connect_raw", connect)
        assert Sent(press, [(press.count, 0, 1.0)]).to(services.pipeline).outcome().stored == 1


@pytest.mark.requirement("IN-9")
def test_what_fails_after_the_commit_is_not_the_doors_business(
    database: Database, press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(make_pipeline(database)) as services:
        monkeypatch.setattr(services.live, "publish", lambda *_arguments: 1 / 0)
        assert Sent(press, [(press.count, 0, 2.0)]).to(services.pipeline).outcome().stored == 1
        assert services.live.now(press.tenant_id)[press.count].value == 2.0


@pytest.mark.requirement("DB-1", "OP-4")
def test_a_writer_commits_durably_even_where_its_role_does_not(database: Database, press: Press) -> None:
    found: list[Any] = []

    def evaluate(connection: psycopg.Connection[Any], _new: NewRows) -> None:
        found.append(connection.execute("select current_setting('synchronous_commit')").fetchone())

    role = database.engine.url.username
    with database.engine.begin() as connection:
        connection.execute(text(f'alter role "{role}" set synchronous_commit = off'))
    try:
        with running(make_pipeline(database, evaluate=evaluate)) as services:
            Sent(press, [(press.count, 0, 2.0)]).to(services.pipeline).outcome()
    finally:
        with database.engine.begin() as connection:
            connection.execute(text(f'alter role "{role}" reset synchronous_commit'))

    assert found == [("on",)]


# --- two replicas


@pytest.mark.requirement("IN-8", "OP-1", "DB-3")
def test_two_replicas_that_write_the_same_readings_at_once_store_each_of_them_once(database: Database, press: Press) -> None:
    readings = [(sensor, second, float(second)) for second in range(1_500) for sensor in (press.count, press.temperature, press.vibration)]
    batches = [readings[i : i + 90] for i in range(0, len(readings), 90)]
    singles = [[reading] for reading in readings[:300]]

    with running(make_pipeline(database)) as one, running(make_pipeline(database)) as other:
        forward = [Sent(press, batch, source=f"key:{i % 3}").to(one.pipeline) for i, batch in enumerate(batches)]
        backward = [Sent(press, batch[::-1], source=f"key:{i % 5}").to(other.pipeline) for i, batch in enumerate(batches[::-1])]
        forward += [Sent(press, single).to(other.pipeline) for single in singles]
        outcomes = [sent.outcome() for sent in forward + backward]

    assert sum(each.stored for each in outcomes) == len(readings)
    assert all(not each.conflicts and not each.refused for each in outcomes)
    assert len(press.readings()) == len(readings)
    assert press.states() == {
        press.count: (START_US + 1_499 * S, 1_499.0, sum(range(1_500)), 1_500),
        press.temperature: (START_US + 1_499 * S, 1_499.0, 0, 1_500),
        press.vibration: (START_US + 1_499 * S, 1_499.0, 0, 1_500),
        press.fault: (None, None, 0, 0),
    }


@pytest.mark.requirement("OP-1", "DB-3")
def test_a_replica_hears_what_another_one_stored(database: Database, press: Press) -> None:
    with running(make_pipeline(database)) as one, running(make_pipeline(database)) as other:
        assert other.live.now(press.tenant_id) == {}
        Sent(press, [(press.count, 1, 2.0), (press.temperature, 0, 70.0)]).to(one.pipeline).outcome()
        other.live.refresh(press.tenant_id)
        Sent(press, [(press.count, 0, 3.0)]).to(one.pipeline).outcome()
        version = other.live.version(press.tenant_id)
        other.live.refresh(press.tenant_id)

        now = other.live.now(press.tenant_id)
        assert (now[press.count].value, now[press.count].total, now[press.temperature].value) == (2.0, 5.0, 70.0)
        assert press.count in other.live.changes(press.tenant_id, version)[1]
