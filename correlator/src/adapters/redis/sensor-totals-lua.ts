/**
 * Scripts that count what sensors delivered and lost, each thing once. All keys
 * share the slot of `{sensors}`; those of an epoch are named by the script from
 * the prefix, as only it knows which it needs.
 */

/**
 * Adds a key to what is kept of a sensor, and drops what was touched least
 * recently beyond the limit, so that a sensor that invents epochs costs little.
 */
const keepLua = `
local function keep(prefix, name, key, ttl, limit, now)
  local kept = prefix .. 'kept:' .. name
  redis.call('EXPIRE', key, ttl)
  redis.call('ZADD', kept, now, key)
  redis.call('EXPIRE', kept, ttl)
  local dropped = 0
  while redis.call('ZCARD', kept) > limit do
    local oldest = redis.call('ZPOPMIN', kept)[1]
    redis.call('DEL', oldest)
    dropped = dropped + 1
  end
  return dropped
end
`;

/** An overflow must not make a hostile number come back for ever. */
const addLua = `
local function add(key, name, records)
  if records ~= '0' then redis.pcall('HINCRBY', key, name, records)
  else redis.call('HSETNX', key, name, 0) end
end
`;

/**
 * KEYS applied, since. ARGV prefix, seconds to live, keys kept of a sensor;
 * then of each epoch: name, epoch, earliest storing time in ms, number of
 * batches, and of each batch: segment, place in it, records.
 * Sequence s is bit (s - 1) % 4096 of segment (s - 1) / 4096; a segment whose
 * bits are all set is one bit of its "full" segment instead.
 * Returns the number of batches that were new, and of keys dropped.
 */
export const countBatchesLua = `${keepLua}${addLua}
local prefix, ttl, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = redis.call('TIME')[1]
local fresh, dropped = 0, 0
local i = 4
while i <= #ARGV do
  local name, epoch, ingest, count = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local id = name .. ':' .. epoch .. ':'
  local total, touched, isFresh = 0, {}, false
  i = i + 4
  for _ = 1, count do
    local segment, place, records = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
    i = i + 3
    local number = tonumber(segment)
    local full = prefix .. 'full:' .. id .. string.format('%.0f', math.floor(number / 4096))
    local key = prefix .. 'seen:' .. id .. segment
    if redis.call('GETBIT', full, number % 4096) == 0 and redis.call('SETBIT', key, place, 1) == 0 then
      total = total + records
      fresh = fresh + 1
      isFresh = true
      touched[key] = { full, number % 4096 }
    end
  end
  for key, place in pairs(touched) do
    if redis.call('BITCOUNT', key) == 4096 then
      redis.call('DEL', key)
      redis.call('ZREM', prefix .. 'kept:' .. name, key)
      redis.call('SETBIT', place[1], place[2], 1)
      key = place[1]
    end
    dropped = dropped + keep(prefix, name, key, ttl, limit, now)
  end
  if isFresh then
    add(KEYS[1], name, string.format('%.0f', total))
    local since = tonumber(redis.call('HGET', KEYS[2], name) or ingest + 1)
    if ingest < since then redis.call('HSET', KEYS[2], name, string.format('%.0f', ingest)) end
  end
end
return { fresh, dropped }`;

/**
 * KEYS lost. ARGV prefix, seconds to live, keys kept of a sensor, gaps kept of
 * an epoch; then of each gap: name, epoch, identity, records, first and last
 * sequence that it covers ("0" when it covers none). Gaps that cover nothing
 * have score 0. Returns the number of gaps that were new, and of keys dropped.
 */
export const countGapsLua = `${keepLua}${addLua}
local prefix, ttl, limit, gapsMax = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = redis.call('TIME')[1]
local fresh, dropped = 0, 0
for i = 5, #ARGV, 6 do
  local name, records, first, last = ARGV[i], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local key = prefix .. 'gaps:' .. name .. ':' .. ARGV[i + 1]
  if redis.call('ZADD', key, 'NX', last, first .. '-' .. last .. '|' .. ARGV[i + 2]) == 1 then
    add(KEYS[1], name, records)
    fresh = fresh + 1
    if redis.call('ZCARD', key) > gapsMax then redis.call('ZPOPMIN', key) end
    dropped = dropped + keep(prefix, name, key, ttl, limit, now)
  end
end
return { fresh, dropped }`;

/**
 * KEYS rejected, rejections. ARGV rejections kept; then of each: "name reason",
 * identity. Returns the number that were new.
 */
export const countRejectedLua = `
local now = redis.call('TIME')[1]
local fresh = 0
for i = 2, #ARGV, 2 do
  if redis.call('ZADD', KEYS[2], 'NX', now, ARGV[i + 1]) == 1 then
    redis.call('HINCRBY', KEYS[1], ARGV[i], 1)
    fresh = fresh + 1
  end
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[1]))
redis.call('EXPIRE', KEYS[2], 777600)
return fresh`;

/**
 * KEYS any key of the slot. ARGV prefix, seconds to live, milliseconds for which
 * nobody else looks; then of each epoch: name, epoch. Moves each epoch's floor
 * over what was seen and what gaps cover. Returns for each epoch the floor as
 * text, or false when somebody looked just now; and last the time in ms.
 */
export const appliedFloorsLua = `
local prefix, ttl, claim = ARGV[1], ARGV[2], ARGV[3]
local function text(n) return string.format('%.0f', n) end
local function afterSeen(id, floor)
  local segment, place = math.floor(floor / 4096), floor % 4096
  local full = prefix .. 'full:' .. id .. ':' .. text(math.floor(segment / 4096))
  if redis.call('GETBIT', full, segment % 4096) == 1 then return (segment + 1) * 4096 end
  local key = prefix .. 'seen:' .. id .. ':' .. text(segment)
  local bits = redis.call('STRLEN', key) * 8
  if bits <= place then return floor end
  local zero = redis.call('BITPOS', key, 0, place, 4095, 'BIT')
  return segment * 4096 + (zero < 0 and bits or zero)
end
local function afterGaps(id, floor)
  for _, gap in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'gaps:' .. id, text(floor + 1), '+inf')) do
    local first, last = string.match(gap, '^(%d+)-(%d+)|')
    if tonumber(first) <= floor + 1 then floor = math.max(floor, tonumber(last)) end
  end
  return floor
end
local floors = {}
for i = 4, #ARGV, 2 do
  local id = ARGV[i] .. ':' .. ARGV[i + 1]
  if redis.call('SET', prefix .. 'claim:' .. id, 1, 'NX', 'PX', claim) then
    local key = prefix .. 'floor:' .. id
    local floor = tonumber(redis.call('GET', key) or 0)
    for _ = 1, 4096 do
      local before = floor
      floor = afterGaps(id, afterSeen(id, floor))
      if floor == before then break end
    end
    if floor > 0 then redis.call('SET', key, text(floor), 'EX', ttl) end
    table.insert(floors, text(floor))
  else
    table.insert(floors, false)
  end
end
local now = redis.call('TIME')
table.insert(floors, text(now[1] * 1000 + math.floor(now[2] / 1000)))
return floors`;
