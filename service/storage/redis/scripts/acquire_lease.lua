-- Gives the lease of a grant to one holder, under a fence that only grows.
--
-- KEYS  1 grant, 2 lease; of one shard
-- ARGV  1 holder, 2 lifetime in ms
-- Returns {'ok', fence} | {'held', what is left of it in ms} | {'unknown'}
-- One script, so that lease and fence belong together.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'unknown'}
end
local lease = redis.call('GET', KEYS[2])
if lease then
  local fence, holder = string.match(lease, '^(%d+) (.*)$')
  if holder == ARGV[1] then
    redis.call('PEXPIRE', KEYS[2], ARGV[2])
    return {'ok', fence}
  end
  return {'held', tostring(redis.call('PTTL', KEYS[2]))}
end
local fence = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'fence', 1))
redis.call('SET', KEYS[2], fence .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {'ok', fence}
