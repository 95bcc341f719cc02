-- wrk: tools/call search_businesses, from as many addresses as a public server sees. Environment: MCP_MODE same (a few
-- searches again and again) or fresh (no two alike); MCP_SESSION a session's id; MCP_ERA legacy or modern; MCP_FROM the first
-- number, where fresh ones were asked before; MCP_CHECK look into every answer. That costs this program as much again as
-- asking, on the same processors: it is done in a run of its own, and else the answers' statuses are counted.
local words = {"haircut", "massage", "plumber emergency", "dentist cleaning", "bike repair", "yoga class", "tax advice", "piano lesson"}
local places = {"Zurich", "Bern", "Basel", "Geneva", "Lausanne", "Luzern"}
local fresh, session, modern = os.getenv("MCP_MODE") == "fresh", os.getenv("MCP_SESSION"), os.getenv("MCP_ERA") == "modern"
local meta = modern and ',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}' or ""
local n, threads = 0, 0
local floor, format = math.floor, string.format
fine, other = 0, 0
local made, kinds = {}, #words * #places

function setup(thread)
  thread:set("base", threads * 1000003 + (tonumber(os.getenv("MCP_FROM")) or 0))
  threads = threads + 1
  all = all or {}
  all[#all + 1] = thread
end

-- What every request of ours has: before the address, and between it and the length.
function init()
  local more = session and "Mcp-Session-Id: " .. session .. "\r\n" or ""
  if modern then more = more .. "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: search_businesses\r\n" end
  begin = "POST /mcp HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n" .. more .. "X-Forwarded-For: 10."
  for i = 0, kinds - 1 do
    made[i] = ',"method":"tools/call","params":{"name":"search_businesses","arguments":{"query":"' .. words[i % #words + 1] ..
      '","place":"' .. places[floor(i / #words) % #places + 1] .. '"'
  end
end

function request()
  n = n + 1
  local k = n + base
  local at = fresh and format(',"latitude":%.6f,"longitude":%.6f', 46 + (k * 7919 % 1000000) / 1000000, 7 + (k * 104729 % 1000000) / 1000000) or ""
  local body = '{"jsonrpc":"2.0","id":' .. k .. made[k % kinds] .. at .. "}" .. meta .. "}}"
  return begin .. floor(n / 65536) % 250 .. "." .. floor(n / 256) % 256 .. "." .. n % 256 .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

if os.getenv("MCP_CHECK") then
  function response(status, headers, body)
    if status == 200 and string.find(body, '"structuredContent"', 1, true) then fine = fine + 1 else other = other + 1 end
  end
end

function done(summary, latency, requests)
  local e, checked, wrong = summary.errors, 0, 0
  for _, thread in ipairs(all) do checked, wrong = checked + thread:get("fine"), wrong + thread:get("other") end
  io.write(string.format('JSON {"requests":%d,"us":%d,"bad":%d,"p50_us":%d,"p99_us":%d,"fine":%d,"other":%d}\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99), checked, wrong))
end
