-- Keeps a revocation, in place of what was there under its id.
--
-- KEYS  1 revocation, 2 the revocations' schedule, 3 since when they wait; of one shard
-- ARGV  1 id, 2 sealed revocation, 3 lifetime in ms, 4 due time in ms, 5 since when it waits, in ms
-- Returns {'ok'}
-- One script, so that none is kept that is never due.
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
return {'ok'}
