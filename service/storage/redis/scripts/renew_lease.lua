-- Makes a lease last longer, if it still is this one.
--
-- KEYS  1 lease
-- ARGV  1 the lease as it must be, 2 lifetime in ms
-- Returns {'ok'} | {'lease_lost'}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'lease_lost'}
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'ok'}
