-- Counts the revocations, and finds since when the one waits that waits longest.
--
-- KEYS  1 the revocations' schedule, 2 since when they wait; of one shard
-- ARGV  1 what the names of revocations begin with
-- Returns {'ok', how many}, and where any is known the time in ms
-- It takes out those that are gone of KEYS[2], some at a time: a replica from before there was that key drops them from
-- KEYS[1] alone. It looks at revocations by names made of the ids found, all in the slot of KEYS[1].
local result = {'ok', tostring(redis.call('ZCARD', KEYS[1]))}
local first = redis.call('ZRANGE', KEYS[2], 0, 99, 'WITHSCORES')
for i = 1, #first, 2 do
  if redis.call('EXISTS', ARGV[1] .. first[i]) == 1 then
    result[3] = first[i + 1]
    break
  end
  redis.call('ZREM', KEYS[2], first[i])
end
return result
