"""Sends a temperature each second: `python produce_kafka.py --brokers localhost:9092 --device MX-01`. Needs confluent-kafka."""

import argparse
import json
import math
import time
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, Producer


def main() -> None:
    """Until it has sent its count, or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", default="localhost:9092")
    parser.add_argument("--topic", default="sensors-data")
    parser.add_argument("--device", default="MX-01")
    parser.add_argument("--sensor", default="temperature")
    parser.add_argument("--count", type=int, help="readings to send; without it, until Ctrl-C")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two readings")
    options = parser.parse_args()
    taken = refused = 0

    def delivered(error: KafkaError | None, _record: Any) -> None:
        nonlocal taken, refused
        taken, refused = taken + (error is None), refused + (error is not None)

    producer = Producer({"bootstrap.servers": options.brokers, "enable.idempotence": True})
    number = 0
    while options.count is None or number < options.count:
        now = datetime.now(UTC)
        reading = {
            "device_id": options.device,
            "sensor_type": options.sensor,
            "value": round(70 + 10 * math.sin(now.timestamp() / 60), 2),
            "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        producer.produce(options.topic, json.dumps(reading), key=options.device, on_delivery=delivered)
        producer.poll(0)
        number += 1
        time.sleep(options.every)
    producer.flush(30)
    print(f"{taken} readings were taken by the brokers, {refused} were not")


if __name__ == "__main__":
    main()
