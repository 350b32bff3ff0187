#!/usr/bin/env bash
# Andon from a shell: send readings with a key, then sign in, read, answer an alert. Needs curl.
#   PLANT_URL=http://localhost:8050 PLANT_KEY=… PLANT_EMAIL=owner@example.com PLANT_PASSWORD=… docs/clients/curl.sh MX-01
set -euo pipefail
url=${PLANT_URL:-http://localhost:8050} machine=${1:-MX-01}
call() { curl --silent --show-error --fail-with-body --max-time 20 "$@"; }

# 1. Readings need a key with the scope “ingest”. The Idempotency-Key makes it safe to send the same again when the answer was lost.
call "$url/api/v1/readings" -H "X-API-Key: $PLANT_KEY" -H "Content-Type: application/json" -H "Idempotency-Key: shift-1-reading-1" \
  -d "[{\"machine_id\": \"$machine\", \"temperature\": 72.5, \"production_count\": 5, \"fault\": false}]"
echo

# 2. A person's program signs in by a form and gets a token for half an hour.
answer=$(call "$url/api/v1/auth/login" --data-urlencode "username=$PLANT_EMAIL" --data-urlencode "password=$PLANT_PASSWORD")
token=$(sed -E 's/.*"access_token": ?"([^"]+)".*/\1/' <<<"$answer")

# 3. What is true now. Sent back as If-None-Match, the ETag makes asking again cost nothing: 304 where nothing has changed.
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
call "$url/api/v1/devices/$machine/current" -H "Authorization: Bearer $token" -D "$headers"
echo
tag=$(sed -nE 's/^etag: (.*)\r$/\1/Ip' "$headers")
curl --silent --output /dev/null --write-out 'again: %{http_code}\n' "$url/api/v1/devices/$machine/current" \
  -H "Authorization: Bearer $token" -H "If-None-Match: $tag"

# 4. The last ten minutes, the newest first.
call --get "$url/api/v1/devices/$machine/history" -H "Authorization: Bearer $token" \
  --data-urlencode "from=$(date -u -d '10 minutes ago' +%Y-%m-%dT%H:%M:%SZ)" -d limit=3
echo

# 5. Another system raises an alert; a person acknowledges it.
raised=$(call "$url/api/v1/alerts" -H "X-API-Key: $PLANT_KEY" -H "Content-Type: application/json" \
  -d "{\"machine_id\": \"$machine\", \"code\": \"oil_low\", \"message\": \"Oil level below minimum\", \"severity\": \"high\"}")
id=$(sed -E 's/.*"id": ?([0-9]+).*/\1/' <<<"$raised")
call "$url/api/v1/alerts/$id/acknowledge" -H "Authorization: Bearer $token" -H "Content-Type: application/json" -d '{"comment": "On my way"}'
echo
call "$url/api/v1/alerts/$id/resolve" -X POST -H "Authorization: Bearer $token"
echo

# 6. Signed out: the token is worth nothing any more.
call -X POST "$url/api/v1/auth/logout" -H "Authorization: Bearer $token"
