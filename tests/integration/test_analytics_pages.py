"""The analytics pages as a signed-in person's browser asks for them: what they show is what is stored, and what they save, too."""

import csv
import io
import re
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import text

from dashapp.actions.actor import Actor
from dashapp.actions.rules import RuleDraft, create_rule
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec
from dashapp.domain.rule_settings import RuleSettings, RuleType
from db.columns import DAY_US, HOUR_US, MINUTE_US, from_us
from db.commands.devices import insert_device
from db.commands.rules import RuleTarget
from db.engine import Database
from db.tenancy import tenant_transaction
from jobs.behaviour_checks import BehaviourChecks
from tests.integration.access import new_user
from tests.integration.browsing import Visitor
from tests.integration.plant import START_US, Press, new_press
from tests.integration.stored import store

START = "2026-01-02T00:00Z"  # the day that is looked at; the one before is learned from
END = "2026-01-03T00:00Z"
RANGE = f"from={START}&to={END}"
BROKEN_US = START_US + 42 * HOUR_US  # from then on the vibration is three times what it was


@pytest.fixture(scope="module")
def press(database: Database) -> Press:
    """Two days, a reading a minute: temperature and vibration with a rhythm of six hours, units, and a vibration that breaks."""
    made, random = new_press(database), np.random.default_rng(7)
    at = START_US + np.arange(2 * 1440) * MINUTE_US
    wave = np.sin((at - START_US) / HOUR_US * np.pi / 3)
    shaken = at >= BROKEN_US
    store(database, made.tenant_id, made.temperature, at, 70 + 4 * wave + random.normal(0, 0.5, len(at)))
    store(database, made.tenant_id, made.vibration, at, 2 + 0.5 * wave + random.normal(0, 0.2, len(at)) + 4 * shaken)
    store(database, made.tenant_id, made.count, at, np.full(len(at), 2.0))
    return made


def visit(server: Flask, press: Press, path: str, **person: Any) -> Visitor:
    return Visitor(server, new_user(press.database, press.tenant_id, **person)).open(path)


def figure(page: Visitor, name: str) -> dict[str, Any]:
    found: dict[str, Any] = page.page[f"analytics-source-{name}"]["data"]["figure"]
    return found


def saved(page: Visitor, path: str) -> list[dict[str, str]]:
    answer = page.client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))


# ---- Trends


@pytest.mark.requirement("AN-2", "UI-4")
def test_several_sensors_share_one_time_each_on_a_strip_of_its_own(server, press):
    page = visit(server, press, f"/analytics?sensors=MX-01:temperature,MX-01:vibration,MX-01:production_count&{RANGE}")

    drawn = figure(page, "trends")
    axes = [name for name in drawn["layout"] if name.startswith("yaxis")]
    domains = sorted(drawn["layout"][axis]["domain"] for axis in axes)
    assert len(axes) == 3
    assert all(low[1] <= high[0] for low, high in pairwise(domains))
    assert {trace["yaxis"] for trace in drawn["data"]} == {"y", "y2", "y3"}
    assert drawn["layout"]["xaxis"]["range"] == [START_US / 1000 + DAY_US / 1000, START_US / 1000 + 2 * DAY_US / 1000]
    assert all(len(trace["x"]) <= 4100 for trace in drawn["data"])  # 2,000 points, and the band goes there and back
    assert "MX-01 Vibration" in page.text


@pytest.mark.requirement("AN-2")
def test_closer_is_finer_and_an_earlier_time_lies_under_it(server, press):
    page = visit(server, press, "/analytics?sensors=MX-01:vibration&from=2026-01-02T19:00Z&to=2026-01-02T20:00Z&compare=1d")

    traces = {trace["name"]: trace for trace in figure(page, "trends")["data"]}
    now, earlier = traces["readings"], traces["earlier"]
    assert len(now["x"]) == len(earlier["x"]) == 60
    assert earlier["x"] == now["x"]  # moved by a day
    assert earlier["meta"]["shift_ms"] == DAY_US / 1000
    assert np.mean(now["y"]) - np.mean(earlier["y"]) > 3


@pytest.mark.requirement("AN-2")
def test_counts_are_compared_by_sums_of_equal_times(server, press):
    page = visit(server, press, "/analytics?sensors=MX-01:production_count&from=2026-01-02T00:00Z&to=2026-01-02T08:00Z&compare=before")

    traces = {trace["name"]: trace for trace in figure(page, "trends")["data"]}
    assert set(traces["sum"]["y"]) == {2}
    assert set(traces["earlier"]["y"]) == {2}


@pytest.mark.requirement("AN-2", "AN-5")
def test_alerts_are_drawn_into_their_time_and_listed(server, services, press):
    settings = RuleSettings(RuleType.ANOMALY, learn_h=24)
    actor = Actor("user", 0, press.tenant_id, Role.MANAGER)
    create_rule(press.database, actor, RuleDraft("Vibration behaves unusually", settings, RuleTarget(sensor_id=press.vibration)))
    services.rulebook.forget(press.tenant_id)
    BehaviourChecks(press.database, services.rulebook).run(from_us(START_US + 2 * DAY_US - HOUR_US))

    page = visit(server, press, f"/analytics?sensors=MX-01:vibration,MX-01:temperature&{RANGE}")

    drawn = figure(page, "trends")
    marks = [trace for trace in drawn["data"] if trace["name"] == "alerts and stops"]
    assert [(mark["yaxis"], len(mark["x"])) for mark in marks] == [("y", 1)]  # on the sensor's strip alone
    assert marks[0]["marker"]["symbol"] == ["square"]
    assert marks[0]["customdata"][0].startswith("Vibration behaves unlike what was learned")
    bands = [shape for shape in drawn["layout"]["shapes"] if shape["yref"] == "y domain"]
    assert len(bands) == 1
    assert bands[0]["x1"] == drawn["layout"]["xaxis"]["range"][1]  # it is still there
    assert "/alerts/" in page.text


@pytest.mark.requirement("UI-4")
def test_what_is_not_there_is_said_and_what_is_too_much_is_left_out(server, press):
    page = visit(server, press, f"/analytics?sensors=MX-01:temperature,MX-99:humidity&{RANGE}")

    assert "MX-99 humidity is not there, or not yours to see." in page.text
    assert len({trace["yaxis"] for trace in figure(page, "trends")["data"]}) == 1


@pytest.mark.requirement("UI-4")
@pytest.mark.parametrize("path", ["", "/heatmaps", "/statistics", "/control", "/anomalies"])
def test_a_person_of_another_line_sees_nothing_of_it(server, press, path):
    page = visit(server, press, f"/analytics{path}?sensors=MX-01:temperature&sensor=MX-01:temperature&device=MX-01", lines=["elsewhere"])

    assert "Nothing to show yet" in page.text
    assert page.client.get(f"/analytics/readings.csv?sensors=MX-01:temperature&{RANGE}").status_code == 404
    assert page.client.get(f"/analytics/anomalies.csv?device=MX-01&{RANGE}").status_code == 404
    for table in ("heatmaps", "control"):
        assert page.client.get(f"/analytics/{table}.csv?sensor=MX-01:temperature&{RANGE}").status_code == 404


@pytest.mark.requirement("AN-2", "EX-1")
def test_the_readings_of_all_chosen_sensors_can_be_saved(server, press):
    page = visit(server, press, "/")

    rows = saved(page, f"/analytics/readings.csv?sensors=MX-01:vibration,MX-01:production_count&{RANGE}")

    assert len(rows) == 2 * 1440
    assert {row["sensor"] for row in rows} == {"vibration", "production_count"}
    assert page.client.get("/analytics/readings.csv?sensors=MX-01:nothing").status_code == 404
    assert page.client.get("/analytics/readings.csv?sensors=MX-01:vibration&range=soon").status_code == 400


# ---- Heatmaps


@pytest.mark.requirement("AN-3", "EX-1")
def test_heatmaps_hold_what_an_hour_made_and_how_sensors_go_together(server, press):
    page = visit(server, press, f"/analytics/heatmaps?sensor=MX-01:production_count&{RANGE}")
    assert "Produced, by device and hour of the day" in page.text

    by_hour = saved(page, f"/analytics/heatmaps.csv?table=devices&sensor=MX-01:production_count&{RANGE}")
    assert [set(list(row.values())[1:]) for row in by_hour] == [{"120.0"}]
    week = {row["weekday"]: row for row in saved(page, f"/analytics/heatmaps.csv?table=week&sensor=MX-01:temperature&{RANGE}")}
    assert float(week["Fri"]["01"]) > 72
    assert float(week["Fri"]["04"]) < 68
    assert week["Sat"]["00"] == ""
    together = {row["sensor"]: row for row in saved(page, f"/analytics/heatmaps.csv?table=correlation&sensor=MX-01:temperature&{RANGE}")}
    assert float(together["temperature"]["temperature"]) == pytest.approx(1)
    assert together["production_count"]["temperature"] == ""  # what stands still goes with nothing


# ---- Statistics


@pytest.mark.requirement("AN-1", "AN-6")
def test_statistics_of_a_device_say_what_is_stored_and_which_limit_is_ahead(server, database):
    made = new_press(database)
    end_us = time.time_ns() // 1000 // MINUTE_US * MINUTE_US
    minutes = np.arange(1440 + 5)  # a few may pass before the page is asked for
    at = end_us - DAY_US + minutes * MINUTE_US
    rising = 60 + 10 * minutes / 1440 + np.random.default_rng(1).normal(0, 0.2, len(minutes))
    with tenant_transaction(database.engine, made.tenant_id) as connection:
        oven = DeviceSpec("OV-1", "Oven", "", "", (SensorSpec("heat", "Heat", "°C", limit_high=72),))
        insert_device(connection, made.tenant_id, oven)
        heat = connection.execute(text("select id from sensors where key = 'heat'")).scalar_one()
    store(database, made.tenant_id, heat, at, rising)

    page = visit(server, made, "/analytics/statistics?device=OV-1")

    assert "rising, +0.4" in page.text
    assert f"{rising[:1440].mean():.1f}" in page.text
    assert "72 °C in about 4 h" in page.text
    assert "1,440 of 1,440" in page.text
    device = visit(server, made, "/devices/OV-1")
    said = str(device.run("device-statistics.children"))
    assert "72 °C in about 4 h" in said
    assert "/analytics/control?sensor=OV-1:heat" in said


# ---- Control charts


@pytest.mark.requirement("AN-4", "UI-4")
def test_a_control_chart_shows_which_points_break_which_rule(server, press):
    query = f"sensor=MX-01:vibration&chart=individuals&step=15m&{RANGE}"
    frozen = f"{query}&base=2026-01-01T00:00Z,2026-01-02T00:00Z"

    page = visit(server, press, f"/analytics/control?{frozen}")
    rows = saved(page, f"/analytics/control.csv?{frozen}")

    traces = {trace["name"]: trace for trace in figure(page, "control-value")["data"]}
    assert len(traces["points"]["x"]) == len(rows) == 96
    broken = [row for row in rows if "Nelson 1" in row["rules_broken"]]
    assert [row["time"] for row in broken][-24:] == [row["time"] for row in rows][-24:]  # the last six hours, all of them
    assert len(traces["breaks a rule"]["x"]) == sum(bool(row["rules_broken"]) for row in rows)
    assert any("Nelson 1" in words for words in traces["breaks a rule"]["customdata"])
    assert "limits are frozen to" in page.text
    assert float(rows[0]["upper_limit"]) < 4
    own = saved(page, f"/analytics/control.csv?{query}")
    assert float(own[0]["centre"]) > float(rows[0]["centre"]) + 0.5  # not frozen: the broken hours are in them


@pytest.mark.requirement("AN-4")
def test_means_of_groups_are_charted_and_what_cannot_be_is_said(server, press):
    page = visit(server, press, f"/analytics/control?sensor=MX-01:vibration&chart=xbar-s&group=4&step=5m&rules=western-electric&{RANGE}")
    assert len(figure(page, "control-value")["data"][0]["x"]) == 1440 // 20
    assert "WE 4" in page.text
    assert "4 means of 5 min" in page.text

    few = visit(server, press, "/analytics/control?sensor=MX-01:vibration&from=2026-01-02T00:00Z&to=2026-01-02T00:01Z")
    assert "There are too few values" in few.text
    many = visit(server, press, "/analytics/control?sensor=MX-01:vibration&step=1m&from=2026-01-01T00:00Z&to=2026-01-09T00:00Z")
    assert "choose a longer step" in many.text
    assert many.client.get(f"/analytics/control.csv?sensor=MX-01:vibration&step=1m&from={START}&to=2026-01-09T00:00Z").status_code == 400


# ---- Anomalies


@pytest.mark.requirement("AN-5", "UI-4")
def test_anomalies_show_the_score_the_limit_and_the_sensor_that_made_it(server, press):
    query = f"device=MX-01&learn=24&{RANGE}"
    page = visit(server, press, f"/analytics/anomalies?{query}")

    score = figure(page, "anomaly-score")
    (band,) = [shape for shape in score["layout"]["shapes"] if shape["type"] == "rect"][-1:]
    assert BROKEN_US / 1000 <= band["x0"] <= BROKEN_US / 1000 + 20 * MINUTE_US / 1000
    assert re.search(r"Vibration (\d+)\u202f%", page.text)[1] in [str(share) for share in range(60, 101)]
    rows = saved(page, f"/analytics/anomalies.csv?{query}")
    assert len(rows) == 1440
    assert [row["alarm"] for row in rows[-300:]] == ["1"] * 300
    last = rows[-1]
    assert float(last["part_temperature"]) + float(last["part_vibration"]) == pytest.approx(float(last["score"]))
    alone = visit(server, press, f"/analytics/anomalies?sensor=temperature&{query}")
    assert "analytics-source-anomaly-parts" not in alone.page
    assert "In this time it behaved as it was learned." in alone.text


@pytest.mark.requirement("AN-5")
def test_without_a_time_to_learn_from_nothing_is_said(server, press):
    page = visit(server, press, "/analytics/anomalies?device=MX-01&from=2026-01-01T00:00Z&to=2026-01-01T06:00Z")

    assert "Of the time to learn from 0 of 1,440 steps are known; 720 are needed. Show a later time" in page.text
    long = visit(server, press, "/analytics/anomalies?device=MX-01&learn=6&from=2025-12-04T00:00Z&to=2026-01-03T00:00Z")
    assert "of 72 steps are known" in long.text  # a month is watched in steps of 5 minutes
    assert page.client.get("/analytics/anomalies.csv?device=MX-01&from=2026-01-01T00:00Z&to=2026-01-01T06:00Z").status_code == 400
