-- Claims grants of one shard that are due, by moving them ahead in time.
--
-- KEYS  1 due
-- ARGV  1 now in ms, 2 how many at most, 3 until when they are hidden, in ms, 4 what the names of
--       the shard's grants begin with
-- Returns {how many were looked at, the shard's next time or '', id, ...}
-- One script, so that each is claimed by one. It looks at grants by names made of the ids found,
-- all in the slot of KEYS[1].
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local result = {tostring(#ids), ''}
for _, id in ipairs(ids) do
  if redis.call('EXISTS', ARGV[4] .. id) == 1 then
    redis.call('ZADD', KEYS[1], ARGV[3], id)
    result[#result + 1] = id
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
result[2] = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or ''
return result
