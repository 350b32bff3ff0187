#!/bin/sh
# publish.sh DEVICE SENSOR VALUE: one reading, now. BROKER, PORT and TOPIC say where to; more options go on to mosquitto_pub.
set -eu
device=$1 sensor=$2 value=$3
shift 3
mosquitto_pub -h "${BROKER:-localhost}" -p "${PORT:-1883}" -q 1 -t "${TOPIC:-iot/data}" "$@" \
  -m "{\"device_id\": \"$device\", \"sensor_type\": \"$sensor\", \"value\": $value, \"timestamp\": \"$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)\"}"
