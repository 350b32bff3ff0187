"""A tenant with one rule on one sensor, taken through a scenario: readings by the HTTP door, the sweep, actions, kills of the replica."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from dashapp.actions import alerts as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.rules import RuleDraft, create_rule
from dashapp.domain import alerts
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec
from dashapp.domain.rule_settings import RuleSettings, RuleType
from dashapp.domain.watch import Watch
from dashapp.ingest.pipeline import Pipeline
from dashapp.ingest.services import Services
from db.columns import from_us, to_us
from db.commands.alarms import Change, Target, load, save
from db.commands.devices import insert_device
from db.commands.maintenance import no_facts
from db.commands.rules import RuleTarget
from db.engine import Database
from db.tenancy import tenant_reading, tenant_transaction
from jobs.alert_checks import AlertChecks
from tests.integration.door import Door, Grant
from tests.integration.plant import START_US, Sent, make_pipeline
from tests.integration.stored import new_tenant
from tests.scenarios import Case, Seen, settings_record

S = 1_000_000


class StoredPlant:
    """Takes the steps of one case on PostgreSQL."""

    def __init__(self, database: Database, case: Case) -> None:
        self.database = database
        self.case = case
        self.now_s = 0.0
        self.refused: list[tuple[int, Seen]] = []
        self.tenant_id = new_tenant(database)
        self.manager = Actor("user", 0, self.tenant_id, Role.MANAGER)
        people = text(
            "insert into users (tenant_id, email, name, role)"
            " values (:tenant, :email, :name, 'manager') returning id"
        )
        names = {step["by"] for step in case["steps"] if "by" in step}
        with tenant_transaction(database.engine, self.tenant_id) as connection:
            sensor = SensorSpec("temperature", "Temperature", "°C", period_s=case.get("period", 2))
            self.device_id = insert_device(connection, self.tenant_id, DeviceSpec("MX-01", "Press", "", "", (sensor,)))
            self.sensor_id = connection.execute(text("select id from sensors")).scalar_one()
            rows = [{"tenant": self.tenant_id, "name": name, "email": f"{name}{self.tenant_id}@example.com"} for name in sorted(names)]
            ids = {row["name"]: connection.execute(people, row).scalar_one() for row in rows}
        self.people = {name: Actor("user", user_id, self.tenant_id, Role.MANAGER) for name, user_id in ids.items()}
        settings = RuleSettings.from_record(settings_record(case))
        target = RuleTarget() if settings.type is RuleType.OFFLINE else RuleTarget(sensor_id=self.sensor_id)
        self.rule_id = create_rule(database, self.manager, RuleDraft("the rule", settings, target))
        self.target = Target(self.rule_id, self.device_id or 0, 0 if settings.type is RuleType.OFFLINE else self.sensor_id)
        self._start()

    def _start(self) -> None:
        self.services: Services = make_pipeline(self.database)
        evaluation = self.services.evaluation
        self.services.pipeline = Pipeline(
            self.database, self.services.catalogue, self.services.live, lambda times_us: None, evaluate=evaluation, asks=evaluation.asks,
            clock=lambda: START_US / 1e6 + self.now_s,
        )  # fmt: skip
        self.services.pipeline.start()
        self.checks = AlertChecks(self.database, self.services.rulebook, started_us=START_US + round(self.now_s * S))
        self.door = Door(self.services, {"key": Grant(self.tenant_id)})

    def stop(self) -> None:
        self.services.pipeline.stop()

    def at(self, seconds: float) -> datetime:
        return from_us(START_US + round(seconds * S))

    def reading(self, at_s: float, value: float, arrives_s: float) -> None:
        self.now_s = arrives_s
        body = {"device_id": "MX-01", "sensor_type": "temperature", "value": value, "timestamp": self.at(at_s).isoformat()}
        answer = self.door.post(body)
        assert answer.status_code in (200, 201, 409), answer.text

    def tick(self, now_s: float) -> None:
        self.now_s = now_s
        self.checks.run(self.at(now_s))

    def act(self, verb: str, at_s: float, step: Mapping[str, Any]) -> None:
        self.now_s = at_s
        now = self.at(at_s)
        if verb in ("suppress", "unsuppress"):
            self._suppress(verb, now)
            return
        which = self.open_alert() or self.target
        actor, reason = self.people[step["by"]], step.get("reason", "")
        try:
            if verb == "ack":
                actions.acknowledge_alert(self.database, actor, which, now=now)
            elif verb in ("resolve", "reset", "unshelve"):
                getattr(actions, f"{verb}_alert")(self.database, actor, which, now=now)
            elif verb == "in_service":
                actions.in_service(self.database, actor, which, now=now)
            elif verb == "out_of_service":
                actions.out_of_service(self.database, actor, which, reason, now=now)
            else:
                until = step["until"]
                end = {"until_clear": True} if until == "clear" else {"until": self.at(until)}
                actions.shelve_alert(self.database, actor, which, reason, now=now, **end)
        except ActionError:
            state = self._state()
            self.refused.append((len(self._stored()) + len(self.refused), self._told(at_s, "refused", state, False, None, False, None)))

    def restart(self, at_s: float) -> None:
        """Nothing is kept but what is in the database."""
        self.now_s = at_s
        self.stop()
        self._start()

    def bring_in(self, readings: Sequence[tuple[float, float]]) -> None:
        press = type("Named", (), {"tenant_id": self.tenant_id})()
        Sent(press, [(self.sensor_id, at, value) for at, value in readings], import_id=1).to(self.services.pipeline).outcome()

    def events(self) -> list[Seen]:
        found = self._stored()
        for place, event in self.refused:
            found.insert(place, event)
        return found

    def _suppress(self, verb: str, now: datetime) -> None:
        """What the suppress-when of a rule does when it turns."""
        with tenant_transaction(self.database.engine, self.tenant_id) as connection:
            loaded = load(connection, [self.target])[self.target]
            state, events = getattr(alerts, verb)(loaded.watch.alert, to_us(now))
            change = Change(loaded, Watch(loaded.watch.rule, state), events, loaded.version, no_facts, (), loaded.due_us)
            save(connection, self.tenant_id, [change])

    def open_alert(self) -> int | None:
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            found: int | None = connection.execute(text("select id from alerts where ended_at is null")).scalar_one_or_none()
        return found

    def _state(self) -> str:
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            return connection.execute(text("select state from alerts where ended_at is null")).scalar_one_or_none() or "A"

    def _stored(self) -> list[Seen]:
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            rows = connection.execute(text("select * from alert_events order by id")).all()
        return [
            self._told((to_us(row.at) - START_US) / S, row.what, row.state, row.silent, row.severity, row.delayed, row.alert_id)
            for row in rows
        ]

    def _told(self, at: float, what: str, state: str, silent: bool, severity: str | None, delayed: bool, alert: int | None) -> Seen:
        return {"at": at, "what": what, "state": state, "silent": silent, "severity": severity, "delayed": delayed, "alert": alert}

