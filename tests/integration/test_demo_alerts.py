"""The journal that the demo plant begins with is what a backtest of its rules says, answered, closed, and written once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from dashapp.domain.backtest import replay, would_be
from dashapp.ingest.catalogue import Catalogue
from dashapp.ingest.rulebook import compiled
from db.columns import to_us
from db.embedded import EmbeddedPostgres
from db.queries.alarm_performance import journal_of
from db.queries.backtest import stored_track
from db.queries.rules import groups_of, rules
from db.tenancy import tenant_reading
from jobs.demo import ensure_demo
from jobs.demo_alerts import LAST_ANSWER_S, write_past_alerts
from tests.integration.fresh import fresh_database

NOW = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)
DAYS = 2


@pytest.mark.requirement("IN-6", "AL-8")
def test_the_demo_plants_past_alerts_are_those_of_its_readings(postgres: EmbeddedPostgres) -> None:
    start_us, end_us = to_us(NOW - timedelta(days=DAYS)), to_us(NOW)
    with fresh_database(postgres) as database:
        demo = ensure_demo(database, days=DAYS, span="month", now=NOW, progress=lambda _share, _note: None)
        catalogue = Catalogue(database).of(demo)
        with tenant_reading(database.engine, demo) as connection:
            rows = connection.execute(
                text("select rule_id, sensor_id, raised_at, ended_at, acknowledged_at, acknowledged_by, state, message from alerts")
            ).all()
            journal = journal_of(connection, start_us, end_us)
            book = compiled(rules(connection, enabled_only=True), groups_of(connection), catalogue)
            hot = next(one for one in book.pairs if one.device.key == "device-001")
            assert hot.sensor is not None
            track = stored_track(connection, hot.sensor.id, start_us, end_us).track
        again = would_be(replay(hot.rule.settings, track, hot.offline_us), start_us)
        assert 10 < len(rows) < 6 * 24 * DAYS  # fewer than six an hour
        assert all(row.state == "A" and row.ended_at < NOW and row.message for row in rows)
        assert all(timedelta(0) < row.acknowledged_at - row.raised_at <= timedelta(seconds=LAST_ANSWER_S) for row in rows)
        mine = sorted(to_us(row.raised_at) for row in rows if (row.rule_id, row.sensor_id) == (hot.rule.id, hot.sensor.id))
        ended = [one for one in again if one.ended_us is not None and one.ended_us < end_us - LAST_ANSWER_S * 1_000_000]
        assert {one.raised_us for one in ended if one.raised_us < end_us - LAST_ANSWER_S * 1_000_000} <= set(mine)
        assert set(mine) <= {one.raised_us for one in again}
        by_alert = {what: sum(each.what == what for each in journal.happenings) for what in ("raised", "acknowledged", "returned")}
        assert by_alert == dict.fromkeys(by_alert, len(rows))
        assert write_past_alerts(database, demo, start_us, end_us) == 0
