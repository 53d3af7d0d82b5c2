/**
 * Several reads of one partition at one moment.
 * KEYS: one for each read. ARGV: for each read the command and its field, ""
 *   for a command without one.
 * Returns the reply of each.
 */
export const readLua = String.raw`
local out = {}
for i = 1, #KEYS do
  local command, field = ARGV[2 * i - 1], ARGV[2 * i]
  if field == '' then
    out[i] = redis.call(command, KEYS[i])
  else
    out[i] = redis.call(command, KEYS[i], field)
  end
end
return out
`;
