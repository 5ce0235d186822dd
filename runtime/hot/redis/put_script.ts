/** What Redis runs for each entry that is put. */

import { createHash } from "node:crypto";

/**
 * KEYS: the entry's hash, the list of its kind. ARGV: life in ms, id, epoch, position, records, time, JSON, then names and
 * values of single fields. 1: taken; 0: there is a newer one.
 */
export const putScript = `
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'position', 'records', 'at')
for i = 1, 4 do
  local old, new = tonumber(stored[i] or ''), tonumber(ARGV[2 + i])
  if not old or new > old then break end
  if new < old then return 0 end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'position', ARGV[4], 'records', ARGV[5], 'at', ARGV[6], 'json', ARGV[7])
for i = 8, #ARGV - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[6], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
`;

export const putScriptHash = createHash("sha1").update(putScript).digest("hex");
