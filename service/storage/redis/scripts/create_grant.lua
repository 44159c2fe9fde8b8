-- Stores a new grant with generation 1.
--
-- KEYS  1 grant, 2 used, 3 due; all of one shard
-- ARGV  1 id, 2 sealed record, 3 name of this change, 4 lifetime in ms or '', 5 due time in ms or '',
--       6 last use in us, 7 what the names of the shard's grants begin with
-- Returns {'ok'} | {'conflict'}
-- One script, so that there is no grant without its end and its places in the shard's sets. The same
-- creation again writes too, so that WAIT waits for it.
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HGET', KEYS[1], 'change') == ARGV[3] then
    redis.call('HSET', KEYS[1], 'change', ARGV[3])
    return {'ok'}
  end
  return {'conflict'}
end
redis.call('HSET', KEYS[1], 'generation', '1', 'fence', '0', 'state', 'active',
  'record', ARGV[2], 'change', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
redis.call('ZADD', KEYS[2], ARGV[6], ARGV[1])
if ARGV[5] ~= '' then
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
end
-- Whoever comes looks after two others: grants whose time ran out leave the sets again.
for _, id in ipairs(redis.call('ZRANDMEMBER', KEYS[2], 2)) do
  if redis.call('EXISTS', ARGV[7] .. id) == 0 then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
  end
end
return {'ok'}
