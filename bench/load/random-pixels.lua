-- PUT of a random pixel in a random colour, on a board of SIDE x SIDE; every thread has a seed of its own.
local side = tonumber(os.getenv("SIDE"))
local colors = tonumber(os.getenv("COLORS"))
local board = os.getenv("BOARD")
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init()
  math.randomseed(seed)
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  local path = "/v1/boards/" .. board .. "/pixels/" .. math.random(0, side - 1) .. "/" .. math.random(0, side - 1)
  return wrk.format("PUT", path, nil, '{"color":' .. math.random(0, colors - 1) .. "}")
end
