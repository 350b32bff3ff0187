"""Stops as people explain and edit them: reasons, also late ones; splits, joins, moves; what sums and figures say afterwards."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from dashapp.actions import production
from dashapp.actions.actor import ActionError, Forbidden
from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.fleet import Role
from dashapp.domain.oee import Loss
from db.columns import from_us
from db.queries.stops import pareto
from db.tenancy import tenant_reading
from tests.integration.stored import store
from tests.integration.works import Works, usual_day

pytestmark = pytest.mark.requirement("PR-2", "PR-4")


def test_a_reason_is_one_tap_and_changes_the_figures_at_once(works: Works) -> None:
    usual_day(works)
    works.settle("2 00:00")
    stop = works.stops("M1")[1]
    done = production.assign_reason(works.database, works.actor(Role.OPERATOR), stop.id, works.reasons["changeover"], "New coil",
                                    now=from_us(works.at("2 00:00")))  # fmt: skip
    assert done
    found = works.sums("M1", "00:00", "2 00:00")
    assert (found.setup_s, found.setups, found.unexplained_s) == (1800, 1, 0)
    after = works.stops("M1")[1]
    assert (after.id, after.loss, after.reason, after.comment, after.said_by) == (stop.id, Loss.SETUP, "Changeover", "New coil", "command")
    assert [edit.what for edit in after.edits] == ["reason"]
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        bars = pareto(connection, [works.devices["M1"]], works.at("00:00"), works.at("2 00:00"))
    assert [(bar.reason, bar.seconds, bar.count, round(bar.cumulated, 3)) for bar in bars] == [
        ("Changeover", 1800, 1, 0.6), ("Equipment failure", 1200, 1, 1.0),
    ]  # fmt: skip
    with pytest.raises(Forbidden):
        production.assign_reason(works.database, works.actor(Role.VIEWER), stop.id, None)
    with pytest.raises(ActionError) as refused:
        production.assign_reason(works.database, works.actor(Role.OPERATOR, ("Elsewhere",)), stop.id, None)
    assert refused.value.status == 404


@pytest.mark.requirement("UI-11")
def test_a_reason_given_without_a_network_arrives_once_with_its_time(works: Works) -> None:
    usual_day(works)
    works.settle("2 00:00")
    stop, now = works.stops("M1")[0], from_us(works.at("2 00:00"))
    who, said_at = works.actor(Role.OPERATOR), from_us(works.at("07:41"))
    later = from_us(works.at("09:00"))
    production.assign_reason(works.database, who, stop.id, works.reasons["tool"], at=later, now=now)
    for again in range(2):
        arrived = production.assign_reason(works.database, who, stop.id, works.reasons["material"], "no coil", at=said_at,
                                           idempotency_key="phone-1", now=now)  # fmt: skip
        assert arrived == (again == 0)
    after = works.stops("M1")[0]
    said = [(edit.reason, edit.at_us) for edit in after.edits]
    assert said == [("No material", works.at("07:41")), ("Tool or fixture", works.at("09:00"))]
    assert after.reason == "Tool or fixture"  # what was said later holds, though it came first
    with pytest.raises(ActionError) as refused:
        production.assign_reason(works.database, who, stop.id, works.reasons["tool"], at=said_at, idempotency_key="phone-1", now=now)
    assert (refused.value.field, refused.value.status) == ("Idempotency-Key", 422)
    other = replace(who, kind="user", id=77)
    assert production.assign_reason(works.database, other, stop.id, works.reasons["tool"], idempotency_key="phone-1", now=now)
    for wrong in (from_us(works.at("07:00")), now + timedelta(hours=1)):
        with pytest.raises(ActionError) as refused:
            production.assign_reason(works.database, who, stop.id, works.reasons["tool"], at=wrong, now=now)
        assert refused.value.field == "at"


def test_stops_are_split_joined_moved_withdrawn_and_entered(works: Works) -> None:
    usual_day(works)
    works.settle("2 00:00")
    who, now = works.manager, from_us(works.at("2 00:00"))
    stop = works.stops("M1")[1]
    production.split_stop(works.database, who, stop.id, works.at("12:10"), now=now)
    first, second = works.stops("M1")[1:]
    assert (first.start_us, first.end_us, second.end_us) == (works.at("12:00"), works.at("12:10"), works.at("12:30"))
    assert stop.id in (first.id, second.id)
    production.assign_reason(works.database, who, first.id, works.reasons["material"], now=now + timedelta(minutes=1))
    production.assign_reason(works.database, who, second.id, works.reasons["maintenance"], now=now + timedelta(minutes=2))
    found = works.sums("M1", "00:00", "2 00:00")
    assert (found.waiting_s, found.waits, found.planned_stop_s, found.unexplained_s) == (600, 1, 1200, 0)
    assert found.planned_s == (945 - 20) * 60
    with pytest.raises(ActionError, match="not within"):
        production.split_stop(works.database, who, first.id, works.at("12:10"), now=now)
    production.join_stop(works.database, who, first.id, now=now + timedelta(minutes=3))
    joined = works.stops("M1")[1]
    assert (joined.start_us, joined.end_us, joined.reason) == (works.at("12:00"), works.at("12:30"), "No material")
    moment = now + timedelta(minutes=4)
    production.edit_stop(works.database, who, joined.id, works.at("11:50"), works.at("12:20"), "the counter lagged", now=moment)
    moved = works.stops("M1")[1]
    assert (moved.id, moved.start_us, moved.end_us, moved.reason) == (joined.id, works.at("11:50"), works.at("12:20"), "No material")
    assert works.sums("M1", "00:00", "2 00:00").produced == found.produced  # what was counted stays counted
    production.withdraw_stop(works.database, who, moved.id, now=now + timedelta(minutes=5))
    assert len(works.stops("M1")) == 1
    part, why = (works.at("20:00"), works.at("20:30")), works.reasons["staff"]
    for first_time in (True, False):
        arrived = production.enter_stop(
            works.database, who, works.devices["M1"], *part, why, "nobody there", idempotency_key="e1", now=now
        )  # fmt: skip
        assert arrived is first_time
    entered = works.stops("M1")[1]
    told = (entered.source, entered.reason, entered.comment, entered.planned_s)
    assert told == ("entered", "Nobody at the machine", "nobody there", 1800)
    for wrong, field in ((("20:30", "20:30"), "end"), (("2 20:00", "2 21:00"), "end"), (("23:00", "23:30"), "start")):
        with pytest.raises(ActionError) as refused:
            production.enter_stop(works.database, who, works.devices["M1"], works.at(wrong[0]), works.at(wrong[1]), None, now=now)
        assert refused.value.field == field
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        said = set(connection.execute(text("select action from audit_log")).scalars())
        assert said == {"split_stop", "assign_reason", "join_stop", "edit_stop", "withdraw_stop", "enter_stop"}


def test_a_reason_given_while_it_lasts_covers_the_stop_to_its_end_and_the_row_stays_the_same(works: Works) -> None:
    works.make("M1", "06:00", [24] * 10 + [0] * 5)
    works.settle("06:15")
    stop = works.stops("M1")[0]
    assert stop.end_us is None
    production.assign_reason(works.database, works.manager, stop.id, works.reasons["breakdown"], now=from_us(works.at("06:15")))
    works.make("M1", "06:15", [0] * 20 + [24] * 10)
    works.settle("06:45")
    after = works.stops("M1")[0]
    assert (after.id, after.start_us, after.end_us, after.reason) == (stop.id, works.at("06:10"), works.at("06:35"), "Breakdown")


def test_an_answer_to_a_stop_that_later_readings_deny_says_so(works: Works) -> None:
    works.make("M1", "06:00", [24] * 10 + [None] * 10 + [24] * 5)
    works.make("M1", "06:10", [0] * 10)
    works.settle("06:25")
    stop = works.stops("M1")[0]
    times = [works.at("06:10") + minute * MINUTE_US for minute in range(10)]
    store(works.database, works.tenant_id, works.sensors["M1", "production_count"], times, [24.0] * 10)
    works.settle("06:25")
    assert works.stops("M1") == []
    with pytest.raises(ActionError) as refused:
        production.assign_reason(works.database, works.manager, stop.id, works.reasons["tool"], now=from_us(works.at("06:30")))
    assert (refused.value.status, refused.value.reason) == (409, "readings that came later say that the machine ran then")
