-- Replaces a grant's record, if nobody else did and the lease still holds.
--
-- KEYS  1 grant, 2 lease, 3 used, 4 due; all of one shard
-- ARGV  1 id, 2 expected generation, 3 generation, 4 sealed record, 5 name of this change,
--       6 lease as it must be or '', 7 '1' to release it, 8 lifetime in ms or '',
--       9 due time in ms or '', 10 last use in us
-- The place in the schedule changes with the generation alone.
-- Returns {'ok'} | {'unknown'} | {'conflict'} | {'lease_lost'}
-- One script: the compare-and-set is what makes a refresh safe.
-- The same change again writes too, so that WAIT waits for it: on a new connection it would otherwise
-- wait for nothing.
local fields = redis.call('HMGET', KEYS[1], 'generation', 'state', 'change')
local generation, state, change = fields[1], fields[2], fields[3]
if not generation then
  return {'unknown'}
end
if change == ARGV[5] then
  redis.call('HSET', KEYS[1], 'change', change)
  return {'ok'}
end
if state ~= 'active' or generation ~= ARGV[2] then
  return {'conflict'}
end
if ARGV[6] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[6] then
  return {'lease_lost'}
end
redis.call('HSET', KEYS[1], 'generation', ARGV[3], 'record', ARGV[4], 'change', ARGV[5])
if ARGV[8] == '' then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
end
redis.call('ZADD', KEYS[3], 'GT', ARGV[10], ARGV[1])
if ARGV[3] ~= ARGV[2] then
  if ARGV[9] == '' then
    redis.call('ZREM', KEYS[4], ARGV[1])
  else
    redis.call('ZADD', KEYS[4], ARGV[9], ARGV[1])
  end
end
if ARGV[6] ~= '' and ARGV[7] == '1' then
  redis.call('DEL', KEYS[2])
end
return {'ok'}
