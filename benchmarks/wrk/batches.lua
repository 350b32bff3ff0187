-- Batches of 1,000 readings: every sensor twice, at the time of sending and half-way back to the batch before.
dofile(os.getenv("ANDON_BENCH_WRK") .. "/common.lua")

local rows = {}
for part = 0, 1 do
  for device = 0, andon.devices - 1 do
    for sensor = 0, andon.sensors - 1 do
      local value = 20 + (device * 7 + sensor) % 50
      rows[#rows + 1] = string.format('{"device_id":"d%d","sensor_type":"s%d","value":%d.5,"timestamp":"@%d"}', device, sensor, value, part)
    end
  end
end
local template = "[" .. table.concat(rows, ",") .. "]"
local last_us = andon.now_us() - 1000

function request()
  local now = math.max(andon.now_us(), last_us + 2)
  local times = {["0"] = andon.iso(last_us + math.floor((now - last_us) / 2)), ["1"] = andon.iso(now)}
  last_us = now
  return andon.post((string.gsub(template, "@(%d)", times)))
end
