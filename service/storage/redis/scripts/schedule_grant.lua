-- Makes an entry in the schedule for an active grant that has none.
--
-- KEYS  1 grant, 2 due; of one shard
-- ARGV  1 id, 2 when it is to be due, in ms
-- Returns {'ok'}
-- One script, so that a grant which ends meanwhile leaves no entry behind.
if redis.call('HGET', KEYS[1], 'state') == 'active' then
  redis.call('ZADD', KEYS[2], 'NX', ARGV[2], ARGV[1])
end
return {'ok'}
