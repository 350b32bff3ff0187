-- Current state, of the plant and of one machine by turns, with a person's token.
dofile(os.getenv("ANDON_BENCH_WRK") .. "/common.lua")

local headers = {["Authorization"] = "Bearer " .. andon.key}
local paths = {"/api/v1/machines/status", "/api/v1/devices/MX-01/current"}
local n = 0

function request()
  n = n + 1
  return wrk.format("GET", paths[n % #paths + 1], headers)
end
