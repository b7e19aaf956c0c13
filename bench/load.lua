-- Requests drawn at random from a file, one body a line; at the end one line of figures.
-- Where a head or a body has a mark, something new goes in each time: see bench/templates.py.

local requests = {}
local random = math.random

local function hex(digits)
  local text = ""
  while #text < digits do
    text = text .. string.format("%08x", random(0, 0x7fffffff))
  end
  return text:sub(1, digits)
end

local function uuid() -- of version 7, as Atrium's own are: new rows land at the end of their index
  local milliseconds = os.time() * 1000 + random(0, 999)
  return string.format(
    "%08x-%04x-7%s-8%s-%s", math.floor(milliseconds / 0x10000), milliseconds % 0x10000, hex(3), hex(3), hex(12)
  )
end

local marks = {
  ["{trace}"] = function() return hex(32) end,
  ["{span}"] = function() return hex(16) end,
  ["{uuid}"] = uuid,
  ["{number}"] = function() return tostring(random(100, 199)) end,
  [string.rep("U", 36)] = uuid,
}

local function split(text) -- pieces of the text, and between them functions that say what is new
  local pieces = {}
  while true do
    local first, last, make
    for mark, maker in pairs(marks) do
      local from, to = text:find(mark, 1, true)
      if from and (not first or from < first) then
        first, last, make = from, to, maker
      end
    end
    if not first then
      pieces[#pieces + 1] = text
      return pieces
    end
    pieces[#pieces + 1] = text:sub(1, first - 1)
    pieces[#pieces + 1] = make
    text = text:sub(last + 1)
  end
end

function init(arguments)
  math.randomseed(os.time())
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = split(wrk.format("POST", "/graphql", nil, line))
  end
end

function request()
  local pieces = requests[random(#requests)]
  if #pieces == 1 then
    return pieces[1]
  end
  local text = {}
  for number = 1, #pieces do
    local piece = pieces[number]
    text[number] = number % 2 == 1 and piece or piece()
  end
  return table.concat(text)
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
