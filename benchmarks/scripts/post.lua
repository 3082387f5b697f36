-- POSTs of a new campaign, each with a title that there was not before.
-- wrk … -s post.lua URL -- TEMPLATE RUN [TOKEN]; @TITLE@ in the template's text is replaced.
local before, after, run, count

function init(arguments)
  local file = assert(io.open(arguments[1]))
  local text = file:read("*a")
  file:close()
  local first, last = text:find("@TITLE@", 1, true)
  before, after, run, count = text:sub(1, first - 1), text:sub(last + 1), arguments[2], 0
  wrk.headers["Content-Type"] = "application/json"
  if arguments[3] then wrk.headers["Authorization"] = "Bearer " .. arguments[3] end
end

function request()
  count = count + 1
  local body = before .. "Benchmark " .. run .. " number " .. count .. after
  return wrk.format("POST", "/api/campaigns", nil, body)
end
