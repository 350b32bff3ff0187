"""How a device is by its sensors' current state, and what its card says."""

import numpy as np
import pytest

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.live import SensorNow
from dashapp.ui.cards import Background, card, condition, other_values, spark, watch

pytestmark = pytest.mark.requirement("UI-1")
SECOND = 1_000_000
NOW = 1_767_225_600 * SECOND


def sensor(number: int, key: str, kind: str = "gauge", **more: object) -> SensorEntry:
    known = {"normal_low": None, "normal_high": None, "limit_low": None, "limit_high": None, "severity": "medium", "period_s": 2.0}
    given = {"name": key.capitalize(), "unit": "", **known, **more}
    return SensorEntry(id=number, device_key="MX-1", key=key, kind=kind, **given)


def device(*sensors: SensorEntry, **more: object) -> DeviceEntry:
    known = {"name": "Press", "place": "Hall 1", "line": "line 1", "is_machine": True, "template": "machine", "status": "active"}
    return DeviceEntry(id=1, key="MX-1", created_at_us=0, sensors={one.key: one for one in sensors}, **{**known, **more})


TEMPERATURE = sensor(1, "temperature", unit="°C", normal_low=60.0, normal_high=90.0, limit_high=90.0, severity="critical")
VIBRATION = sensor(2, "vibration", limit_low=5.0, limit_high=80.0, severity="high")
COUNT = sensor(3, "production_count", "increment", unit="units")
REJECTS = sensor(4, "reject_count", "increment")
FAULT = sensor(5, "fault", "flag", severity="critical")
MACHINE = watch(device(TEMPERATURE, VIBRATION, COUNT, REJECTS, FAULT))


def now(value: float, *, age_s: float = 1, quality: int = 192, total: float = 0) -> SensorNow:
    time_us = int(NOW - age_s * SECOND)
    made = SensorNow(time_us, value, quality, total, 1, time_us, 1)
    made.note(np.array([time_us]), np.array([value]))
    return made


def how(live: dict[int, SensorNow], watched=MACHINE, background: Background | None = None):
    return condition(watched, live, NOW, background or Background())


def test_a_card_is_about_the_first_gauge_and_knows_what_counts():
    assert (MACHINE.main.entry, [one.entry for one in MACHINE.others]) == (TEMPERATURE, [VIBRATION])
    assert (MACHINE.produced.entry, MACHINE.rejected.entry, MACHINE.fault.entry) == (COUNT, REJECTS, FAULT)


def test_a_device_that_counts_and_is_no_machine_does_not_run():
    counter = watch(device(COUNT, is_machine=False))
    assert counter.produced is None
    assert how({3: now(4)}, counter).text == "Normal"


def test_a_machine_runs_while_it_counts():
    assert how({1: now(70), 3: now(2)}).text == "Running"
    last_unit = now(2, age_s=50)
    last_unit.time_us, last_unit.value = NOW - SECOND, 0.0
    assert how({1: now(70), 3: last_unit}).text == "Running"


def test_a_machine_that_has_counted_nothing_for_a_minute_is_idle_or_under_repair():
    live = {1: now(70), 3: now(0)}
    assert how(live).text == "Idle"
    assert how(live, background=Background(faulted=frozenset({"MX-1"}))).text == "Stopped"


def test_at_the_limit_is_not_beyond_it():
    assert how({1: now(90.0), 3: now(1)}).state == "normal"
    assert how({1: now(90.1), 3: now(1)}).state == "critical"


def test_the_chip_says_the_limit_of_its_own_sensor_and_the_name_of_another():
    assert how({1: now(93.8)}).text == "Above 90 °C"
    assert (how({1: now(70), 2: now(99)}).text, how({1: now(70), 2: now(99)}).state) == ("Vibration high", "high")
    assert how({1: now(70), 2: now(4)}).text == "Vibration low"


def test_the_worst_of_several_troubles_gives_the_state():
    found = how({1: now(70), 2: now(99), 5: now(1)})
    assert (found.state, found.text) == ("critical", "Fault")
    assert [trouble.title for trouble in found.troubles] == ["Fault", "Vibration above 80"]


def test_an_old_value_says_nothing_about_now():
    assert how({1: now(99, age_s=31), 2: now(10)}).state == "normal"
    slow = watch(device(sensor(1, "level", limit_high=5.0, period_s=60.0), is_machine=False))
    assert how({1: now(9, age_s=170)}, slow).state == "medium"
    assert how({1: now(9, age_s=181)}, slow).state == "stale"


def test_a_value_of_bad_quality_raises_nothing():
    assert how({1: now(99, quality=0)}).state == "normal"


def test_a_device_that_went_silent_is_said_to_have_no_data_since_its_last_reading():
    found = how({1: now(70, age_s=300), 2: now(10, age_s=200)})
    assert (found.state, found.text) == ("stale", "No data")
    assert found.troubles[0].since_us == NOW - 200 * SECOND


def test_a_device_that_never_reported_is_said_so():
    found = how({})
    assert (found.state, found.troubles[0].title, found.troubles[0].since_us) == ("no_data", "Never reported", None)


def test_a_device_under_maintenance_troubles_nobody():
    served = watch(device(TEMPERATURE, status="maintenance"))
    assert (how({1: now(120)}, served).text, how({1: now(120)}, served).troubles) == ("Maintenance", ())


def test_the_label_is_the_place_where_the_name_says_what_is_measured():
    pump = watch(device(TEMPERATURE, name="Temperature of the bath", place="assembly-line-1"))
    made = card(pump, how({1: now(70)}, pump), {1: now(70)}, Background(), most_points=10)
    assert made["main"]["label"] == "assembly-line-1"
    assert card(MACHINE, how({}), {}, Background(), most_points=10)["main"]["label"] == "Temperature"


def test_a_device_without_sensors_has_a_card_too():
    bare = watch(device(is_machine=False))
    made = card(bare, how({}, bare), {}, Background(), most_points=10)
    assert (made["main"]["value"], made["main"]["label"], made["spark"], made["others"]) == (None, "no sensors yet", [], [])
    assert how({}, bare).troubles == ()


def test_the_link_to_a_device_survives_any_key():
    odd = watch(DeviceEntry(1, "press 1/é?", "Odd", "", "", False, "blank", "active", 0, {}))
    assert odd.href == "/devices/press%201%2F%C3%A9%3F"


def test_a_machines_card_says_its_rate_and_what_it_made_today():
    background = Background(units_per_h={"MX-1": 286.4}, units_before={3: 1000.0})
    shown = other_values(MACHINE, {2: now(24.26), 3: now(2, total=318)}, background)
    assert [(one["label"], one["value"]) for one in shown] == [("Vibration", 24.3), ("units/h", 286), ("today", 1318)]


def test_a_single_gauge_says_what_is_usual():
    single = watch(device(TEMPERATURE, is_machine=False))
    shown = other_values(single, {}, Background(hour_average={1: 71.04}, day_range={1: (-2.0, 88.16)}))
    assert [(one["label"], one["value"]) for one in shown] == [("1 h average", 71.0), ("24 h range", "−2.0 to 88.2")]
    assert [one["value"] for one in other_values(single, {}, Background())] == [None, None]


def trail(count: int) -> SensorNow:
    """A reading a second up to NOW, falling from `count` to 1, but for one spike."""
    times = NOW - np.arange(count, dtype=np.int64)[::-1] * SECOND
    values = np.arange(count, 0, -1, dtype=float)
    values[count // 2] = 5000.0
    made = SensorNow(NOW, 1.0, 192, 0, count, NOW, 1)
    made.note(times, values)
    return made


def test_the_line_of_a_card_is_thinned_without_losing_a_spike():
    whole, thin = spark(MACHINE.main, trail(880), 182), spark(MACHINE.main, trail(880), 30)
    assert len(whole) > 150
    assert len(thin) <= 30
    for line in (whole, thin):
        assert max(value for _, value in line) == 5000.0
        assert [at for at, _ in line] == sorted(at for at, _ in line)


def test_the_ten_seconds_under_way_are_not_part_of_the_line_yet():
    last = spark(MACHINE.main, trail(100), 182)[-1]
    assert last[0] < NOW // 10_000_000 * 10_000
