/** Commands that read, in the order of their numbers in the script's argument, from 1. */
export const readCommands = ["GET", "HGET", "HGETALL", "PFCOUNT", "SMEMBERS"] as const;

/**
 * Several reads of one partition at one moment.
 * KEYS: those of each read in turn. ARGV[1]: for each read the number of its
 *   command B, the count of its keys B, and its field s1, empty for a command
 *   without one; one packed argument is cheaper to send than one a read.
 * Returns a reply for each key.
 */
export const readLua = String.raw`
local commands = {${readCommands.map((command) => `'${command}'`).join(", ")}}
local out, done, pos = {}, 0, 1
while pos <= #ARGV[1] do
  local number, count, length = string.byte(ARGV[1], pos, pos + 2)
  local command = commands[number]
  if length == 0 then
    for key = done + 1, done + count do out[key] = redis.call(command, KEYS[key]) end
  else
    local field = string.sub(ARGV[1], pos + 3, pos + 2 + length)
    for key = done + 1, done + count do out[key] = redis.call(command, KEYS[key], field) end
  end
  done = done + count
  pos = pos + 3 + length
end
return out
`;
