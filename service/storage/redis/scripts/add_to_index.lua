-- Adds a grant to an index set, which lasts as long as the longest-lived grant that was added.
--
-- KEYS  1 index
-- ARGV  1 id, 2 creation in us, 3 lifetime in ms or '' for no end
-- Returns {'ok'}
-- One script, since a set without an end and a new one look alike to PEXPIRE GT.
local is_new = redis.call('EXISTS', KEYS[1]) == 0
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if ARGV[3] == '' then
  redis.call('PERSIST', KEYS[1])
elseif is_new then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[3], 'GT')
end
return {'ok'}
