-- Keeps a pending authorization; one that is there already stays as it is.
--
-- KEYS  1 authorization
-- ARGV  1 sealed request, 2 lifetime in ms, 3 name of the caller's set of open ones
-- Returns {'ok'}
-- One script, so that no key is ever without its end, and a request sent twice reopens nothing.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'phase', 'open', 'request', ARGV[1], 'caller', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {'ok'}
