-- Forgets a revocation.
--
-- KEYS  1 revocation, 2 the revocations' schedule, 3 since when they wait; of one shard
-- ARGV  1 id
-- Returns {'ok'}
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return {'ok'}
