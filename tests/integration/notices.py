"""Real receivers of notices on this host, a plant with alerts, and a clock to move, for tests of what is told."""

import itertools
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from sqlalchemy import text

from dashapp.domain.fleet import DeviceSpec, SensorSpec
from dashapp.settings import Settings
from db.commands.devices import insert_device
from db.engine import Database
from db.tenancy import tenant_reading, tenant_transaction
from jobs.outbox import Notifier
from tests.serving import free_port

_numbers = itertools.count(1)
PATIENCE_S = 40


class Webhook:
    """Takes posts and keeps them. `status` is what it answers; while `gate` is clear it keeps whoever posts waiting."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.posts: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                outer.requests.append((self.path, dict(self.headers)))
                outer.posts.append(json.loads(body))
                outer.arrived.release()
                outer.gate.wait(PATIENCE_S)
                try:
                    self.send_response(outer.status)
                    for name, value in outer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    return  # whoever posted was killed

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def titles(self) -> list[str]:
        """What was told, in order."""
        return [post["title"] for post in self.posts]

    def close(self) -> None:
        """Lets go of whoever waits, and of the port."""
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver of webhooks."""
    opened = Webhook()
    try:
        yield opened
    finally:
        opened.close()


class Mailbox:
    """A mail server's handler: keeps what comes. `refuses` answers for an address in place of taking it."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []  # recipient, text
        self.refuses: dict[str, str] = {}
        self.port = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        """Takes a recipient, or says why not."""
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keeps a mail."""
        self.mails += [(recipient, envelope.content.decode()) for recipient in envelope.rcpt_tos]
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """An SMTP server on a port of its own."""
    mailbox = Mailbox()
    mailbox.port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, ready_timeout=PATIENCE_S)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@dataclass
class Plant:
    """A tenant with MX-02, channels, a policy and alerts, and what tells of them, by a clock that a test moves."""

    database: Database
    tenant: int
    device: int
    sensor: int
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    settings: Settings = field(
        default_factory=lambda: Settings(notify_allow="127.0.0.1", notify_timeout_s=5, public_url="https://andon.example")
    )

    def run(self, statement: str, **values: Any) -> Any:
        """One statement in a transaction of the tenant."""
        with tenant_transaction(self.database.engine, self.tenant) as connection:
            result = connection.execute(text(statement), {"tenant": self.tenant, **values})
            return result.all() if result.returns_rows else None

    def channel(self, kind: str = "webhook", secret: str = "", **columns: Any) -> int:
        """Adds a channel as the database has it."""
        values = {"name": f"channel {next(_numbers)}", "kind": kind, "secret": secret, **columns}
        values = {name: json.dumps(value) if name in ("settings", "templates") else value for name, value in values.items()}
        names, slots = ", ".join(values), ", ".join(f":{name}" for name in values)
        return self.run(f"insert into channels (tenant_id, {names}) values (:tenant, {slots}) returning id", **values)[0].id

    def mail_channel(self, mailbox: Mailbox, *recipients: str, **columns: Any) -> int:
        """Adds an e-mail channel by a mail server of this host."""
        settings = {
            "host": "127.0.0.1",
            "port": mailbox.port,
            "security": "none",
            "sender": "andon@plant.example",
            "recipients": recipients,
        }
        return self.channel("email", settings=settings, **columns)

    def policy(self, *steps: list[dict[str, Any]], is_default: bool = True, reminder_every_s: int | None = None) -> int:
        """Adds a policy; each step is a list of targets `{channel_id, user_id, role}`, 300 s apart."""
        policy = self.run(
            "insert into escalation_policies (tenant_id, name, is_default, reminder_every_s)"
            " values (:tenant, :name, :default, :every) returning id",
            name=f"policy {next(_numbers)}",
            default=is_default,
            every=reminder_every_s,
        )[0].id
        for position, targets in enumerate(steps):
            self.run(
                "insert into escalation_steps (tenant_id, policy_id, position, after_s) values (:tenant, :policy, :position, :after)",
                policy=policy,
                position=position,
                after=300 * position,
            )
            for target in targets:
                self.run(
                    "insert into escalation_targets (tenant_id, policy_id, position, channel_id, user_id, role)"
                    " values (:tenant, :policy, :position, :channel_id, :user_id, :role)",
                    policy=policy,
                    position=position,
                    **{"channel_id": None, "user_id": None, "role": None, **target},
                )
        return policy

    def alert(self, severity: str = "critical", message: str = "Temperature above 90 °C", state: str = "B", **columns: Any) -> int:
        """An alert, of which nobody has been told."""
        values = {
            "device_id": self.device,
            "sensor_id": self.sensor,
            "type": "threshold_exceeded",
            "code": "high_temperature",
            "severity": severity,
            "state": state,
            "message": message,
            "value": 95.2,
            "raised_at": self.now,
            **columns,
        }
        names, slots = ", ".join(values), ", ".join(f":{name}" for name in values)
        return self.run(f"insert into alerts (tenant_id, {names}) values (:tenant, {slots}) returning id", **values)[0].id

    def event(
        self, alert: int, what: str = "raised", state: str = "B", *, level: int = 0, by: str = "system", comment: str | None = None
    ) -> None:
        """Something that happens to an alert, as the evaluation writes it: the event, the alert's state, the outbox."""
        self.run("update alerts set state = :state, escalation_level = :level where id = :alert", state=state, level=level, alert=alert)
        event = self.run(
            "insert into alert_events (tenant_id, alert_id, at, what, state, by, comment, detail)"
            " values (:tenant, :alert, :now, :what, :state, :by, :comment, '{\"limit\": 90}') returning id",
            alert=alert,
            now=self.now,
            what=what,
            state=state,
            by=by,
            comment=comment,
        )[0].id
        severity = self.run("select severity from alerts where id = :alert", alert=alert)[0].severity
        payload = {"alert_id": alert, "event_id": event, "what": what, "state": state, "severity": severity, "level": level}
        self.run(
            "insert into outbox (tenant_id, topic, payload, due_at) values (:tenant, 'alert', cast(:payload as jsonb), :now)",
            payload=json.dumps(payload),
            now=self.now,
        )

    def raised(self, severity: str = "critical", message: str = "Temperature above 90 °C") -> int:
        """A new alert with its event."""
        alert = self.alert(severity, message)
        self.event(alert)
        return alert

    def notifier(self, **changed: Any) -> Notifier:
        """A consumer of the outbox, by this clock."""
        return Notifier(self.database, self.settings.model_copy(update=changed), clock=lambda: self.now)

    def pass_s(self, seconds: float) -> None:
        """Moves the clock on."""
        self.now += timedelta(seconds=seconds)

    def log(self) -> list[Any]:
        """The delivery log, in order."""
        with tenant_reading(self.database.engine, self.tenant) as connection:
            return list(connection.execute(text("select * from notifications order by id")))

    def states(self) -> list[tuple[str, str]]:
        """(kind, state) of every notice."""
        return [(row.what, row.state) for row in self.log()]


def new_plant(database: Database) -> Plant:
    """A plant that nobody else uses."""
    key = f"notices-{os.getpid()}-{next(_numbers)}"
    with database.engine.begin() as connection:
        tenant = connection.execute(text("select andon_create_tenant(:key, 'Mill', 'Europe/Zurich', false)"), {"key": key}).scalar_one()
    with tenant_transaction(database.engine, tenant) as connection:
        sensor = SensorSpec("temperature", "Temperature", "°C")
        device = insert_device(connection, tenant, DeviceSpec("MX-02", "Welding Station Beta", "Building A", "line-1", (sensor,)))
        sensor_id = connection.execute(text("select id from sensors")).scalar_one()
    assert device is not None
    return Plant(database, tenant, device, sensor_id)


def told_by(plant: Plant, hook: Webhook, **columns: object) -> int:
    """A channel that the default policy tells at once."""
    channel = plant.channel(secret=hook.url, **columns)
    plant.policy([{"channel_id": channel}])
    return channel


def go(plant: Plant, *notifiers: Notifier, times: int = 1) -> None:
    """Runs the job and waits until all that may go out has gone out."""
    for _ in range(times):
        for notifier in notifiers:
            notifier.run(plant.now)
        for notifier in notifiers:
            notifier.settle()
