-- Puts a tombstone in a grant's place.
--
-- KEYS  1 grant, 2 lease, 3 due; all of one shard
-- ARGV  1 id, 2 generation that was read, 3 generation of the tombstone, 4 state, 5 sealed tombstone,
--       6 random name of this change, 7 lifetime of the tombstone in ms
-- Returns {'ok'} | {'unknown'} | {'ended'} before | {'moved'}: to be read and tried again
-- One script, so that no commit comes between, and none after. What has ended before is written too,
-- so that WAIT waits for it: its end may be on its way to the replicas.
local fields = redis.call('HMGET', KEYS[1], 'generation', 'state', 'change')
local generation, state, change = fields[1], fields[2], fields[3]
if not generation then
  return {'unknown'}
end
if state ~= 'active' then
  redis.call('HSET', KEYS[1], 'state', state)
  return {change == ARGV[6] and 'ok' or 'ended'}
end
if generation ~= ARGV[2] then
  return {'moved'}
end
redis.call('HSET', KEYS[1], 'generation', ARGV[3], 'state', ARGV[4], 'record', ARGV[5],
  'change', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
return {'ok'}
