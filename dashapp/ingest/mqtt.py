"""The MQTT door: one client of one connection, in one thread, which reads, hands over, and acknowledges after the commit.

The broker keeps the session (clean start off), so what is not acknowledged comes again, here or at whichever replica has the client's
name next. One batch is under way at a time; meanwhile the next gathers, as many as the broker sends ahead. A full queue and a database
that is away hold the acknowledgement back, and with it the broker.
"""

import logging
import random
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode

from dashapp.brokers import mqtt as broker
from dashapp.brokers.wanted import Mqtt, SecretMissing
from dashapp.brokers.words import plain
from dashapp.ingest.batch import Busy, is_away
from dashapp.ingest.client_status import ClientStatus
from dashapp.ingest.intake import MOST_MESSAGES, Flight, Intake
from dashapp.ingest.messages import Message

log = logging.getLogger("andon.mqtt")
BURST = 500  # packets read before the loop looks at anything else
MOST_HELD = 20_000  # beyond it nothing is read: of QoS 0 the broker sends without end
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
AGAIN_S = 0.5  # after a full queue, or a database that did not answer
TAKEN_OVER = 142  # session taken over: somebody has our name
ANDON_TOPIC = 3  # andon/<plant>/<device>


class MqttDoor(threading.Thread):
    """Runs until it is stopped; a broker that is away is asked again, ever less often. `wanted` is read at each connection."""

    def __init__(
        self, intake: Intake, wanted: Callable[[], Mqtt], slot: int, plant: str, *, subscribed: tuple[str, ...] = (), chance: Any = random
    ) -> None:
        super().__init__(name=f"mqtt-{plant}-{slot}", daemon=True)
        self.status = ClientStatus(subscribed=subscribed)
        self._intake, self._read_wanted, self._slot, self._plant, self._chance = intake, wanted, slot, plant, chance
        self._halt = threading.Event()
        self._forget = False
        self._bell_out, self._bell_in = socket.socketpair()
        self._bell_in.setblocking(False)
        self._held: list[Message] = []
        self._flight: Flight | None = None
        self._flies_here = False  # whether the flight's messages came by the connection that is open now
        self._not_before = 0.0
        self._refused = ""
        self._pause_s = FIRST_PAUSE_S

    def stop(self, *, forget: bool = False) -> None:
        """Ends it once what is under way is stored and acknowledged; with `forget` the broker keeps nothing more for it."""
        self._forget = forget
        self._halt.set()
        self._ring()

    def run(self) -> None:
        """Connects, talks until the connection ends, waits, again."""
        while not self._halt.is_set():
            try:
                self._once()
            except (OSError, ValueError, SecretMissing) as error:
                self.status.fail(plain(error))
            except Exception as error:
                if not is_away(error):
                    log.exception("the MQTT client %s has failed", self.name)
                self.status.fail(plain(error))
            self._held.clear()
            self._flies_here = False
            self._halt.wait(self._pause_s * self._chance.uniform(0.5, 1.0))
            self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)
        if self._flight is not None:
            self._flight.done.wait(5)  # its writer rings the bell
        self._bell_out.close()
        self._bell_in.close()

    def _once(self) -> None:
        wanted = self._read_wanted()
        self._refused = ""
        self.status.move("connecting", f"to {wanted.host}:{wanted.port}")
        client = broker.make_client(wanted, wanted.name_of(self._slot))
        client.on_connect = lambda _c, _d, flags, reason, _p: self._connected(client, wanted, reason, flags.session_present)
        client.on_subscribe = lambda _c, _d, _mid, reasons, _p: self._subscribed(wanted, reasons)
        client.on_disconnect = lambda _c, _d, _flags, reason, _p: self._disconnected(reason)
        client.on_message = self._heard
        broker.connect(client, wanted)
        try:
            self._talk(client)
        finally:
            self._leave(client, wanted)
        if not self._halt.is_set() and self.status.state != "failed":
            self.status.fail(self._refused or "the connection to the broker ended", "failed" if self._refused else "connecting")

    def _talk(self, client: Client) -> None:
        """Until the connection ends or is to end."""
        looked_at, begun = 0.0, time.monotonic()
        while (sock := client.socket()) is not None:
            if self._halt.is_set() and self._flight is None:
                return
            now = time.monotonic()
            if now - looked_at > 1:
                looked_at = now
                if client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    return
                if self.status.state == "connecting" and now - begun > broker.CONNECT_S:
                    raise TimeoutError
            self._wait(client, sock)
            if client.want_write() and client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if not self._read(client):
                return
            self._land(client)
            self._depart()

    def _wait(self, client: Client, sock: Any) -> None:
        """Until there is something to read, to write, or to acknowledge; at most a second."""
        ready = select.poll()
        reads = select.POLLIN if len(self._held) < MOST_HELD else 0
        ready.register(sock, reads | (select.POLLOUT if client.want_write() else 0))
        ready.register(self._bell_out, select.POLLIN)
        waits = self._flight is None and self._held
        at_once = (broker.is_pending(sock) and reads) or (self._flight is not None and self._flight.done.is_set())
        pause_s = max(0.0, self._not_before - time.monotonic()) if waits else 1.0
        for number, _ in ready.poll(0 if at_once else min(pause_s, 1.0) * 1000):
            if number == self._bell_out.fileno():
                self._bell_out.recv(4096)

    def _read(self, client: Client) -> bool:
        """What has come; False where the connection is gone."""
        if len(self._held) >= MOST_HELD:
            return True
        for _ in range(BURST):
            before = len(self._held)
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            if len(self._held) == before:
                return client.socket() is not None
        return True

    def _depart(self) -> None:
        """Hands over what has gathered, where nothing is under way."""
        if self._flight is not None or not self._held or time.monotonic() < self._not_before or self._halt.is_set():
            return
        batch = self._held[:MOST_MESSAGES]
        try:
            self._flight = self._intake.submit(batch, self._ring)
        except Busy:
            self._not_before = time.monotonic() + AGAIN_S / 10
            self.status.move("waiting", "the queue is full: acknowledgements are held back")
            return
        except Exception as error:  # names cannot be looked up: the database is away
            self._put_off(error)
            return
        self._flies_here = True
        del self._held[:MOST_MESSAGES]

    def _land(self, client: Client) -> None:
        """Acknowledges what is stored; what is not stays with us and is handed over again."""
        flight = self._flight
        if flight is None or not flight.done.is_set():
            return
        self._flight = None
        if flight.error is not None:
            if self._flies_here:
                self._held[:0] = flight.messages
            self._put_off(flight.error)
            return
        self.status.land(flight)
        if self.status.state == "waiting":
            self.status.move("connected")
        if self._flies_here:  # else the broker has sent them again, or will: they are stored already, and acknowledged then
            for message in flight.messages:
                if message.number:
                    client.ack(message.number, 1)
            client.loop_write()
        self.status.lag = len(self._held)

    def _put_off(self, error: Exception) -> None:
        self._not_before = time.monotonic() + AGAIN_S
        self.status.fail(f"not stored yet, acknowledgements are held back: {plain(error)}", "waiting")

    def _heard(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "?"
        self._held.append(Message(message.payload, self._device(topic), time.time_ns() // 1000, topic, message.mid if message.qos else 0))

    def _device(self, topic: str) -> str:
        """The device that the topic names: the last part of andon/<plant>/<device>."""
        parts = topic.split("/")
        return parts[2] if len(parts) == ANDON_TOPIC and parts[0] == "andon" and parts[1] == self._plant else ""

    def _connected(self, client: Client, wanted: Mqtt, reason: Any, known: bool) -> None:
        if reason.is_failure:
            self._refused = broker.refusal(reason)
            return
        asked = wanted.subscriptions()
        dropped = [topic for topic in self.status.subscribed if topic not in asked]
        if known and dropped:
            client.unsubscribe(dropped)
        if not known and self.status.subscribed:
            self.status.note("the broker had forgotten the session: what was sent meanwhile did not come")
        client.subscribe(broker.options(wanted, asked))

    def _subscribed(self, wanted: Mqtt, reasons: list[Any]) -> None:
        refused = [topic for topic, reason in zip(wanted.subscriptions(), reasons, strict=False) if reason.is_failure]
        self.status.subscribed = tuple(topic for topic in wanted.subscriptions() if topic not in refused)
        self._pause_s = FIRST_PAUSE_S
        if refused:
            still = "connected" if self.status.subscribed else "failed"
            self.status.fail(f"the broker does not let it subscribe to {', '.join(refused)}", still)
        else:
            self.status.move("connected")

    def _disconnected(self, reason: Any) -> None:
        if self._halt.is_set():
            return
        if reason.value == TAKEN_OVER:
            self._refused = "another client has connected under the same client id"
            self._pause_s = LONGEST_PAUSE_S
        elif not self._refused and reason.is_failure:
            self._refused = f"the connection ended: {str(reason).lower()}"

    def _leave(self, client: Client, wanted: Mqtt) -> None:
        """Says good-bye: the broker keeps the session unless it is to be forgotten."""
        if client.socket() is None:
            return
        client.disconnect(properties=broker.farewell(wanted) if self._forget else None)
        client.loop_write()

    def _ring(self) -> None:
        with suppress(OSError):  # full, which rings as well; or closed, at the end
            self._bell_in.send(b"!")
