import { hotContactsMin, hotSourcesMin, hotStartsMin } from "../../../windows/window-store.js";
import { mergeContactsLua } from "./merge-contacts-lua.js";
import { mergeCrowdsLua } from "./merge-crowds-lua.js";
import { ttlSeconds } from "./window-keys.js";

/** Sources of a crowd kept as records; with more it gets a set of its own. */
const recordsMax = 12;

/**
 * Adds one batch's new flows of a host in one slice, once for each
 * contribution. Item, after its type byte:
 *
 *   keys >H of block, hot bitmap; slice of the block B; direction B; host s1;
 *   contribution c8; count H; count times: position H
 *
 * The counter of a slice holds contributions * 2^32 + positions.
 */
const mergeStartsLua = String.raw`
local function mergeStart(item)
  local block, hot, slice, direction, after = unpackBytes('>HHBB', ARGV[1], pos)
  pos = after
  local host = text()
  local contribution = sub(ARGV[1], pos, pos + 7)
  local count = unpackBytes('>H', ARGV[1], pos + 8)
  local positions = sub(ARGV[1], pos + 10, pos + 9 + 2 * count)
  pos = pos + 10 + 2 * count
  local prefix = char(slice, direction)
  local total
  if call('HSETNX', KEYS[block], prefix .. contribution, positions) == 1 then
    total = call('HINCRBY', KEYS[block], prefix, 4294967296 + count)
    if total == 4294967296 + count then call('EXPIRE', KEYS[block], startTtl, 'NX') end
    if total / 4294967296 >= startsMax + 1 then
      call('HDEL', KEYS[block], prefix .. contribution)
      total = call('HINCRBY', KEYS[block], prefix, -4294967296 - count)
      refusedStarts = refusedStarts + 1
    end
  else
    total = tonumber(call('HGET', KEYS[block], prefix))
  end
  if total % 4294967296 >= hotStartsMin then
    local field = char(direction) .. host
    setBits(KEYS[hot], field, call('HGET', KEYS[hot], field), 2, {slice}, startTtl)
    hots[#hots + 1] = item
  end
end
`;

/**
 * One partition's share of a micro-batch, atomically.
 *
 * KEYS: every key that is touched; items name them by their place (from 1).
 * ARGV[1]: header (>HHHHI4I4: caps of failed contacts, answered contacts, crowd
 *   sources, start contributions; seconds to live of a day's and a crowd's keys), H count of (key >H, seconds I4) to give a
 *   time to live at the end, then items, each a type byte and its fields; a run
 *   is as many items as it has records.
 *   Text is a length byte and bytes.
 * Returns: refused contacts, refused crowd sources, refused starts, numbers
 *   (from 0) of the hot items, numbers of the items to send again with all keys.
 */
export const mergeLua = String.raw`
local call, sub, byte, char, find = redis.call, string.sub, string.byte, string.char, string.find
local unpackBytes, packBytes = struct.unpack, struct.pack
local hotContactsMin, hotSourcesMin, hotStartsMin = ${hotContactsMin}, ${hotSourcesMin}, ${hotStartsMin}
local startTtl, recordsMax = ${ttlSeconds.start}, ${recordsMax}
local failedMax, answeredMax, crowdMax, startsMax, dayTtl, crowdTtl, expiring, pos =
  unpackBytes('>HHHHI4I4H', ARGV[1])
local refusedContacts, refusedSources, refusedStarts = 0, 0, 0
local hots, retries = {}, {}
local expiries = pos
pos = pos + 6 * expiring

local function text()
  local length = byte(ARGV[1], pos)
  local value = sub(ARGV[1], pos + 1, pos + length)
  pos = pos + 1 + length
  return value
end

-- Sets bits of a packed field of a hash; bit 0 is the lowest of the first byte.
local function setBits(key, field, held, size, places, ttl)
  local bytes = held and {byte(held, 1, size)} or {}
  for i = #bytes + 1, size do bytes[i] = 0 end
  for _, place in ipairs(places) do
    local at = math.floor(place / 8) + 1
    bytes[at] = bit.bor(bytes[at], bit.lshift(1, place % 8))
  end
  local packed = char(unpack(bytes))
  if packed == held then return end
  if call('HSET', key, field, packed) == 1 then call('EXPIRE', key, ttl, 'NX') end
end
${mergeContactsLua}
${mergeCrowdsLua}
${mergeStartsLua}
local function mergeService()
  local bucket, after = unpackBytes('>H', ARGV[1], pos)
  pos = after
  call('HSETNX', KEYS[bucket], text(), '')
end

local merges = {mergeContacts, mergeCrowd, mergeStart, mergeService, mergeRun}
local item = 0
while pos <= #ARGV[1] do
  local merge = merges[byte(ARGV[1], pos)]
  pos = pos + 1
  item = item + (merge(item) or 1)
end
storeRecords()
for i = 0, expiring - 1 do
  local key, seconds = unpackBytes('>HI4', ARGV[1], expiries + 6 * i)
  call('EXPIRE', KEYS[key], seconds, 'NX')
end
return {refusedContacts, refusedSources, refusedStarts, hots, retries}
`;
