#!/bin/sh
# alerts.sh: every alert's event from the beginning, one line each; more options go on to kcat (-c 1 ends after the first).
exec kcat -C -q -u -b "${BROKERS:-localhost:9092}" -t "${TOPIC:-alerts}" -o beginning -f '%k %s\n' "$@"
