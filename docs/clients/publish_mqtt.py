"""Publishes a temperature each second at QoS 1: `python publish_mqtt.py --broker localhost --device MX-01`. Needs paho-mqtt 2."""

import argparse
import json
import math
import time
from datetime import UTC, datetime

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion


def main() -> None:
    """Until it has sent its count, or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", default="localhost")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--topic", default="iot/data")
    parser.add_argument("--device", default="MX-01")
    parser.add_argument("--sensor", default="temperature")
    parser.add_argument("--count", type=int, help="readings to send; without it, until Ctrl-C")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two readings")
    options = parser.parse_args()

    client = Client(CallbackAPIVersion.VERSION2, f"press-{options.device}", protocol=MQTTv5)
    client.reconnect_delay_set(1, 30)
    client.connect(options.broker, options.port)
    client.loop_start()
    number = 0
    try:
        while options.count is None or number < options.count:
            now = datetime.now(UTC)
            reading = {
                "device_id": options.device,
                "sensor_type": options.sensor,
                "value": round(70 + 10 * math.sin(now.timestamp() / 60), 2),
                "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
            sent = client.publish(options.topic, json.dumps(reading), qos=1)  # queued while the broker is away
            number += 1
            while not sent.is_published():
                time.sleep(0.01)
            time.sleep(options.every)
    finally:
        client.disconnect()
        client.loop_stop()
    print(f"{number} readings were taken by the broker")


if __name__ == "__main__":
    main()
