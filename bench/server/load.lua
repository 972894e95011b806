-- Sends the requests of a file, one a line, each once: `wrk ... -s load.lua URL -- <file> <method> <path> <once|again>`. With GET a line
-- is the end of the path, with POST the body. `again` begins anew where the file ends. The last line of the output is for the program.
local file, method, path, again

function init(args)
  file = assert(io.open(args[1], "r"))
  method, path, again = args[2], args[3], args[4] == "again"
end

local function next_line()
  local line = file:read("*l")
  if line or not again then return line end
  file:seek("set", 0)
  return file:read("*l")
end

function request()
  local line = assert(next_line(), "the file holds too few requests for this machine")
  if method == "GET" then
    return "GET " .. path .. line .. " HTTP/1.1\r\nHost: localhost\r\n\r\n"
  end
  return "POST " .. path .. " HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
    .. "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
    .. "Content-Length: " .. #line .. "\r\n\r\n" .. line
end

function done(summary, latency)
  local errors = summary.errors
  print(("\nresult %d %d %d %d %d"):format(summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
