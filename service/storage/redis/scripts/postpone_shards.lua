-- Notes when shards are to be looked at again, unless somebody has noted another time meanwhile.
--
-- KEYS  1 the shards' own schedule
-- ARGV  shard, time as it was read, time to look again; and so on
-- Returns {'ok'}
-- One script, so that a grant that came to be due earlier meanwhile is not missed.
for i = 1, #ARGV, 3 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('ZADD', KEYS[1], ARGV[i + 2], ARGV[i])
  end
end
return {'ok'}
