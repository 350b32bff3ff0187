#!/bin/sh
# produce.sh DEVICE SENSOR VALUE: one reading, now, keyed by its device. BROKERS and TOPIC say where to.
set -eu
printf '%s\t{"device_id": "%s", "sensor_type": "%s", "value": %s, "timestamp": "%s"}\n' \
  "$1" "$1" "$2" "$3" "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" |
  kcat -P -b "${BROKERS:-localhost:9092}" -t "${TOPIC:-sensors-data}" -K "$(printf '\t')" -X acks=all
