/** What Redis runs for each entry that is put. */

import { createHash } from "node:crypto";

/**
 * KEYS: the entry's hash, the list of its kind. ARGV: life in ms, id, epoch, position, time, JSON, then names and values
 * of single fields. 1: taken; 0: there is a newer one.
 */
export const putScript = `
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'position')
local epoch, position = stored[1] and tonumber(stored[1]), stored[2] and tonumber(stored[2])
if epoch and position then
  local e, p = tonumber(ARGV[3]), tonumber(ARGV[4])
  if e < epoch or (e == epoch and p < position) then return 0 end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'position', ARGV[4], 'at', ARGV[5], 'json', ARGV[6])
for i = 7, #ARGV - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
`;

export const putScriptHash = createHash("sha1").update(putScript).digest("hex");
