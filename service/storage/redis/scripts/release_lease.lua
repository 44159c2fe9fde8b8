-- Hands a lease back, if it still is this one.
--
-- KEYS  1 lease
-- ARGV  1 the lease as it must be
-- Returns {'ok'}
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return {'ok'}
