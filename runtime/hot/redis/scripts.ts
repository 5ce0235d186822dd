/** What Redis runs. */

import { createHash } from "node:crypto";

/**
 * Puts an entry. KEYS: its hash, the list of its kind, the prefix's store. ARGV: life in ms, id, epoch, position, records,
 * time, JSON, store, then names and values of single fields. 1: taken; 0: there is a newer one; -1: the prefix is another
 * store's.
 */
export const putScript = `
local owner = redis.call('GET', KEYS[3])
if owner and owner ~= ARGV[8] then return -1 end
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'position', 'records', 'at', 'store')
if stored[5] == ARGV[8] then
  for i = 1, 4 do
    local old, new = tonumber(stored[i] or ''), tonumber(ARGV[2 + i])
    if not old or new > old then break end
    if new < old then return 0 end
  end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'position', ARGV[4], 'records', ARGV[5], 'at', ARGV[6], 'json', ARGV[7],
  'store', ARGV[8])
for i = 9, #ARGV - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[6], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
`;

export const putScriptHash = createHash("sha1").update(putScript).digest("hex");

/**
 * Holds the prefix for a store, and a node's marker. KEYS: the prefix's store, the marker. ARGV: store, how long it has
 * the prefix in ms, the marker's life. 1: both were there; 0: the marker was not; -1: the prefix is another store's.
 */
export const holdScript = `
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return -1 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if redis.call('PEXPIRE', KEYS[2], ARGV[3]) == 1 then return 1 end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
return 0
`;

/**
 * Gives it back soon. KEYS: the prefix's store. ARGV: store, for how long it still has the prefix, in ms. Not at once: other
 * nodes of the store, which hold it again when they look, shall not find another one's there.
 */
export const releaseScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return end
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
`;
