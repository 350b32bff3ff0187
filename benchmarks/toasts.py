"""Row of the toast: from a reading that crosses its limit to the alert told of on an open page."""

import random
import time
from datetime import UTC, datetime

import httpx
from sqlalchemy import text

from benchmarks.browser import signed_in, window
from benchmarks.context import Context
from benchmarks.load import percentile
from benchmarks.plant import KEY
from benchmarks.report import Goal, Row
from dashapp.domain.fleet import DeviceSpec, SensorSpec, Severity
from dashapp.domain.rule_settings import RuleSettings
from db.commands.devices import insert_device
from db.commands.rules import RuleTarget, insert_rule
from db.notify import NAMES, RULES
from db.queries.people import tenants
from db.tenancy import tenant_transaction

WATCH = """() => {
  window.told = {};
  const look = () => document.querySelectorAll(".alert-toast").forEach((toast) => {
    const found = toast.innerText.match(/furnace-\\d+/);
    if (found && !(found[0] in window.told)) window.told[found[0]] = Date.now();
  });
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def reading_to_toast(context: Context) -> list[Row]:
    """Median over devices that each go above their limit once, at random moments; clocks are of one host."""
    plant = context.demo()
    number = 5 if context.quick else 30
    keys = [f"furnace-{n}" for n in range(number)]
    with plant.database.engine.connect() as connection:
        demo = next(tenant.id for tenant in tenants(connection) if tenant.is_demo)
    with tenant_transaction(plant.database.engine, demo) as connection:
        for key in keys:
            insert_device(connection, demo, DeviceSpec(key, "Furnace", "", "", (SensorSpec("hearth", "Hearth", "°C"),)))
        for sensor in connection.execute(text("select id from sensors where key = 'hearth'")).scalars().all():
            insert_rule(connection, demo, "hearth", RuleSettings(severity=Severity.HIGH, high=90), RuleTarget(sensor_id=sensor))
    with plant.superuser() as superuser:
        for channel in (NAMES, RULES):
            superuser.execute("select pg_notify(%s, %s)", (channel, f":{demo}"))
    chance = random.Random(11)
    taken: list[float] = []
    with window(state=signed_in(plant)) as browser, httpx.Client(base_url=plant.url, headers={"X-API-Key": KEY}, timeout=20) as client:
        page = browser.new_page()
        page.goto(plant.url)
        page.wait_for_selector("#overview-cards")
        page.evaluate(WATCH)
        time.sleep(3)
        for key in keys:
            time.sleep(chance.uniform(1, 2))
            began = time.time()
            reading = {"device_id": key, "sensor_type": "hearth", "value": 95.0, "timestamp": datetime.now(UTC).isoformat()}
            client.post("/api/v1/readings", json=reading).raise_for_status()
            page.wait_for_function("key => key in window.told", arg=key, timeout=15_000, polling=20)
            taken.append(page.evaluate("key => window.told[key]", key) / 1000 - began)
    bound = f"the page asks once a second; {number} alerts at random moments, p95 {percentile(taken, 95):.2f} s, most {max(taken):.2f} s"
    return [Row("toast", "reading to the toast of its alert on an open page, p50", percentile(taken, 50), "s", Goal(1.0), bound)]
