-- Takes ids out of a shard's sets whose grants are gone.
--
-- KEYS  1 used, 2 due; of one shard
-- ARGV  1 what the names of the shard's grants begin with; ids
-- Returns {'ok', how many were taken out}
-- One script, so that a grant made meanwhile stays. It looks at grants by names made of the ids, all in
-- the slot of KEYS[1].
local forgotten = 0
for i = 2, #ARGV do
  if redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 0 then
    forgotten = forgotten + redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end
return {'ok', tostring(forgotten)}
