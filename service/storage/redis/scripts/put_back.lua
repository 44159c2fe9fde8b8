-- Moves the entry of a claimed grant, if it still is as the claim left it.
--
-- KEYS  1 due
-- ARGV  1 id, 2 until when the claim hides it, in ms, 3 when it is to be due, in ms
-- Returns {'ok'} | {'moved'}
-- One script, so that the time which a commit set meanwhile stays.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return {'moved'}
end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return {'ok'}
