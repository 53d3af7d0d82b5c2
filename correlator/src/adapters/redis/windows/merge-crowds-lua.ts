/**
 * Adds sources to one crowd (kind, subject, slice). A few sources lie as
 * records of one size in a string shared by many crowds; when there are more,
 * they move to a set of the crowd's own. What the cap refuses is counted by a
 * HyperLogLog of keyed hashes. Strings are read and written once a call.
 * Item, after its type byte:
 *
 *   keys >H of records, marks, next slice's marks, own set, refused HyperLogLog;
 *   source width B, count H; length byte, tag B (hash of the subject) and
 *   subject; count times: source (width bytes) and, when there is an own set,
 *   hash c8
 *
 * Most crowds of a micro-batch have one source and are new. Those of one
 * string come as a run, after its type byte:
 *
 *   keys >H of records, marks, next slice's marks; size of a record B, source
 *   width B, count H; count times: record
 *
 * Record: tag, subject, source. Mark: tag, subject, 1 (the slice before was
 * hot) or 2 (has an own set). The tag makes a search fast: it seldom meets
 * its first byte elsewhere. An own set of 0 that turns out to be needed makes
 * the item a retry. A source of width 17 is a length byte and 16 bytes.
 */
export const mergeCrowdsLua = String.raw`
local heads, tails = {}, {}

local function load(key)
  local head = heads[key]
  if not head then
    head = call('GET', KEYS[key]) or ''
    heads[key] = head
    tails[key] = ''
  end
  return head
end

local function append(key, record)
  load(key)
  tails[key] = tails[key] .. record
end

-- Last bytes of the records that begin with these bytes; records have one size.
local function collect(text, start, size, into)
  local at = 1
  while true do
    local found = find(text, start, at, true)
    if not found then return end
    if (found - 1) % size == 0 then
      into[#into + 1] = sub(text, found + #start, found + size - 1)
      at = found + size
    else
      at = found + 1
    end
  end
end

local function recordsOf(key, start, size)
  local into = {}
  local head = load(key)
  if head ~= '' then collect(head, start, size, into) end
  if tails[key] ~= '' then collect(tails[key], start, size, into) end
  return into
end

-- An IPv4 source is a whole number: sets of them stay packed in Redis.
local function memberOf(source)
  local first = #source
  if first == 4 then return string.format('%d', (unpackBytes('>i4', source))) end
  if byte(source) == 4 then return string.format('%d', (unpackBytes('>i4', source, 2))) end
  return 'x' .. sub(source, 2, 1 + byte(source))
end

local function refuse(refused, hashes)
  if #hashes == 0 then return end
  if call('PFADD', KEYS[refused], unpack(hashes)) == 1 then
    call('EXPIRE', KEYS[refused], crowdTtl, 'NX')
    refusedSources = refusedSources + #hashes
  end
end

-- Up to 500 members, of which those over the cap are refused.
local function addMembers(own, refused, members, hashes, count)
  if count + #members <= crowdMax then return count + call('SADD', KEYS[own], unpack(members)) end
  local over = {}
  if count < crowdMax then
    for i, member in ipairs(members) do
      if count < crowdMax then
        count = count + call('SADD', KEYS[own], member)
      elseif call('SISMEMBER', KEYS[own], member) == 0 then
        over[#over + 1] = hashes[i]
      end
    end
  else
    for i, isMember in ipairs(call('SMISMEMBER', KEYS[own], unpack(members))) do
      if isMember == 0 then over[#over + 1] = hashes[i] end
    end
  end
  refuse(refused, over)
  return count
end

local function addSources(own, refused, sources, hashes, count)
  for from = 1, #sources, 500 do
    local members, some = {}, {}
    for i = from, math.min(from + 499, #sources) do
      members[#members + 1] = memberOf(sources[i])
      some[#some + 1] = hashes[i]
    end
    count = addMembers(own, refused, members, some, count)
  end
  return count
end

local function readSources(count, width, hasHashes)
  local sources, hashes = {}, {}
  for i = 1, count do
    sources[i] = sub(ARGV[1], pos, pos + width - 1)
    pos = pos + width
    if hasHashes then
      hashes[i] = sub(ARGV[1], pos, pos + 7)
      pos = pos + 8
    end
  end
  return sources, hashes
end

local function hasMark(marks, start, wanted)
  for _, mark in ipairs(recordsOf(marks, start, #start + 1)) do
    if byte(mark) == wanted then return true end
  end
  return false
end

-- Moves what the records hold and what is new into a set of its own.
local function promote(own, refused, marks, start, held, sources, hashes)
  local members = {}
  for i, source in ipairs(held) do members[i] = memberOf(source) end
  local count = #members == 0 and 0 or call('SADD', KEYS[own], unpack(members))
  append(marks, start .. char(2))
  count = addSources(own, refused, sources, hashes, count)
  call('EXPIRE', KEYS[own], crowdTtl, 'NX')
  return count
end

local function mergeSources(item, records, marks, nextMarks, own, refused, start, sources, hashes)
  local members = own > 0 and call('SCARD', KEYS[own]) or 0
  if members > 0 then
    addSources(own, refused, sources, hashes, members)
    hots[#hots + 1] = item
    return
  end
  local held = recordsOf(records, start, #start + #sources[1])
  local known, new = {}, {}
  for _, source in ipairs(held) do known[source] = true end
  for i, source in ipairs(sources) do
    if not known[source] then new[#new + 1] = i end
  end
  local size = #held + #new
  local isOver = size > recordsMax or size > crowdMax
  if own == 0 and (isOver or (#held > 0 and hasMark(marks, start, 2))) then
    retries[#retries + 1] = item
    return
  end
  if isOver or (own > 0 and hasMark(marks, start, 2)) then
    promote(own, refused, marks, start, held, sources, hashes)
  else
    for _, i in ipairs(new) do append(records, start .. sources[i]) end
  end
  if size >= hotSourcesMin then
    if #held < hotSourcesMin then append(nextMarks, start .. char(1)) end
    hots[#hots + 1] = item
  elseif hasMark(marks, start, 1) then
    hots[#hots + 1] = item
  end
end

local function mergeCrowd(item)
  local records, marks, nextMarks, own, refused, width, count, after =
    unpackBytes('>HHHHHBH', ARGV[1], pos)
  pos = after
  local start = text()
  local sources, hashes = readSources(count, width, own > 0)
  if count > 0 then mergeSources(item, records, marks, nextMarks, own, refused, start, sources, hashes) end
  return 1
end

local function mayHold(head, tail, start)
  return (head ~= '' and find(head, start, 1, true)) or (tail ~= '' and find(tail, start, 1, true))
end

-- What is new goes to the records in one piece; no subject comes twice in a run.
local function mergeRun(item)
  local records, marks, nextMarks, size, width, count, after = unpackBytes('>HHHBBH', ARGV[1], pos)
  pos = after
  local head, marked = load(records), load(marks)
  local tail, newMarks = tails[records], tails[marks]
  local from = pos
  for i = 0, count - 1 do
    local start = sub(ARGV[1], pos, pos + size - width - 1)
    if mayHold(head, tail, start) or mayHold(marked, newMarks, start) then
      if pos > from then append(records, sub(ARGV[1], from, pos - 1)) end
      from = pos + size
      mergeSources(item + i, records, marks, nextMarks, 0, 0, start, {sub(ARGV[1], from - width, from - 1)}, {})
    end
    pos = pos + size
  end
  if pos > from then append(records, sub(ARGV[1], from, pos - 1)) end
  return count
end

local function storeRecords()
  for key, tail in pairs(tails) do
    if tail == '' then
      -- only read
    elseif heads[key] == '' then
      call('SET', KEYS[key], tail, 'EX', crowdTtl)
    else
      call('APPEND', KEYS[key], tail)
    end
  end
end
`;
