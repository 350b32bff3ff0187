"""Prints what happens to alerts: `python read_alerts.py --brokers localhost:9092`. Needs confluent-kafka.

Delivery is at least once: the message's key is the event's id, and one that was seen is passed over.
"""

import argparse
import json

from confluent_kafka import Consumer


def main() -> None:
    """Until it has seen its count, or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", default="localhost:9092")
    parser.add_argument("--topic", default="alerts")
    parser.add_argument("--group", default="alert-printer")
    parser.add_argument("--count", type=int, help="events to print; without it, until Ctrl-C")
    options = parser.parse_args()
    consumer = Consumer({"bootstrap.servers": options.brokers, "group.id": options.group, "auto.offset.reset": "earliest"})
    consumer.subscribe([options.topic])
    seen: set[bytes] = set()
    try:
        while options.count is None or len(seen) < options.count:
            record = consumer.poll(1.0)
            if record is None or record.error() or record.key() in seen:
                continue
            seen.add(record.key())
            event = json.loads(record.value())
            print(f"{event['at']}  {event['severity']:8}  {event['device_id']:12}  {event['event']:13}  {event['message']}", flush=True)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
