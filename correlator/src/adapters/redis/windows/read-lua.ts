/**
 * Contacts of one source.
 * KEYS: for each day and side the bucket, the own hash and the refused
 *   HyperLogLog. ARGV[1]: the source.
 * Returns for each three keys: only contact or "", own hash flat, refused.
 */
export const readSourceLua = String.raw`
local out = {}
for i = 1, #KEYS, 3 do
  local held = redis.call('HGET', KEYS[i], ARGV[1])
  if held == '' then
    out[i] = ''
    out[i + 1] = redis.call('HGETALL', KEYS[i + 1])
    out[i + 2] = redis.call('PFCOUNT', KEYS[i + 2])
  else
    out[i], out[i + 1], out[i + 2] = held or '', {}, 0
  end
end
return out
`;
