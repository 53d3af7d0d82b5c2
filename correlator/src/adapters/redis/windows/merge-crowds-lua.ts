/**
 * Adds sources to one crowd (kind, subject, slice). A few sources lie packed in
 * a shared bucket; when they no longer fit, they move to a set of the crowd's
 * own and "" stays in the bucket. An empty entry in front says that the slice
 * before was hot. What the cap refuses is counted by a HyperLogLog of keyed
 * hashes. Item, after its type byte:
 *
 *   keys >H of bucket, hot set, own set, refused HyperLogLog, history bucket,
 *   next slice's bucket, next slice's hot set; slice of the day B; count H;
 *   field s1 (kind letter and subject); count times: source s1, hash c8
 *
 * The keys from the own set on may be 0; when they turn out to be needed, the
 * item is a retry.
 */
export const mergeCrowdsLua = String.raw`
-- An IPv4 source is a whole number: sets of them stay packed in Redis.
local function memberOf(source)
  if #source == 4 then return string.format('%d', (unpackBytes('>i4', source))) end
  return 'x' .. source
end

local function readSources(count)
  local list = {}
  for i = 1, count do
    local source = text()
    list[i] = {source, sub(ARGV[1], pos, pos + 7)}
    pos = pos + 8
  end
  return list
end

local function parseEntries(held)
  local entries, count, isMarked, at = {}, 0, false, 1
  while at <= #held do
    local length = byte(held, at)
    if length == 0 then
      isMarked = true
    else
      entries[sub(held, at + 1, at + length)] = true
      count = count + 1
    end
    at = at + 1 + length
  end
  return entries, count, isMarked
end

local function refuse(refused, hashes)
  if #hashes == 0 then return end
  if call('PFADD', KEYS[refused], unpack(hashes)) == 1 then
    call('EXPIRE', KEYS[refused], crowdTtl, 'NX')
    refusedSources = refusedSources + #hashes
  end
end

-- Sources of a crowd that has a set of its own; count after the merge, and whether it grew.
local function mergeCrowdSet(own, refused, list)
  local count = call('SCARD', KEYS[own])
  local before, hashes = count, {}
  for _, source in ipairs(list) do
    local member = memberOf(source[1])
    if count < crowdMax then
      count = count + call('SADD', KEYS[own], member)
    elseif call('SISMEMBER', KEYS[own], member) == 0 then
      hashes[#hashes + 1] = source[2]
      if #hashes == 500 then
        refuse(refused, hashes)
        hashes = {}
      end
    end
  end
  refuse(refused, hashes)
  return count, count > before
end

-- Sources of a crowd that still fits into its bucket.
local function mergeCrowdEntries(bucket, own, refused, field, held, list)
  local entries, count, isMarked = parseEntries(held)
  local grown, new, hashes = held, {}, {}
  for _, source in ipairs(list) do
    if not entries[source[1]] then
      if count < crowdMax then
        entries[source[1]] = true
        count = count + 1
        grown = grown .. char(#source[1]) .. source[1]
      else
        hashes[#hashes + 1] = source[2]
        if #hashes == 500 then
          refuse(refused, hashes)
          hashes = {}
        end
      end
    end
  end
  refuse(refused, hashes)
  if grown == held then return count, false, isMarked end
  if #grown <= entriesBytesMax then
    call('HSET', KEYS[bucket], field, grown)
  else
    for source in pairs(entries) do call('SADD', KEYS[own], memberOf(source)) end
    call('EXPIRE', KEYS[own], crowdTtl, 'NX')
    call('HSET', KEYS[bucket], field, '')
  end
  return count, true, isMarked
end

-- History of a day: per slice one byte of slice number and two of count.
local function writeHistory(history, field, slice, count)
  count = math.min(count, 65535)
  local held = call('HGET', KEYS[history], field) or ''
  for at = 1, #held, 3 do
    if byte(held, at) == slice then
      if unpackBytes('>H', held, at + 1) >= count then return end
      held = sub(held, 1, at - 1) .. sub(held, at + 3)
      break
    end
  end
  if call('HSET', KEYS[history], field, held .. packBytes('>BH', slice, count)) == 1 then
    call('EXPIRE', KEYS[history], historyTtl, 'NX')
  end
end

local function markCrowd(field, hot, nextBucket, nextHot)
  if call('SADD', KEYS[hot], field) == 1 then call('EXPIRE', KEYS[hot], hotTtl, 'NX') end
  if call('SADD', KEYS[nextHot], field) == 1 then
    call('EXPIRE', KEYS[nextHot], hotTtl, 'NX')
    if call('HSETNX', KEYS[nextBucket], field, char(0)) == 1 then
      call('EXPIRE', KEYS[nextBucket], crowdTtl, 'NX')
    end
  end
end

local function mergeCrowdShort(item, bucket, hot, field, list)
  local entry = char(#list[1][1]) .. list[1][1]
  if call('HSETNX', KEYS[bucket], field, entry) == 1 then return end
  if call('HGET', KEYS[bucket], field) ~= entry then
    retries[#retries + 1] = item
  elseif call('SISMEMBER', KEYS[hot], field) == 1 then
    hots[#hots + 1] = item
  end
end

local function mergeCrowd(item)
  local bucket, hot, own, refused, history, nextBucket, nextHot, slice, count, after =
    unpackBytes('>HHHHHHHBH', ARGV[1], pos)
  pos = after
  local field = text()
  local list = readSources(count)
  if own == 0 then return mergeCrowdShort(item, bucket, hot, field, list) end
  local held = call('HGET', KEYS[bucket], field)
  local size, isGrown, isMarked
  if held == '' then
    size, isGrown = mergeCrowdSet(own, refused, list)
  else
    size, isGrown, isMarked = mergeCrowdEntries(bucket, own, refused, field, held or '', list)
  end
  if size >= hotSourcesMin then
    local total = size
    if size >= crowdMax then total = size + call('PFCOUNT', KEYS[refused]) end
    if isGrown or total > size then writeHistory(history, field, slice, total) end
    markCrowd(field, hot, nextBucket, nextHot)
    hots[#hots + 1] = item
  elseif isMarked or call('SISMEMBER', KEYS[hot], field) == 1 then
    hots[#hots + 1] = item
  end
end
`;
