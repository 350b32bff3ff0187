"""Connections to MQTT and Kafka: list, make, change, switch, test, remove. Administrators. REQUIREMENTS UI-6; no secret ever comes out."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr

from dashapp.actions import connections as actions
from dashapp.actions.actor import ActionError
from dashapp.api.rest.common import database_of, services_of
from dashapp.api.routes import Route
from dashapp.api.security import Admin
from dashapp.api.shapes import Id, In, Out, example
from db.queries import connections as queries
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/connections", tags=["connections"], route_class=Route)
Kind = Literal["mqtt", "kafka"]
State = Literal["connecting", "connected", "waiting", "failed"]
Pem = Annotated[str, Field(max_length=65_536)]
GATEWAY = {"name": "Gateway", "kind": "mqtt", "host": "mosquitto.example.com", "topics": ["iot/data", "andon/plant/+"]}


class ConnectionWish(In):
    """A connection. MQTT: `host` and `topics`; Kafka: `servers`, `topics` and what it `sends`.

    Of a change, `password` and `key` that are left out keep what is stored, and `enabled` has no effect: switch it by a route of its own.
    """

    name: str = Field(min_length=1, max_length=200)
    kind: Kind
    host: str = Field("", max_length=253)
    port: int | None = Field(None, ge=1, le=65_535)
    servers: str = Field("", max_length=2_000, description="Brokers with their ports, comma separated.")
    topics: list[Annotated[str, Field(max_length=500)]] = Field(default_factory=list, max_length=50)
    client_id: str = Field("", max_length=100)
    share: str = Field("", max_length=100, description="The shared group of an MQTT subscription.")
    group: str = Field("", max_length=100, description="The consumer group in Kafka.")
    clients: int = Field(1, ge=1, le=16)
    version: Literal["5", "3.1.1"] = "5"
    mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    user: str = Field("", max_length=254)
    password: SecretStr | None = Field(None, max_length=2_000)
    tls: bool = False
    ca: Pem = ""
    certificate: Pem = ""
    key: SecretStr | None = Field(None, max_length=65_536)
    alpn: str = Field("", max_length=50)
    session_s: int | None = Field(None, ge=1, le=4_294_967_294)
    begin: Literal["earliest", "latest"] = "earliest"
    prefix: str = Field("", max_length=100)
    sends: list[Literal["alerts", "metrics", "events"]] = Field(default_factory=list, max_length=3)
    enabled: bool = False

    model_config = example(GATEWAY)

    def connection(self) -> actions.BrokerConnection:
        """As actions take it."""
        given = {"password": self.password, "key": self.key}
        secrets = {name: None if value is None else value.get_secret_value() for name, value in given.items()}
        return actions.BrokerConnection(**{**self.model_dump(), **secrets, "topics": tuple(self.topics), "sends": tuple(self.sends)})


class Client(Out):
    """One client of a connection, as the replica says that runs it; ages in seconds. Slot -1 is the one that sends."""

    slot: int
    replica: str
    runs: bool
    state: State
    detail: str
    since_s: float
    messages: int
    stored: int
    duplicates: int
    conflicts: int
    refused: int
    per_s: float
    lag: int | None
    last_message_s: float | None
    last_error: str | None
    last_error_s: float | None


class Connection(Out):
    """A connection with how it does."""

    id: int
    name: str
    kind: Kind
    settings: dict[str, Any]
    secrets: list[str] = Field(description="Names of the secrets that it has.")
    sends: list[str]
    enabled: bool
    waiting: int = Field(description="Messages that wait to be sent.")
    running: list[Client]


class Tried(Out):
    """What the broker said of a test; null where it took all of it."""

    problem: str | None


@router.get("")
def list_connections(request: Request, actor: Admin) -> list[Connection]:
    """Every connection by name."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        return [Connection.model_validate(row) for row in queries.connections(connection)]


@router.get("/{connection_id}")
def get_connection(request: Request, actor: Admin, connection_id: Id) -> Connection:
    """One connection."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        found = queries.shown_connection(connection, connection_id)
    if found is None:
        raise ActionError("connection_id", "there is no such connection", status=404)
    return Connection.model_validate(found)


@router.post("", status_code=201)
def post_connection(request: Request, response: Response, actor: Admin, wish: ConnectionWish) -> Connection:
    """Adds a connection; it is off unless it says otherwise."""
    services = services_of(request)
    connection_id = actions.create_connection(services.database, services.settings, actor, wish.connection())
    services.connections_wanted.set()
    response.headers["Location"] = f"/api/v1/connections/{connection_id}"
    return get_connection(request, actor, connection_id)


@router.put("/{connection_id}")
def put_connection(request: Request, actor: Admin, connection_id: Id, wish: ConnectionWish) -> Connection:
    """Changes a connection, whose clients begin anew. Its kind stays what it is."""
    services = services_of(request)
    actions.change_connection(services.database, services.settings, actor, connection_id, wish.connection())
    services.connections_wanted.set()
    return get_connection(request, actor, connection_id)


@router.post("/{connection_id}/enable")
def enable_connection(request: Request, actor: Admin, connection_id: Id) -> Connection:
    """Switches it on."""
    actions.switch_connection(database_of(request), actor, connection_id, enabled=True)
    services_of(request).connections_wanted.set()
    return get_connection(request, actor, connection_id)


@router.post("/{connection_id}/disable")
def disable_connection(request: Request, actor: Admin, connection_id: Id) -> Connection:
    """Switches it off: what comes waits at the broker, what waits to be sent is dropped."""
    actions.switch_connection(database_of(request), actor, connection_id, enabled=False)
    services_of(request).connections_wanted.set()
    return get_connection(request, actor, connection_id)


@router.post("/{connection_id}/test")
def test_connection(request: Request, actor: Admin, connection_id: Id) -> Tried:
    """Connects once, beside whatever runs, and waits for what the broker says: up to twenty seconds."""
    services = services_of(request)
    return Tried(problem=actions.try_connection(services.database, services.settings, actor, connection_id))


@router.delete("/{connection_id}", status_code=204)
def delete_connection(request: Request, actor: Admin, connection_id: Id) -> None:
    """Removes it; the broker keeps nothing more for it, and what it brought stays."""
    actions.remove_connection(database_of(request), actor, connection_id)
    services_of(request).connections_wanted.set()
