-- Gives the lease of a grant to one holder, under a fence that only grows.
--
-- KEYS  1 grant, 2 lease, 3 used; of one shard
-- ARGV  1 holder, 2 lifetime in ms, 3 the id of the grant where it is to be read too, else ''
-- Returns {'ok', fence} | {'ok', fence, generation, sealed record, last use in us or ''}
--         | {'held', what is left of it in ms} | {'unknown'}
-- One script, so that lease and fence belong together, and what is read is what the lease guards.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'unknown'}
end
local fence
local lease = redis.call('GET', KEYS[2])
if lease then
  local of, holder = string.match(lease, '^(%d+) (.*)$')
  if holder ~= ARGV[1] then
    return {'held', tostring(redis.call('PTTL', KEYS[2]))}
  end
  fence = of
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
else
  fence = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'fence', 1))
  redis.call('SET', KEYS[2], fence .. ' ' .. ARGV[1], 'PX', ARGV[2])
end
if ARGV[3] == '' then
  return {'ok', fence}
end
local read = redis.call('HMGET', KEYS[1], 'generation', 'record')
return {'ok', fence, read[1] or '', read[2] or '', redis.call('ZSCORE', KEYS[3], ARGV[3]) or ''}
