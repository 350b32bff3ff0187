"""Clients of a Kafka connection's settings (confluent-kafka), and the test whether they get through."""

import logging
from typing import Any

from confluent_kafka import Consumer, KafkaException

from dashapp.brokers.wanted import Kafka

log = logging.getLogger("andon.kafka")
TEST_S = 8.0


def common(wanted: Kafka, client_id: str) -> dict[str, Any]:
    """What every client of the connection says of itself."""
    conf: dict[str, Any] = {
        "bootstrap.servers": wanted.servers, "client.id": client_id, "socket.timeout.ms": 10_000, "reconnect.backoff.ms": 250,
        "reconnect.backoff.max.ms": 15_000, "socket.keepalive.enable": True, "log.connection.close": False, "logger": log, "log_level": 2,
        "allow.auto.create.topics": False,
    }  # fmt: skip
    secure = "SSL" if wanted.tls.on else "PLAINTEXT"
    conf["security.protocol"] = f"SASL_{secure}" if wanted.mechanism else secure
    if wanted.mechanism:
        conf |= {"sasl.mechanism": wanted.mechanism, "sasl.username": wanted.user, "sasl.password": wanted.password}
    if wanted.tls.on:
        conf["ssl.endpoint.identification.algorithm"] = "https"
        pems = {"ssl.ca.pem": wanted.tls.ca, "ssl.certificate.pem": wanted.tls.certificate, "ssl.key.pem": wanted.tls.key}
        conf |= {name: pem for name, pem in pems.items() if pem}
        if not wanted.tls.ca:
            conf["ssl.ca.location"] = "probe"
    return conf


def consuming(wanted: Kafka, client_id: str) -> dict[str, Any]:
    """A member of the group that commits nothing by itself."""
    return common(wanted, client_id) | {
        "group.id": wanted.group, "enable.auto.commit": False, "enable.auto.offset.store": False, "auto.offset.reset": wanted.begin,
        "session.timeout.ms": wanted.session_s * 1000, "heartbeat.interval.ms": max(300, wanted.session_s * 1000 // 4),
        "partition.assignment.strategy": "cooperative-sticky", "queued.max.messages.kbytes": 32_768, "fetch.wait.max.ms": 100,
        "topic.metadata.refresh.interval.ms": 30_000,
    }  # fmt: skip


def producing(wanted: Kafka, client_id: str) -> dict[str, Any]:
    """In order, once each as far as Kafka can, acknowledged by every replica in sync."""
    return common(wanted, client_id) | {
        "enable.idempotence": True, "acks": "all", "linger.ms": 5, "compression.type": "lz4", "message.timeout.ms": 20_000,
        "allow.auto.create.topics": True,
    }  # fmt: skip


def check(wanted: Kafka) -> str | None:
    """Asks a broker for its topics; None where it answers and has those that are read, else what is wrong. Takes up to eight seconds."""
    said: list[str] = []
    conf = consuming(wanted, f"{wanted.client_id}-test") | {"error_cb": lambda error: said.append(error.str())}
    try:
        consumer = Consumer(conf)
    except (KafkaException, ValueError, TypeError) as error:
        return plain(error)
    try:
        topics = consumer.list_topics(timeout=TEST_S).topics
    except KafkaException as error:
        consumer.poll(0)
        return f"no broker answers: {said[0]}" if said else plain(error)
    finally:
        consumer.close()
    missing = [topic for topic in wanted.topics if topic not in topics or topics[topic].error is not None]
    return f"there is no topic {', '.join(missing)}, or this user may not see it" if missing else None


def plain(error: BaseException) -> str:
    """What a Kafka error says, on one line."""
    inner = error.args[0] if error.args else error
    text = inner.str() if hasattr(inner, "str") else str(inner)
    return " ".join(str(text).split())[:300] or type(error).__name__
