-- One reading a request, sensor after sensor, at the time of sending.
dofile(os.getenv("ANDON_BENCH_WRK") .. "/common.lua")

local n, last_us = 0, 0

function request()
  n = n + 1
  last_us = math.max(andon.now_us(), last_us + 1)
  return andon.post(string.format(
    '{"device_id":"d%d","sensor_type":"s%d","value":%d.5,"timestamp":"%s"}',
    n % andon.devices, math.floor(n / andon.devices) % andon.sensors, 20 + n % 50, andon.iso(last_us)))
end
