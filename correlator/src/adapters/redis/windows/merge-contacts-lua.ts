/**
 * Merges the contacts of one source and UTC day. Two levels: the first contact
 * lies in a shared bucket; a second distinct one moves both to a hash of the
 * source's own and leaves "" in the bucket. Item, after its type byte:
 *
 *   flags B (1 failed, 0 answered), keys >H of bucket, the day before's bucket,
 *   hot bitmap, own hash, refused HyperLogLog; count H; source s1;
 *   count times: length byte and packed contact, hash c8 when there is an own hash.
 *   Packed contact: length byte and destination, port, protocol; value.
 *
 * The last four keys may be 0 where they are not needed; an own hash of 0 that
 * turns out to be needed makes the item a retry. Value: first time (6 bytes,
 * milliseconds), outcome, stealth, up to four sensors (4 bytes each) ascending.
 */
export const mergeContactsLua = String.raw`
local function timeOf(value)
  local high, low = unpackBytes('>HI4', value)
  return high * 4294967296 + low
end

local function mergeSensors(old, new)
  local seen, list = {}, {}
  for _, value in ipairs({old, new}) do
    for at = 9, #value, 4 do
      local sensor = unpackBytes('>I4', value, at)
      if not seen[sensor] then
        seen[sensor] = true
        list[#list + 1] = sensor
      end
    end
  end
  table.sort(list)
  local text = ''
  for i = 1, math.min(4, #list) do text = text .. packBytes('>I4', list[i]) end
  return text
end

local function mergeValue(old, new)
  if old == new then return old end
  local first = timeOf(new) < timeOf(old) and sub(new, 1, 6) or sub(old, 1, 6)
  local outcome = math.max(byte(old, 7), byte(new, 7))
  local stealth = math.max(byte(old, 8), byte(new, 8))
  return first .. char(outcome, stealth) .. mergeSensors(old, new)
end

local function isHotSource(count, before, source)
  return count >= hotContactsMin or (before > 0 and call('HEXISTS', KEYS[before], source) == 1)
end

-- Marks the slices of these values; of everything held when it just became hot.
local function markSource(hot, source, values, own)
  local bits = call('HGET', KEYS[hot], source)
  if not bits and own > 0 then
    for _, value in ipairs(call('HVALS', KEYS[own])) do values[#values + 1] = value end
  end
  local places = {}
  for i, value in ipairs(values) do places[i] = math.floor(timeOf(value) % 86400000 / 600000) end
  setBits(KEYS[hot], source, bits, 18, places, dayTtl)
end

local function readContacts(count, hasHashes)
  local list = {}
  for i = 1, count do
    local packed = text()
    local keyEnd = 1 + byte(packed)
    local hash
    if hasHashes then
      hash = sub(ARGV[1], pos, pos + 7)
      pos = pos + 8
    end
    list[i] = {sub(packed, 2, keyEnd), sub(packed, keyEnd + 1), hash}
  end
  return list
end

-- Count of contacts after the merge into the own hash, which holds everything from now on.
local function mergeOwn(own, refused, list, max, count)
  local isNew = count == 0
  for _, contact in ipairs(list) do
    if count < max and call('HSETNX', KEYS[own], contact[1], contact[2]) == 1 then
      count = count + 1
    else
      local held = call('HGET', KEYS[own], contact[1])
      if held then
        local merged = mergeValue(held, contact[2])
        if merged ~= held then call('HSET', KEYS[own], contact[1], merged) end
      elseif call('PFADD', KEYS[refused], contact[3]) == 1 then
        call('EXPIRE', KEYS[refused], dayTtl, 'NX')
        refusedContacts = refusedContacts + 1
      end
    end
  end
  if isNew then call('EXPIRE', KEYS[own], dayTtl, 'NX') end
  return count
end

local function mergeContacts(item)
  local flags, bucket, before, hot, own, refused, count, after =
    unpackBytes('>BHHHHHH', ARGV[1], pos)
  pos = after
  local source = text()
  local max = flags == 1 and failedMax or answeredMax
  local size = own > 0 and call('HLEN', KEYS[own]) or 0
  if count == 1 and size == 0 then
    local from = pos
    local packed = text()
    if call('HSETNX', KEYS[bucket], source, packed) == 1 then
      if own > 0 then pos = pos + 8 end
      if flags == 1 and call('HEXISTS', KEYS[before], source) == 1 then
        markSource(hot, source, {sub(packed, 2 + byte(packed))}, 0)
        hots[#hots + 1] = item
      end
      return
    end
    pos = from
  end
  local list = readContacts(count, own > 0)
  if size > 0 then
    size = mergeOwn(own, refused, list, max, size)
  else
    local first = list[1]
    local held = call('HGET', KEYS[bucket], source)
    local heldKey = held and held ~= '' and sub(held, 2, 1 + byte(held))
    if count == 1 and heldKey == first[1] then
      local merged = mergeValue(sub(held, 2 + #heldKey), first[2])
      if merged ~= sub(held, 2 + #heldKey) then
        call('HSET', KEYS[bucket], source, char(#heldKey) .. heldKey .. merged)
      end
      own, size = 0, 1
    elseif own == 0 then
      retries[#retries + 1] = item
      return
    else
      if heldKey then call('HSET', KEYS[own], heldKey, sub(held, 2 + #heldKey)) end
      if held ~= '' then call('HSET', KEYS[bucket], source, '') end
      if heldKey then call('EXPIRE', KEYS[own], dayTtl, 'NX') end
      size = mergeOwn(own, refused, list, max, heldKey and 1 or 0)
    end
  end
  if flags == 1 and isHotSource(size, before, source) then
    local values = {}
    for i = 1, count do values[i] = list[i][2] end
    markSource(hot, source, values, own)
    hots[#hots + 1] = item
  end
end
`;
