-- GET of a random path among those in the file PATHS, one a line; every thread has a seed of its own.
local paths = {}
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init()
  math.randomseed(seed)
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
  for line in io.lines(os.getenv("PATHS")) do
    paths[#paths + 1] = wrk.format("GET", line)
  end
end

function request()
  return paths[math.random(#paths)]
end
