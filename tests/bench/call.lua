-- A tools/call of a tool that passes through, with an argument of 400 bytes, as an MCP client sends it.
-- The last line of the output is: requests, microseconds, p50, p99 (microseconds), errors.

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_SECRET") or "")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "2025-11-25"
wrk.headers["User-Agent"] = "bench/1"

local head = '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"relay_get_thread","arguments":{"text":"%s"}}}'
local text = string.rep("x", 400)
local id = 0

-- Distinct bodies, so that nobody can answer from memory.
function request()
  id = id + 1
  return wrk.format(nil, nil, nil, head:format(id, text))
end

function done(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("%d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors))
end
