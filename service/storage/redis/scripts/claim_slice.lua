-- Takes one slice of the grants that is to be looked over.
--
-- KEYS  1 walk
-- ARGV  1 now in ms, 2 how long until it is to be looked over again, in ms, 3 how many slices there are
-- Returns {'slice', number} | {'none'}
-- One script, so that each is taken by one.
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[3]) then
  for slice = 0, ARGV[3] - 1 do
    local due = ARGV[1] + math.floor(ARGV[2] * slice / ARGV[3])
    redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', due), slice)
  end
end
local first = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)[1]
if not first then
  return {'none'}
end
redis.call('ZADD', KEYS[1], string.format('%.0f', ARGV[1] + ARGV[2]), first)
return {'slice', first}
