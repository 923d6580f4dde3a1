import { script } from './redis.ts';

/*
 * A take is a key whose value is `<at in ms> <member>`. The marker says of which life of Redis the takes are: `<run id> <life>
 * ready`, or `<run id> <life> <begun in ms>` while they are gathered again. A take counts only in the life that its member
 * knows to be ready, so a Redis that lost its keys grants none.
 */

/** Redis expires keys by its own clock, and takes are judged by the members': it keeps them this much longer. */
const KEPT_LONGER_MS = 10_000;

/**
 * KEYS: the marker, then what is taken. ARGV: the marker's value, then at, duration in ms and member for each.
 * Answers the seconds to wait for each, 0 for what is taken now; nil when the marker has another value.
 */
export const TAKE = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local waits = {}
for i = 2, #KEYS do
  local at, ms = ARGV[i * 3 - 4], tonumber(ARGV[i * 3 - 3])
  local left, taken = 0, redis.call('GET', KEYS[i])
  if taken then left = tonumber(string.match(taken, '^%d+')) + ms - tonumber(at) end
  if left > 0 then
    waits[i - 1] = math.ceil(left / 1000)
  else
    redis.call('SET', KEYS[i], at .. ' ' .. ARGV[i * 3 - 2], 'PX', ms + ${KEPT_LONGER_MS})
    waits[i - 1] = 0
  end
end
return waits`);

/** KEYS: what is given back. ARGV: the value of the take that is undone, for each; another one stays. */
export const GIVE_BACK = script(`
for i = 1, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[i] then redis.call('DEL', KEYS[i]) end
end`);

/** KEYS: what was taken. ARGV: the value and for how many ms it matters yet, for each. A later take stays. */
export const MARK = script(`
for i = 1, #KEYS do
  local taken = redis.call('GET', KEYS[i])
  local value, ms = ARGV[i * 2 - 1], tonumber(ARGV[i * 2])
  if not taken or tonumber(string.match(taken, '^%d+')) < tonumber(string.match(value, '^%d+')) then
    redis.call('SET', KEYS[i], value, 'PX', ms + ${KEPT_LONGER_MS})
  end
end`);

/** KEYS: the marker. ARGV: the run id, a name for a new life. Begins one where there is none of this run; answers the marker. */
export const LOOK = script(`
local found = redis.call('GET', KEYS[1])
if not found or string.sub(found, 1, #ARGV[1]) ~= ARGV[1] then
  local now = redis.call('TIME')
  found = ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. (now[1] * 1000 + math.floor(now[2] / 1000))
  redis.call('SET', KEYS[1], found)
end
return found`);

/**
 * KEYS: the marker. ARGV: its value while takes are gathered, the value that ends it, for how many ms at least they are
 * gathered. Answers the marker as it is then; nil where it is gone.
 */
export const FINISH = script(`
local found = redis.call('GET', KEYS[1])
if found ~= ARGV[1] then return found end
local now = redis.call('TIME')
if now[1] * 1000 + now[2] / 1000 < tonumber(string.match(found, '%d+$')) + tonumber(ARGV[3]) then return found end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]`);
