-- What both loads share: the clock, ISO 8601 times, a constant pace, figures as one line of JSON.
local ffi = require("ffi")
ffi.cdef[[
typedef struct { long s; long ns; } andon_time;
int clock_gettime(int clock, andon_time *at);
]]
local at = ffi.new("andon_time")

andon = {
  key = os.getenv("ANDON_BENCH_KEY"),
  devices = tonumber(os.getenv("ANDON_BENCH_DEVICES") or "100"),
  sensors = tonumber(os.getenv("ANDON_BENCH_SENSORS") or "5"),
  per_s = tonumber(os.getenv("ANDON_BENCH_PER_S") or "0"),
}

-- Microseconds since 1970.
function andon.now_us()
  ffi.C.clock_gettime(0, at)
  return tonumber(at.s) * 1000000 + math.floor(tonumber(at.ns) / 1000)
end

local second, prefix = -1, ""
function andon.iso(us)
  local s = math.floor(us / 1000000)
  if s ~= second then
    second, prefix = s, os.date("!%Y-%m-%dT%H:%M:%S", s)
  end
  return string.format("%s.%06dZ", prefix, us - s * 1000000)
end

function andon.post(body)
  return wrk.format("POST", "/api/v1/readings", {["X-API-Key"] = andon.key, ["Content-Type"] = "application/json"}, body)
end

-- A constant pace: every request has its slot on the clock, whichever connection takes it. One that comes late is sent at
-- once, so that a slow answer does not slow the pace as long as a connection is free.
if andon.per_s > 0 then
  local slot_us = 0
  function delay()
    local now = andon.now_us()
    if slot_us == 0 then slot_us = now end
    local wait_us = slot_us - now
    slot_us = slot_us + 1000000 / andon.per_s
    return math.max(0, math.floor(wait_us / 1000 + 0.5))
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nfigures {"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50_ms": %f, "p90_ms": %f, "p95_ms": %f, "p99_ms": %f, "max_ms": %f}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
