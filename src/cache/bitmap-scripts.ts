import { script } from './redis.ts';

/*
 * All boards stand at one place of the log, `<epoch> <offset>`. A board is a hash with its shape and when it last changed,
 * and a string with its bitmap.
 */

/** Places of one BITFIELD command. */
const PLACES_A_COMMAND = 512;

/** The place and colour of one pixel, as scripts take them: little endian, 4 bytes and 1. */
export const PIXEL_BYTES = 5;

/**
 * KEYS: the place, then hash and bitmap for each board. ARGV: epoch, after, to; then for each board its bytes, `width height
 * bits` of one that was made or nothing, the offset that changed it, its pixels. Answers whether it was applied, and where
 * the boards stand, -1 for nowhere.
 */
export const FEED = script(`
local found = redis.call('GET', KEYS[1])
if not found then return {0, -1} end
local epoch, at = string.match(found, '^(%d+) (%d+)$')
if epoch ~= ARGV[1] then return {0, -1} end
at = tonumber(at)
if at < tonumber(ARGV[2]) or at >= tonumber(ARGV[3]) then return {0, at} end
for i = 2, #KEYS, 2 do
  local a = i * 2
  local isThere = redis.call('HEXISTS', KEYS[i], 'bits') == 1 and redis.call('STRLEN', KEYS[i + 1]) == tonumber(ARGV[a])
  if ARGV[a + 1] == '' and not isThere then
    redis.call('DEL', KEYS[1])
    return {0, -1}
  end
end
for i = 2, #KEYS, 2 do
  local a = i * 2
  if ARGV[a + 1] ~= '' then
    local width, height, bits = string.match(ARGV[a + 1], '^(%d+) (%d+) (%d+)$')
    redis.call('HSET', KEYS[i], 'width', width, 'height', height, 'bits', bits)
    redis.call('DEL', KEYS[i + 1])
    redis.call('SETRANGE', KEYS[i + 1], tonumber(ARGV[a]) - 1, string.char(0))
  end
  local unsigned = 'u' .. redis.call('HGET', KEYS[i], 'bits')
  local pixels, p = ARGV[a + 3], 1
  while p <= #pixels do
    local sets = {}
    for n = 1, ${PLACES_A_COMMAND} * 4, 4 do
      if p > #pixels then break end
      local place, colour
      place, colour, p = struct.unpack('<I4B', pixels, p)
      sets[n], sets[n + 1], sets[n + 2], sets[n + 3] = 'SET', unsigned, '#' .. place, colour
    end
    redis.call('BITFIELD', KEYS[i + 1], unpack(sets))
  end
  redis.call('HSET', KEYS[i], 'changed', ARGV[a + 2])
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[3])
return {1, tonumber(ARGV[3])}`);

/**
 * KEYS: the place, then hash, bitmap and the new bitmap for each board. ARGV: epoch, offset; then width, height, bits and
 * last change for each. Answers 1 when the new bitmaps took over, 0 where they came too late or some is gone.
 */
export const TAKE_OVER = script(`
local found = redis.call('GET', KEYS[1])
local epoch, at
if found then epoch, at = string.match(found, '^(%d+) (%d+)$') end
local isLate = epoch == ARGV[1] and tonumber(at) >= tonumber(ARGV[2])
for i = 2, #KEYS, 3 do
  if redis.call('EXISTS', KEYS[i + 2]) == 0 then isLate = true end
end
for i = 2, #KEYS, 3 do
  if isLate then
    redis.call('DEL', KEYS[i + 2])
  else
    local a = (i - 2) / 3 * 4 + 3
    redis.call('RENAME', KEYS[i + 2], KEYS[i + 1])
    redis.call('PERSIST', KEYS[i + 1])
    redis.call('HSET', KEYS[i], 'width', ARGV[a], 'height', ARGV[a + 1], 'bits', ARGV[a + 2], 'changed', ARGV[a + 3])
  end
end
if isLate then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])
return 1`);

/** KEYS: the place, hash and bitmap of a board. ARGV: epoch, the offset that is asked for. Answers offset, width, height, bits, last change, bitmap. */
export const READ = script(`
local found = redis.call('GET', KEYS[1])
if not found then return false end
local epoch, at = string.match(found, '^(%d+) (%d+)$')
if epoch ~= ARGV[1] or tonumber(at) < tonumber(ARGV[2]) then return false end
local shape = redis.call('HMGET', KEYS[2], 'width', 'height', 'bits', 'changed')
if not shape[1] then return false end
return {at, shape[1], shape[2], shape[3], shape[4], redis.call('GET', KEYS[3])}`);
