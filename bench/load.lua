-- Requests drawn at random from a file, one body a line; at the end one line of figures.

local requests = {}

function init(arguments)
  math.randomseed(os.time())
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", "/graphql", nil, line)
  end
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
