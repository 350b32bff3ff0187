"""MQTT: what strangers' clients publish is stored once, acknowledged after the commit, whatever happens to the broker."""

import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import text

from dashapp.actions.connections import BrokerConnection, change_connection, switch_connection, try_connection
from dashapp.brokers.wanted import secrets_of
from dashapp.ingest.batch import Busy, Unavailable
from dashapp.ingest.services import Services
from db.engine import Database
from tests.brokers import Mosquitto
from tests.integration.brokered import administrator, connected, keeping, letters, message, plant_key, shown, state_of, stored, values
from tests.integration.plant import Press, make_pipeline, running
from tests.serving import free_port, wait_until

pytestmark = pytest.mark.requirement("IN-3")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("mosquitto"), free_port()) as started:
        yield started


@pytest.fixture(scope="module")
def services(database: Database) -> Iterator[Services]:
    with running(make_pipeline(database)) as started, keeping(started):
        yield started


def mosquitto(broker: Mosquitto, press: Press, **more: Any) -> BrokerConnection:
    """A connection to the broker, under a client id of its own."""
    topics = ("iot/data", f"andon/{plant_key(press)}/+")
    return BrokerConnection(**{"name": "Gateway", "kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "topics": topics, **more})


def publish(broker: Mosquitto, topic: str, payload: bytes | str, *more: str) -> None:
    """Debian's own client, at QoS 1."""
    text = payload if isinstance(payload, str) else payload.decode()
    subprocess.run(["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-m", text, *more], check=True, timeout=20)


def test_what_mosquitto_pub_publishes_is_stored(services: Services, press: Press, broker: Mosquitto) -> None:
    with connected(services, press, mosquitto(broker, press)) as number:
        publish(broker, "iot/data", message(1, 70.5))
        publish(broker, "iot/data", message(2, 71.5), "-V", "mqttv5")
        assert stored(press, 2) == [70.5, 71.5]
        wait_until(lambda: shown(press, number)["running"][0]["stored"] == 2)


def test_every_payload_shape_comes_in_and_the_topic_names_the_device(services: Services, press: Press, broker: Mosquitto) -> None:
    own = f"andon/{plant_key(press)}/MX-01"
    wide = {"machine_id": "MX-01", "temperature": 72, "vibration": 3, "timestamp": "2026-01-01T00:00:02Z"}
    camel = {"deviceId": "MX-01", "sensorType": "temperature", "value": 73, "timestamp": "2026-01-01T00:00:03Z"}
    bare = {"temperature": 74, "timestamp": "2026-01-01T00:00:04Z"}
    listed = [json.loads(message(5, 75)), json.loads(message(6, 76))]
    with connected(services, press, mosquitto(broker, press)):
        for topic, content in (("iot/data", wide), ("iot/data", camel), (own, bare), ("iot/data", listed)):
            publish(broker, topic, json.dumps(content))
        assert stored(press, 6) == [72, 3, 73, 74, 75, 76]
        publish(broker, own, json.dumps({"temperature": 77}))
        assert stored(press, 7)[-1] == 77
        moment = press.column("select extract(epoch from max(time)) from readings")[0]
        assert abs(float(str(moment)) - time.time()) < 20, "a message without a time takes that of its arrival"


@pytest.mark.requirement("IN-7")
def test_a_bad_message_is_a_dead_letter_and_holds_nothing_up(services: Services, press: Press, broker: Mosquitto) -> None:
    own = f"andon/{plant_key(press)}/MX-01"
    with connected(services, press, mosquitto(broker, press)):
        publish(broker, "iot/data", "nonsense \u202e")
        publish(broker, own, json.dumps({"humidity": 40, "timestamp": "2026-01-01T00:00:01Z"}))
        publish(broker, "iot/data", json.dumps({"temperature": 1}))
        publish(broker, "iot/data", message(2))
        stored(press, 1)
        found = letters(press, 3)
    assert [(door, field) for door, field, *_ in found] == [("mqtt", "body"), ("mqtt", "humidity"), ("mqtt", "device_id")]
    assert found[0][3] == "nonsense \u202e".encode()
    assert found[1][4] == {"device": "MX-01", "origin": own, "time_us": found[1][4]["time_us"]}


def test_a_message_of_another_plant_names_no_device_here(services: Services, press: Press, broker: Mosquitto) -> None:
    with connected(services, press, mosquitto(broker, press, topics=("andon/#",))):
        publish(broker, "andon/other-plant/MX-01", json.dumps({"temperature": 1}))
        assert letters(press, 1)[0][:2] == ("mqtt", "device_id")
    assert values(press) == []


def test_nothing_is_acknowledged_before_it_is_stored(services: Services, press: Press, broker: Mosquitto, monkeypatch: Any) -> None:
    submit = services.pipeline.submit
    refusals = iter([Busy(), Busy(), Unavailable("away")])

    def reluctant(batch: Any, **more: Any) -> None:
        if batch.tenant_id == press.tenant_id and (refusal := next(refusals, None)) is not None:
            if isinstance(refusal, Busy):
                raise refusal
            batch.outcome.error = refusal
            batch.done(batch.outcome)
            return
        submit(batch, **more)

    monkeypatch.setattr(services.pipeline, "submit", reluctant)
    with connected(services, press, mosquitto(broker, press)) as number:
        publish(broker, "iot/data", message(1))
        assert stored(press, 1) == [71.5]
        assert next(refusals, None) is None, "it was put off every time"
        wait_until(lambda: "away" in str(shown(press, number)["running"][0]["last_error"]))
        wait_until(lambda: state_of(press, number) == "connected")


def test_what_comes_while_it_is_off_waits_at_the_broker(services: Services, press: Press, broker: Mosquitto) -> None:
    who = administrator(press)
    with connected(services, press, mosquitto(broker, press)) as number:
        switch_connection(services.database, who, number, enabled=False)
        services.connections_wanted.set()
        wait_until(lambda: not clients_of(press, number), message="it did not end")
        for second in range(5):
            publish(broker, "iot/data", message(second))
        assert values(press) == []
        switch_connection(services.database, who, number, enabled=True)
        services.connections_wanted.set()
        assert len(stored(press, 5)) == 5


def clients_of(press: Press, number: int) -> list[str]:
    """Leases of the connection's clients that somebody holds."""
    with press.database.engine.connect() as connection:
        wanted = {"like": f"connection:{press.tenant_id}:{number}:%"}
        return list(connection.execute(text("select name from leases where name like :like"), wanted).scalars())


def test_a_broker_that_is_away_and_restarted_loses_nothing(services: Services, press: Press, tmp_path: Path) -> None:
    with Mosquitto(tmp_path, free_port()) as broker, connected(services, press, mosquitto(broker, press)) as number:
        client = Client(CallbackAPIVersion.VERSION2, f"press-{broker.port}")
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        sent = [client.publish("iot/data", message(second), qos=1) for second in range(200)]
        sent[0].wait_for_publish(10)
        broker.stop()
        wait_until(lambda: state_of(press, number) != "connected")
        sent += [client.publish("iot/data", message(second), qos=1) for second in range(200, 300)]
        time.sleep(2)  # it is away: nobody can be asked when that is over
        broker.start()
        assert len(stored(press, 300)) == 300
        broker.stop()
        broker.start()
        client.publish("iot/data", message(300), qos=1)
        assert len(stored(press, 301)) == 301
        client.disconnect()
        client.loop_stop()


def test_two_clients_share_what_comes(services: Services, press: Press, broker: Mosquitto) -> None:
    with connected(services, press, mosquitto(broker, press, topics=("shared/data",), share="andon", clients=2)) as number:
        wait_until(lambda: [state_of(press, number, slot) for slot in (0, 1)] == ["connected"] * 2)
        for second in range(20):
            publish(broker, "shared/data", message(second))
        assert len(stored(press, 20)) == 20
        wait_until(lambda: sum(client["messages"] for client in shown(press, number)["running"]) == 20)
        assert all(client["messages"] for client in shown(press, number)["running"])
        assert sum(client["duplicates"] for client in shown(press, number)["running"]) == 0


def test_a_topic_that_is_dropped_is_no_longer_subscribed(services: Services, press: Press, broker: Mosquitto) -> None:
    with connected(services, press, mosquitto(broker, press, topics=("one/data", "two/data"))) as number:
        wanted = mosquitto(broker, press, topics=("two/data",))
        change_connection(services.database, services.settings, administrator(press), number, wanted)
        services.connections_wanted.set()
        wait_until(lambda: press.column("select subscribed from connection_clients") == [["two/data"]])
        publish(broker, "one/data", message(1))
        publish(broker, "two/data", message(2))
        assert stored(press, 1) == [71.5]
        assert press.column("select extract(second from time)::int from readings") == [2]


def test_mqtt_3_works_too(services: Services, press: Press, broker: Mosquitto) -> None:
    with connected(services, press, mosquitto(broker, press, version="3.1.1")):
        publish(broker, "iot/data", message(1))
        assert stored(press, 1) == [71.5]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority with a certificate for the broker and one for the client, by OpenSSL."""
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "2", "-subj", "/CN=Plant CA")  # fmt: skip
    for name, extra in (("broker", "subjectAltName=IP:127.0.0.1,DNS:localhost"), ("client", "extendedKeyUsage=clientAuth")):
        (folder / f"{name}.ext").write_text(extra)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", f"/CN={name}")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
                "-days", "2", "-extfile", f"{name}.ext")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def secure(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """As AWS IoT Core has it: TLS 1.2 or newer, nobody without a client certificate."""
    port = free_port()
    lines = (
        f"listener {port} 127.0.0.1\nallow_anonymous true\ncafile {authority}/ca.pem\ncertfile {authority}/broker.pem\n"
        f"keyfile {authority}/broker.key\nrequire_certificate true\nuse_identity_as_username true\ntls_version tlsv1.2\n"
    )
    with Mosquitto(tmp_path_factory.mktemp("secure"), port, lines) as started:
        yield started


def by_certificate(secure: Mosquitto, press: Press, authority: Path, **more: Any) -> BrokerConnection:
    """The connection with authority, certificate and key as a person pastes them."""
    ca, certificate, key = ((authority / name).read_text() for name in ("ca.pem", "client.pem", "client.key"))
    return mosquitto(secure, press, **{"tls": True, "ca": ca, "certificate": certificate, "key": key, **more})


def test_a_client_certificate_over_tls_by_settings_alone(services: Services, press: Press, secure: Mosquitto, authority: Path) -> None:
    with connected(services, press, by_certificate(secure, press, authority)) as number:
        assert try_connection(services.database, services.settings, administrator(press), number) is None
        files = ["--cafile", f"{authority}/ca.pem", "--cert", f"{authority}/client.pem", "--key", f"{authority}/client.key"]
        publish(secure, "iot/data", message(1), *files)
        assert stored(press, 1) == [71.5]


def test_a_broker_that_is_not_trusted_gets_nothing(services: Services, press: Press, secure: Mosquitto, authority: Path) -> None:
    with connected(services, press, by_certificate(secure, press, authority, ca=""), state="failed") as number:
        assert "not trusted" in shown(press, number)["running"][0]["last_error"]
        assert "not trusted" in str(try_connection(services.database, services.settings, administrator(press), number))


def test_a_key_can_be_a_file_of_the_plants_own(services: Services, press: Press, secure: Mosquitto, authority: Path) -> None:
    folder = secrets_of(services.settings, plant_key(press))
    folder.mkdir(parents=True)
    (folder / "press.key").write_text((authority / "client.key").read_text())
    try:
        with connected(services, press, by_certificate(secure, press, authority, key="file:press.key")):
            pass
    finally:
        (folder / "press.key").unlink()
        folder.rmdir()


def test_the_test_says_what_is_wrong(services: Services, press: Press, broker: Mosquitto) -> None:
    wrong = mosquitto(broker, press, port=free_port())
    with connected(services, press, wrong, state="failed") as number:
        said = try_connection(services.database, services.settings, administrator(press), number)
        assert said == "nobody answers at this address and port"
        assert shown(press, number)["running"][0]["last_error"] == said  # `detail` says by turns that it tries


def test_tls_is_never_older_than_1_2(authority: Path) -> None:
    from dashapp.brokers.mqtt import tls_context
    from dashapp.brokers.wanted import Tls

    context = tls_context(Tls(True, (authority / "ca.pem").read_text()))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
