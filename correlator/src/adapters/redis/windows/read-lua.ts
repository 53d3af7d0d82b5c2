/**
 * Several reads of one partition at one moment.
 * KEYS: those of each read in turn. ARGV: for each read the command, its field
 *   ("" for a command without one) and the number of its keys.
 * Returns a reply for each key.
 */
export const readLua = String.raw`
local out, key = {}, 0
for i = 1, #ARGV, 3 do
  local command, field = ARGV[i], ARGV[i + 1]
  for _ = 1, tonumber(ARGV[i + 2]) do
    key = key + 1
    if field == '' then
      out[key] = redis.call(command, KEYS[key])
    else
      out[key] = redis.call(command, KEYS[key], field)
    end
  end
end
return out
`;
