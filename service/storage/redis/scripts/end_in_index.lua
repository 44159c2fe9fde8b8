-- Gives an index set an end where the grant that has ended is the only one in it.
--
-- KEYS  1 index
-- ARGV  1 id, 2 lifetime of the tombstone in ms
-- Returns {'ok'}
-- One script, so that a grant added meanwhile does not end with it.
if redis.call('ZCARD', KEYS[1]) == 1 and redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {'ok'}
