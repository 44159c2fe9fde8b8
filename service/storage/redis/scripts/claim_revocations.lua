-- Claims revocations that are due, by moving them ahead in time.
--
-- KEYS  1 the revocations' schedule, 2 since when they wait; of one shard
-- ARGV  1 now in ms, 2 how many at most, 3 until when they are hidden, in ms, 4 what the names of
--       revocations begin with
-- Returns {'ok', id, sealed revocation, ...}
-- One script, so that each is claimed by one. It looks at revocations by names made of the ids
-- found, all in the slot of KEYS[1].
local result = {'ok'}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local sealed = redis.call('GET', ARGV[4] .. id)
  if sealed then
    redis.call('ZADD', KEYS[1], ARGV[3], id)
    result[#result + 1] = id
    result[#result + 1] = sealed
  else
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
  end
end
return result
