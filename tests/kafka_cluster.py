"""librdkafka's mock cluster of three brokers in a process of its own, which outlives a server that is killed.

`python -m tests.kafka_cluster TOPIC[:PARTITIONS] …` prints its bootstrap servers, then obeys lines of its input: `down 1`, `up 1`; it ends
with its input. Through librdkafka itself (ctypes): the Python client does not reach the cluster's own functions.
"""

import ctypes
import sys
from pathlib import Path

import confluent_kafka

PRODUCER = 0
BROKERS = 3


def library() -> ctypes.CDLL:
    """The librdkafka that the Python client brings."""
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = ctypes.CDLL(str(next(folder.glob("librdkafka-*.so*"))))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
        ("rd_kafka_conf_new", pointer, []),
        ("rd_kafka_new", pointer, [number, pointer, text, ctypes.c_size_t]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, number]),
        ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
        ("rd_kafka_mock_topic_create", number, [pointer, text, number, number]),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_down", number, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_up", number, [pointer, ctypes.c_int32]),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def main(topics: list[str]) -> None:
    """Until the input ends."""
    kafka = library()
    said = ctypes.create_string_buffer(500)
    handle = kafka.rd_kafka_new(PRODUCER, kafka.rd_kafka_conf_new(), said, len(said))
    cluster = kafka.rd_kafka_mock_cluster_new(handle, BROKERS)
    kafka.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    for topic in topics:
        name, _, partitions = topic.partition(":")
        assert kafka.rd_kafka_mock_topic_create(cluster, name.encode(), int(partitions or 4), BROKERS) == 0
    print(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    for line in sys.stdin:
        what, broker = line.split()
        (kafka.rd_kafka_mock_broker_set_down if what == "down" else kafka.rd_kafka_mock_broker_set_up)(cluster, int(broker))
        print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
