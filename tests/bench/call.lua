-- For wrk: the request that the environment tells, with another id each time, so that nobody can answer from memory.
-- The last line of the output is: requests, microseconds, p50, p99 (microseconds), errors.

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_SECRET")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "2025-11-25"
wrk.headers["Mcp-Session-Id"] = os.getenv("BENCH_SESSION")
wrk.headers["User-Agent"] = "bench/1"

local before, after = os.getenv("BENCH_BODY"):match("^(.-)" .. os.getenv("BENCH_ID") .. "(.*)$")
local id = tonumber(os.getenv("BENCH_ID"))

function request()
  id = id + 1
  return wrk.format(nil, nil, nil, before .. id .. after)
end

function done(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("%d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors))
end
