"""What a template gives a device, which keys are suggested, and what a device and a sensor may not be."""

from dataclasses import replace

import pytest

from dashapp.domain.device_templates import BLANK, TEMPLATES, device_fault, from_template, sensor_fault, suggested_key
from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec
from dashapp.domain.units import affine, canonical, converter, known_units

pytestmark = pytest.mark.requirement("FL-1")


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_makes_a_device_that_may_be(template: str) -> None:
    device = from_template(template, "press-4", "Press 4", "Hall 2", "Line A")
    assert device_fault(device) is None
    assert [sensor_fault(sensor) for sensor in device.sensors] == [None] * len(device.sensors)
    assert len({sensor.key for sensor in device.sensors}) == len(device.sensors)
    assert device.template == template
    assert device.accepts_new == (template == BLANK)


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))
def test_a_template_says_units_as_andon_writes_them_and_warns_before_its_limits(template) -> None:
    for sensor in template.sensors:
        assert canonical(sensor.unit) == sensor.unit
        assert sensor.limit_high is None or (sensor.normal_high is not None and sensor.normal_high < sensor.limit_high)
        assert sensor.limit_low is None or (sensor.normal_low is not None and sensor.normal_low > sensor.limit_low)
        assert sensor.kind is SensorKind.GAUGE or sensor.limit_high is None


def test_a_machine_counts_what_it_makes_and_a_blank_device_knows_no_sensor() -> None:
    machine = TEMPLATES["machine"]
    assert machine.is_machine
    assert {sensor.key: sensor.kind for sensor in machine.sensors if sensor.kind is not SensorKind.GAUGE} == {
        "production_count": SensorKind.INCREMENT, "reject_count": SensorKind.INCREMENT, "fault": SensorKind.FLAG,
    }  # fmt: skip
    assert TEMPLATES[BLANK].sensors == ()


@pytest.mark.parametrize(
    ("name", "taken", "key"),
    [("Press 4", (), "press-4"), ("Presse Süd Ø 4", (), "presse-sued-o-4"), ("Press 4", {"press-4", "press-4-2"}, "press-4-3"),
     ("New", (), "new-2"), ("  ", (), ""), ("加热炉", (), ""), ("Halle/3 #7?", (), "halle-3-7"), ("é" * 200, (), "e" * 80)],
)  # fmt: skip
def test_a_key_is_suggested_by_the_name(name: str, taken: set[str], key: str) -> None:
    assert suggested_key(name, taken) == key


@pytest.mark.parametrize(
    ("change", "field"),
    [({"key": ""}, "key"), ({"key": "a/b"}, "key"), ({"key": "new"}, "key"), ({"key": ".."}, "key"), ({"key": " a"}, "key"),
     ({"key": "a\nb"}, "key"), ({"key": "k" * 101}, "key"), ({"name": " "}, "name"), ({"name": "n" * 201}, "name"),
     ({"place": "p" * 201}, "place"), ({"line": "a\x00"}, "line")],
)  # fmt: skip
def test_a_device_that_cannot_be_is_told_by_its_field(change: dict[str, str], field: str) -> None:
    fault = device_fault(replace(DeviceSpec("press 1 ü?#", "Press", "", "", ()), **change))
    assert fault is not None
    assert fault[0] == field


@pytest.mark.parametrize(
    ("change", "field"),
    [({"key": ""}, "key"), ({"name": ""}, "name"), ({"unit": "u" * 41}, "unit"), ({"period_s": 0.0}, "period_s"),
     ({"period_s": 1e6}, "period_s"), ({"normal_low": 5.0, "normal_high": 5.0}, "normal_high"),
     ({"limit_low": 9.0, "limit_high": 1.0}, "limit_high")],
)  # fmt: skip
def test_a_sensor_that_cannot_be_is_told_by_its_field(change: dict[str, object], field: str) -> None:
    fault = sensor_fault(replace(SensorSpec("t", "T", "°C"), **change))  # type: ignore[arg-type]
    assert fault is not None
    assert fault[0] == field


def test_a_unit_converts_by_a_factor_and_an_offset_as_its_readings_do() -> None:
    for given in known_units():
        for wanted in known_units():
            how, convert = affine(given, wanted), converter(given, wanted)
            assert (how is None) == (convert is None)
            if how is not None and convert is not None:
                assert how[0] > 0
                assert 71.5 * how[0] + how[1] == pytest.approx(convert(71.5), rel=1e-9, abs=1e-9)
    assert affine("°C", "°F") == (1.8, 32.0)
    assert affine("°C", "bar") is None
    assert affine("", "°C") is None
