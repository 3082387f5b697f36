-- GETs of the addresses in a file, one after another, over and over.
-- wrk … -s get.lua URL -- FILE [HEADER VALUE]
local requests, next_one = {}, 0

function init(arguments)
  if arguments[2] then wrk.headers[arguments[2]] = arguments[3] end
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end
