"""What a connection says: its settings as the database keeps them, read into one type for each kind of broker.

`settings` holds what may be shown, `secret` what is written and never shown. A secret is the thing itself or `file:NAME`, a file in the
folder of secrets of its plant (ANDON_SECRETS_DIR/<plant>/NAME), which is read each time the client connects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashapp.settings import Settings

FILE = "file:"
LARGEST_SECRET = 65_536
MQTT_PORTS = {False: 1883, True: 8883}
SENDS = ("alerts", "metrics", "events")


class SecretMissing(ValueError):
    """A file of secrets that is not there, or none that may be read."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts; without `ca` the system's authorities are trusted. `key` belongs to `certificate`. `alpn` for AWS on port 443."""

    on: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""
    alpn: str = ""


@dataclass(frozen=True, slots=True)
class Mqtt:
    """A subscription at an MQTT broker. `session_s`: for how long the broker keeps what comes while nobody is connected."""

    host: str
    port: int
    topics: tuple[str, ...]
    client_id: str
    share: str
    clients: int
    version: str
    user: str
    password: str
    session_s: int
    keepalive_s: int
    tls: Tls

    def name_of(self, slot: int) -> str:
        """The client id of one of the connection's clients: the same at each start, so that the broker knows its session."""
        return self.client_id if self.clients == 1 else f"{self.client_id}-{slot}"

    def subscriptions(self) -> tuple[str, ...]:
        """The topics as the broker is told them."""
        return tuple(f"$share/{self.share}/{topic}" for topic in self.topics) if self.share else self.topics


@dataclass(frozen=True, slots=True)
class Kafka:
    """A member of a consumer group, and where alerts, metrics and events go: topics of these names after `prefix`."""

    servers: str
    topics: tuple[str, ...]
    group: str
    clients: int
    client_id: str
    mechanism: str
    user: str
    password: str
    begin: str
    session_s: int
    prefix: str
    tls: Tls


def secrets_of(settings: Settings, plant: str) -> Path:
    """The folder of a plant's secret files."""
    return (settings.secrets_dir or settings.data_dir / "secrets") / plant


def read_mqtt(settings: Mapping[str, Any], secret: Mapping[str, str], folder: Path | None) -> Mqtt:
    """Raises SecretMissing."""
    tls = _tls(settings, secret, folder)
    return Mqtt(
        host=str(settings["host"]), port=int(settings.get("port") or MQTT_PORTS[tls.on]), topics=tuple(settings["topics"]),
        client_id=str(settings["client_id"]), share=str(settings.get("share", "")), clients=int(settings.get("clients", 1)),
        version=str(settings.get("version", "5")), user=str(settings.get("user", "")), password=revealed(secret, "password", folder),
        session_s=int(settings.get("session_s", 86_400)), keepalive_s=int(settings.get("keepalive_s", 30)), tls=tls,
    )  # fmt: skip


def read_kafka(settings: Mapping[str, Any], secret: Mapping[str, str], folder: Path | None) -> Kafka:
    """Raises SecretMissing."""
    return Kafka(
        servers=str(settings["servers"]), topics=tuple(settings.get("topics", ())), group=str(settings["group"]),
        clients=int(settings.get("clients", 1)), client_id=str(settings["client_id"]), mechanism=str(settings.get("mechanism", "")),
        user=str(settings.get("user", "")), password=revealed(secret, "password", folder), begin=str(settings.get("begin", "earliest")),
        session_s=int(settings.get("session_s", 10)), prefix=str(settings.get("prefix", "")), tls=_tls(settings, secret, folder),
    )  # fmt: skip


def _tls(settings: Mapping[str, Any], secret: Mapping[str, str], folder: Path | None) -> Tls:
    if not settings.get("tls"):
        return Tls()
    ca, certificate, alpn = (str(settings.get(name, "")) for name in ("ca", "certificate", "alpn"))
    return Tls(True, ca, certificate, revealed(secret, "key", folder), alpn)


def revealed(secret: Mapping[str, str], name: str, folder: Path | None) -> str:
    """A secret, read from its file where it names one; "" where there is none. Raises SecretMissing."""
    kept = secret.get(name, "")
    if not kept.startswith(FILE):
        return kept
    wanted = kept.removeprefix(FILE).strip()
    if folder is None or not is_file_name(wanted):
        raise SecretMissing(f"{wanted!r} is no name of a file in the folder of secrets")
    path = folder / wanted
    try:
        if path.stat().st_size > LARGEST_SECRET:
            raise SecretMissing(f"the secret file {wanted} is too large")
        return path.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(f"the secret file {wanted} cannot be read") from error


def is_file_name(name: str) -> bool:
    """Whether it is the name of a file and leads nowhere else."""
    return bool(name) and len(name) <= 200 and name.isprintable() and not name.startswith(".") and "/" not in name and "\\" not in name
