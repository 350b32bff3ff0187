"""What someone can do with connections to brokers: add, change, switch, remove and test one. Administrators.

A password or key goes in and never comes out: a change without one keeps what there is, unless it would then go to another broker.
"""

import fnmatch
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.brokers import kafka, mqtt
from dashapp.brokers.wanted import FILE, LARGEST_SECRET, SENDS, SecretMissing, is_file_name, read_kafka, read_mqtt, secrets_of
from dashapp.domain.fleet import Role
from dashapp.settings import Settings
from db.commands import audit
from db.commands import connections as commands
from db.engine import Database
from db.tenancy import tenant_reading, tenant_transaction

MOST_CONNECTIONS = 50
MOST_TOPICS = 50
MOST_CLIENTS = 16
KINDS = ("mqtt", "kafka")
VERSIONS = ("5", "3.1.1")
MECHANISMS = ("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
WHERE = ("host", "port", "servers", "tls", "ca")  # what decides to whom a secret goes
BEGINS = ("earliest", "latest")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]{2,45}\]?")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class BrokerConnection:
    """A connection as somebody wants it. MQTT: `host`, `port`, `topics`, `share`, `version`; Kafka: `servers`, `topics`, `group`, `sends`.

    `password` and `key` None or empty keep what is stored; `file:NAME` is a file in the plant's folder of secrets. PEM texts.
    """

    name: str
    kind: str
    host: str = ""
    port: int | None = None
    servers: str = ""
    topics: tuple[str, ...] = ()
    client_id: str = ""
    share: str = ""
    group: str = ""
    clients: int = 1
    version: str = "5"
    mechanism: str = ""
    user: str = ""
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str | None = field(default=None, repr=False)
    alpn: str = ""
    session_s: int | None = None
    begin: str = "earliest"
    prefix: str = ""
    sends: tuple[str, ...] = ()
    enabled: bool = False


def default_topics(kind: str, plant: str) -> tuple[str, ...]:
    """What a new connection reads where nobody says otherwise."""
    return ("iot/data", f"andon/{plant}/+") if kind == "mqtt" else ("sensors-data",)


def create_connection(database: Database, settings: Settings, actor: Actor, wanted: BrokerConnection) -> int:
    """Adds a connection; its id. Raises ActionError that names the field which is wrong, 409 where the name is taken."""
    require(actor, Role.ADMIN)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if connection.execute(text("select count(*) from connections")).scalar_one() >= MOST_CONNECTIONS:
            raise ActionError("name", f"there are {MOST_CONNECTIONS} connections; remove one first", status=409)
        values = _checked(connection, wanted, None, settings)
        made = commands.insert_connection(connection, values)
        if made is None:
            raise _taken(wanted.name)
        audit.record(connection, actor, "create_connection", wanted.name, _told(values))
    return made


def change_connection(database: Database, settings: Settings, actor: Actor, connection_id: int, wanted: BrokerConnection) -> None:
    """Changes a connection, which begins anew. Raises ActionError; its kind stays what it is, and whether it is on."""
    require(actor, Role.ADMIN)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, connection_id)
        if stored.kind != wanted.kind:
            raise ActionError("kind", "the kind of a connection stays; add another one instead", status=409)
        values = _checked(connection, wanted, stored, settings) | {"enabled": stored.enabled}
        if not commands.update_connection(connection, connection_id, values):
            raise _taken(wanted.name)
        commands.forget_slots(connection, connection_id, values["settings"]["clients"])
        renewed = values["secret"] != stored.secret
        audit.record(connection, actor, "change_connection", wanted.name, {**_told(values), "id": connection_id, "secret_changed": renewed})


def switch_connection(database: Database, actor: Actor, connection_id: int, *, enabled: bool) -> None:
    """Switches a connection on or off. Off, what waits to be sent is dropped; what the broker keeps for it waits there."""
    require(actor, Role.ADMIN)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, connection_id)
        if stored.enabled != enabled:
            commands.switch_connection(connection, connection_id, enabled=enabled)
            audit.record(connection, actor, "switch_connection", stored.name, {"id": connection_id, "enabled": enabled})


def remove_connection(database: Database, actor: Actor, connection_id: int) -> None:
    """Removes a connection; what it brought stays."""
    require(actor, Role.ADMIN)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, connection_id)
        commands.delete_connection(connection, connection_id)
        audit.record(connection, actor, "remove_connection", stored.name, {"id": connection_id, "kind": stored.kind})


def try_connection(database: Database, settings: Settings, actor: Actor, connection_id: int) -> str | None:
    """Connects once, beside whatever runs; None where the broker took all of it, else what is wrong. Takes up to twenty seconds."""
    require(actor, Role.ADMIN)
    with tenant_reading(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, connection_id, lock=False)
        plant = connection.execute(text("select key from tenants")).scalar_one()
    folder = secrets_of(settings, plant)
    try:
        if stored.kind == "mqtt":
            problem = mqtt.check(read_mqtt(stored.settings, stored.secret, folder))
        else:
            problem = kafka.check(read_kafka(stored.settings, stored.secret, folder))
    except SecretMissing as error:
        problem = str(error)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        audit.record(connection, actor, "test_connection", stored.name, {"id": connection_id, "problem": problem})
    return problem


def _found(connection: Transaction, connection_id: int, *, lock: bool = True) -> Any:
    if lock:
        stored = commands.lock_connection(connection, connection_id)
    else:
        stored = connection.execute(text("select * from connections where id = :id"), {"id": connection_id}).one_or_none()
    if stored is None:
        raise ActionError("connection", "there is no such connection any more", status=404)
    return stored


def _taken(name: str) -> ActionError:
    return ActionError("name", f"there is a connection “{name}” already", status=409)


def _checked(connection: Transaction, wanted: BrokerConnection, stored: Any, settings: Settings) -> dict[str, Any]:
    """The columns of a connection. Raises ActionError by the name of the form's field."""
    name = audit.clean(wanted.name).strip()
    if not 1 <= len(name) <= 200:
        raise ActionError("name", "1 to 200 characters are expected")
    if wanted.kind not in KINDS:
        raise ActionError("kind", "choose one of the kinds")
    if len(wanted.user) > 254 or not wanted.user.isprintable():
        raise ActionError("user", "at most 254 visible characters are expected")
    plant = connection.execute(text("select key from tenants")).scalar_one()
    if not 1 <= wanted.clients <= MOST_CLIENTS:
        raise ActionError("clients", f"1 to {MOST_CLIENTS} clients are expected")
    where = _mqtt(wanted, plant) if wanted.kind == "mqtt" else _kafka(wanted, plant)
    for host in _hosts(where):
        if not _may_name(host, settings.broker_hosts):
            raise ActionError("host" if wanted.kind == "mqtt" else "servers", f"ANDON_BROKER_HOSTS does not allow {host}")
    shown = where | {"clients": wanted.clients, "user": wanted.user.strip(), **_tls(wanted)}
    secret = _secret(wanted, stored, shown)
    _check_secret(shown, secret, secrets_of(settings, plant), wanted.kind)
    sends = [one for one in SENDS if one in wanted.sends] if wanted.kind == "kafka" else []
    if wanted.kind == "kafka" and not where["topics"] and not sends:
        raise ActionError("topics", "name a topic to read, or choose something to send")
    return {"name": name, "kind": wanted.kind, "settings": shown, "secret": secret, "sends": sends, "enabled": wanted.enabled}


def _mqtt(wanted: BrokerConnection, plant: str) -> dict[str, Any]:
    host = wanted.host.strip()
    if not _HOST.fullmatch(host):
        raise ActionError("host", "the name or address of a broker is expected, like mosquitto.plant.example")
    if wanted.port is not None and not 1 <= wanted.port <= 65_535:
        raise ActionError("port", "1 to 65535 is expected")
    if wanted.version not in VERSIONS:
        raise ActionError("version", "choose 5 or 3.1.1")
    topics = _topics(wanted.topics)
    if not topics:
        raise ActionError("topics", "at least one topic is expected, like iot/data")
    for topic in topics:
        parts = topic.split("/")
        if "#" in topic.removesuffix("#") or any("+" in part and part != "+" for part in parts) or (parts[-1] != "#" and "#" in parts[-1]):
            raise ActionError("topics", f"{topic} is no topic: + stands for one whole level, # for the rest at the end")
        if parts[0].startswith("$"):
            raise ActionError("topics", f"{topic}: name the topic alone; the shared group is a field of its own")
    share = wanted.share.strip()
    if share and not _NAME.fullmatch(share):
        raise ActionError("share", "letters, digits, points and hyphens are expected")
    if wanted.clients > 1 and not share:
        raise ActionError("share", "several clients need a shared group, or each message would come to every one of them")
    session_s = 86_400 if wanted.session_s is None else wanted.session_s
    if not 0 < session_s <= 4_294_967_294:
        raise ActionError("session_s", "a number of seconds is expected")
    return {
        "host": host, "port": wanted.port, "topics": list(topics), "client_id": _client_id(wanted, plant), "share": share,
        "version": wanted.version, "session_s": session_s,
    }  # fmt: skip


def _kafka(wanted: BrokerConnection, plant: str) -> dict[str, Any]:
    servers = ",".join(part.strip() for part in wanted.servers.replace("\n", ",").split(",") if part.strip())
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        if not _HOST.fullmatch(host) or not port.isdigit() or not 1 <= int(port) <= 65_535:
            raise ActionError("servers", "brokers with their ports are expected, like kafka1:9092, kafka2:9092")
    if wanted.mechanism not in MECHANISMS:
        raise ActionError("mechanism", "choose one of the mechanisms")
    if wanted.begin not in BEGINS:
        raise ActionError("begin", "choose one of the two")
    topics = _topics(wanted.topics)
    for topic in topics:
        if not _NAME.fullmatch(topic):
            raise ActionError("topics", f"{topic} is no Kafka topic: letters, digits, points, hyphens and underscores are expected")
    if wanted.prefix and not _NAME.fullmatch(wanted.prefix):
        raise ActionError("prefix", "letters, digits, points and hyphens are expected")
    group = wanted.group.strip() or f"andon-{plant}"
    if not _NAME.fullmatch(group):
        raise ActionError("group", "letters, digits, points and hyphens are expected")
    session_s = 10 if wanted.session_s is None else wanted.session_s
    if not 1 <= session_s <= 300:
        raise ActionError("session_s", "1 to 300 seconds are expected")
    return {
        "servers": servers, "topics": list(topics), "group": group, "client_id": _client_id(wanted, plant), "mechanism": wanted.mechanism,
        "begin": wanted.begin, "prefix": wanted.prefix, "session_s": session_s,
    }  # fmt: skip


def _topics(topics: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(topic.strip() for topic in topics if topic.strip()))
    if len(found) > MOST_TOPICS:
        raise ActionError("topics", f"at most {MOST_TOPICS} topics are expected")
    for topic in found:
        if len(topic.encode()) > 500 or not topic.isprintable():
            raise ActionError("topics", "a topic has at most 500 bytes, all of them visible")
    return found


def _client_id(wanted: BrokerConnection, plant: str) -> str:
    name = wanted.client_id.strip() or f"andon-{plant}"
    if not _NAME.fullmatch(name):
        raise ActionError("client_id", "letters, digits, points and hyphens are expected")
    return name


def _tls(wanted: BrokerConnection) -> dict[str, Any]:
    if not wanted.tls:
        return {"tls": False}
    if not wanted.alpn.isprintable():
        raise ActionError("alpn", "visible characters are expected")
    for field_name, pem in (("ca", wanted.ca), ("certificate", wanted.certificate)):
        if not pem.isascii() or "\x00" in pem:
            raise ActionError(field_name, "a certificate as PEM text is expected: -----BEGIN CERTIFICATE----- …")
        if len(pem) > LARGEST_SECRET or (pem.strip() and "-----BEGIN CERTIFICATE-----" not in pem):
            raise ActionError(field_name, "a certificate as PEM text is expected: -----BEGIN CERTIFICATE----- …")
    return {"tls": True, "ca": wanted.ca.strip(), "certificate": wanted.certificate.strip(), "alpn": wanted.alpn.strip()[:50]}


def _secret(wanted: BrokerConnection, stored: Any, shown: Mapping[str, Any]) -> dict[str, str]:
    """What is kept secret: what was given now, else what there is, as long as it goes where it went."""
    kept: dict[str, str] = dict(stored.secret) if stored is not None else {}
    elsewhere = stored is not None and any(stored.settings.get(name) != shown.get(name) for name in WHERE)
    secret: dict[str, str] = {}
    for name, given, needed in (("password", wanted.password, bool(shown["user"])), ("key", wanted.key, bool(shown.get("certificate")))):
        given = (given or "").strip("\r\n")
        if audit.clean(given) != given:
            raise ActionError(name, "it has characters that are none")
        if not needed:
            if given:
                raise ActionError(name, "it belongs to a user" if name == "password" else "it belongs to a certificate")
            continue
        if given:
            secret[name] = given
        elif kept.get(name):
            if elsewhere:
                raise ActionError(name, "enter it again: the stored one is not sent to another broker, or in another way")
            secret[name] = kept[name]
        else:
            raise ActionError(name, "a user needs a password" if name == "password" else "a certificate needs its private key")
        if len(secret[name]) > LARGEST_SECRET:
            raise ActionError(name, "it is too long")
        if secret[name].startswith(FILE) and not is_file_name(secret[name].removeprefix(FILE).strip()):
            raise ActionError(name, "file: and the name of a file in the folder of secrets is expected")
    return secret


def _check_secret(shown: Mapping[str, Any], secret: Mapping[str, str], folder: Path, kind: str) -> None:
    """Certificates and keys as OpenSSL takes them. Raises ActionError."""
    try:
        wanted = (read_mqtt if kind == "mqtt" else read_kafka)(shown, secret, folder)
    except SecretMissing as error:
        raise ActionError("key" if "key" in secret and secret["key"].startswith(FILE) else "password", str(error)) from error
    if wanted.tls.on:
        try:
            mqtt.tls_context(wanted.tls)
        except (ssl.SSLError, ValueError) as error:
            field_name = "key" if wanted.tls.certificate else "ca"
            raise ActionError(field_name, f"certificate and key are not usable: {str(error).splitlines()[0][:150]}") from error


def _hosts(where: Mapping[str, Any]) -> list[str]:
    if "host" in where:
        return [str(where["host"])]
    return [server.rpartition(":")[0] for server in str(where["servers"]).split(",")]


def _may_name(host: str, allowed: str | None) -> bool:
    patterns = [part.strip().lower() for part in (allowed or "").split(",") if part.strip()]
    return not patterns or any(fnmatch.fnmatchcase(host.lower().strip("[]"), pattern) for pattern in patterns)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit log: all but the secrets."""
    return {name: value for name, value in values.items() if name != "secret"}
