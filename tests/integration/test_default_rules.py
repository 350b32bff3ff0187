"""Rules that are there without anybody's doing: of the first fleet, of new sensors with limits, and following these."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from dashapp.actions.actor import Actor
from dashapp.actions.devices import create_device, register_unknown
from dashapp.actions.rules import RuleDraft, change_rule
from dashapp.actions.sensors import change_sensor
from dashapp.domain.fleet import SEEDED_FLEET, DeviceSpec, Role, SensorSpec, Severity
from dashapp.domain.rule_settings import RuleType
from db.commands.devices import insert_device
from db.commands.rules import RuleTarget, ensure_default_rules
from db.engine import Database
from db.queries.rules import RuleRow, rule_versions, rules
from db.tenancy import tenant_reading, tenant_transaction

pytestmark = pytest.mark.requirement("AL-2")
HEAT = SensorSpec("heat", "Heat", "°C", limit_high=200, severity=Severity.HIGH)
OVEN = DeviceSpec("oven", "Oven", "", "", (HEAT, SensorSpec("hum", "Hum")))


@pytest.fixture
def manager(tenant: int) -> Actor:
    return Actor("user", 1, tenant, Role.MANAGER)


def all_rules(database: Database, tenant: int) -> list[RuleRow]:
    with tenant_reading(database.engine, tenant) as connection:
        return rules(connection)


def test_the_first_fleet_has_its_rules_once(database: Database, tenant: int) -> None:
    for _ in range(2):
        with tenant_transaction(database.engine, tenant) as connection:
            for device in SEEDED_FLEET:
                insert_device(connection, tenant, device)
            ensure_default_rules(connection, tenant)

    found = sorted((rule.name, rule.settings.severity.value) for rule in all_rules(database, tenant))
    assert found == [
        ("Device offline", "medium"), ("Fault on", "critical"), ("Fault on", "critical"), ("Fault on", "critical"),
        ("Pressure above 55\u202fpsi or below 5\u202fpsi", "high"), ("Production rate below 50\u202funits/h", "medium"),
        ("Quality below 80\u202f%", "medium"), ("Temperature above 85\u202f°C or below 15\u202f°C", "critical"),
        *[("Temperature above 90\u202f°C", "critical")] * 3, ("Vibration above 120\u202fHz", "high"), *[("Vibration above 80", "high")] * 3,
    ]  # fmt: skip


def test_a_new_sensor_with_limits_gets_a_rule_that_follows_them(database: Database, tenant: int, manager: Actor) -> None:
    create_device(database, manager, OVEN)
    (first,) = all_rules(database, tenant)
    assert (first.settings.high, first.settings.severity, first.seeded) == (200, Severity.HIGH, True)

    change_sensor(database, manager, "oven", replace(HEAT, limit_high=180, limit_low=20))
    (second,) = all_rules(database, tenant)
    assert (second.id, second.version, second.settings.high, second.settings.low) == (first.id, 2, 180, 20)

    change_sensor(database, manager, "oven", replace(HEAT, limit_high=None))
    assert all_rules(database, tenant) == []
    with tenant_reading(database.engine, tenant) as connection:
        assert [version.what for version in rule_versions(connection, first.id)] == ["removed", "changed", "created"]


def test_a_rule_that_somebody_set_follows_no_sensor(database: Database, tenant: int, manager: Actor) -> None:
    create_device(database, manager, OVEN)
    (rule,) = all_rules(database, tenant)
    draft = RuleDraft("Too hot", replace(rule.settings, high=150, on_delay_s=5), RuleTarget(sensor_id=rule.sensor_id))
    change_rule(database, manager, rule.id, draft)

    change_sensor(database, manager, "oven", replace(HEAT, limit_high=180))

    (kept,) = all_rules(database, tenant)
    assert (kept.name, kept.settings.high, kept.seeded) == ("Too hot", 150, False)


def test_who_registers_by_itself_gets_no_rule_of_its_own(database: Database, tenant: int) -> None:
    itself = Actor("job", 0, tenant, Role.MANAGER, name="self-registration")
    register_unknown(database, itself, [("new", "fault", ""), ("new", "temperature", "°C")])

    assert all_rules(database, tenant) == []
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("delete from sensors"))
        ensure_default_rules(connection, tenant)
    (offline,) = all_rules(database, tenant)
    assert (offline.settings.type, offline.device_id, offline.sensor_key) == (RuleType.OFFLINE, None, None)
