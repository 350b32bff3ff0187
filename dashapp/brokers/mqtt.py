"""An MQTT client of a connection's settings (paho-mqtt 2), and the test whether it gets through."""

import os
import select
import ssl
import tempfile
import time
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from dashapp.brokers.wanted import Mqtt, Tls
from dashapp.brokers.words import plain

CONNECT_S = 10.0
INFLIGHT = 10_000  # messages that the broker may send ahead of their acknowledgement (MQTT 5)
LARGEST = 8_000_000  # bytes of a message (MQTT 5)


def make_client(wanted: Mqtt, client_id: str, *, persistent: bool = True) -> Client:
    """A client that is not connected yet and acknowledges nothing by itself. Raises ssl.SSLError, ValueError for unusable PEM."""
    more: dict[str, Any] = {} if wanted.version == "5" else {"clean_session": not persistent}
    protocol = MQTTv5 if wanted.version == "5" else MQTTv311
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, manual_ack=True, **more)
    client.connect_timeout = CONNECT_S
    if wanted.user or wanted.password:
        client.username_pw_set(wanted.user, wanted.password or None)
    if wanted.tls.on:
        client.tls_set_context(tls_context(wanted.tls))
    client.on_socket_register_write = _leave_it_to_the_loop
    return client


def connect(client: Client, wanted: Mqtt, *, persistent: bool = True) -> None:
    """Opens the connection and says who is there; the broker's answer comes to `on_connect`. Raises OSError."""
    if wanted.version != "5":
        client.connect(wanted.host, wanted.port, wanted.keepalive_s)
        return
    asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    asked.SessionExpiryInterval = wanted.session_s if persistent else 0
    asked.ReceiveMaximum = INFLIGHT
    asked.MaximumPacketSize = LARGEST
    client.connect(wanted.host, wanted.port, wanted.keepalive_s, clean_start=not persistent, properties=asked)


def options(wanted: Mqtt, topics: tuple[str, ...]) -> list[tuple[str, Any]]:
    """What `subscribe` takes: QoS 1; what is retained comes once, not at each connection."""
    if wanted.version != "5":
        return [(topic, 1) for topic in topics]
    return [(topic, SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)) for topic in topics]


def farewell(wanted: Mqtt) -> Properties | None:
    """Ends the session with the connection: the broker keeps nothing more for it."""
    if wanted.version != "5":
        return None
    said = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
    said.SessionExpiryInterval = 0
    return said


def _leave_it_to_the_loop(_client: Client, _userdata: Any, _socket: Any) -> None:
    """With this callback paho queues what is to be written; the thread that reads writes it."""


class _Context(ssl.SSLContext):
    """Shakes hands where the socket is made: paho leaves one open whose handshake fails."""

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        sock = super().wrap_socket(*arguments, **options)
        try:
            sock.settimeout(CONNECT_S)
            sock.do_handshake()
        except BaseException:
            sock.close()
            raise
        return sock


def tls_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer; the broker's certificate and name are always checked. Raises ssl.SSLError, ValueError."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.ca:
        context.load_verify_locations(cadata=tls.ca)
    else:
        context.load_default_certs()
    if tls.certificate:
        with tempfile.TemporaryDirectory(prefix="andon-tls-") as folder:  # of this user alone; OpenSSL reads files only
            path = Path(folder) / "client.pem"
            path.touch(0o600)
            path.write_text(f"{tls.certificate.strip()}\n{tls.key.strip()}\n")
            context.load_cert_chain(path, password=_no_password)
    if tls.alpn:
        context.set_alpn_protocols([tls.alpn])
    return context


def _no_password() -> str:
    raise ValueError("the private key is locked by a password: give it without one")


def check(wanted: Mqtt) -> str | None:
    """Connects under another client id, subscribes and goes; None where the broker took all of it, else what it said.

    It subscribes without the shared group: nothing is taken from those who are at work. Takes up to ten seconds.
    """
    heard: dict[str, Any] = {}
    try:
        client = make_client(wanted, f"{wanted.client_id}-test-{os.getpid()}", persistent=False)
        client.on_connect = lambda _client, _data, _flags, reason, _properties: heard.update(connected=reason)
        client.on_subscribe = lambda _client, _data, _mid, reasons, _properties: heard.update(subscribed=reasons)
        client.on_disconnect = lambda _client, _data, _flags, reason, _properties: heard.setdefault("ended", reason)
        connect(client, wanted, persistent=False)
        if not _until(client, heard, "connected"):
            return _ended(heard, "the broker did not answer")
        if heard["connected"].is_failure:
            return refusal(heard["connected"])
        client.subscribe(options(wanted, wanted.topics))
        if not _until(client, heard, "subscribed"):
            return _ended(heard, "the broker did not answer to the subscription; a policy may forbid one of the topics")
        client.disconnect()
        client.loop_write()
    except (OSError, ValueError) as error:
        return plain(error)
    refused = [topic for topic, reason in zip(wanted.topics, heard["subscribed"], strict=False) if reason.is_failure]
    return f"the broker does not let it subscribe to {', '.join(refused)}" if refused else None


def refusal(reason: Any) -> str:
    """What a broker says that refuses a client."""
    return f"the broker refuses it: {str(reason).lower()}"


def _ended(heard: dict[str, Any], otherwise: str) -> str:
    return f"the broker ended the connection: {str(heard['ended']).lower()}" if "ended" in heard else otherwise


def _until(client: Client, heard: dict[str, Any], name: str) -> bool:
    deadline = time.monotonic() + CONNECT_S
    while name not in heard and time.monotonic() < deadline:
        sock = client.socket()
        if sock is None:
            return False
        if client.want_write():
            client.loop_write()
        ready = select.poll()
        ready.register(sock, select.POLLIN)
        if is_pending(sock) or ready.poll(100):
            client.loop_read()
        client.loop_misc()
    return name in heard


def is_pending(sock: Any) -> bool:
    """Whether TLS has bytes that poll does not see."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
