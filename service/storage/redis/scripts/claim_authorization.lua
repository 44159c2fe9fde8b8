-- Takes a pending authorization, once.
--
-- KEYS  1 authorization
-- ARGV  1 name of the callback, 2 random id of this claim
-- Returns {'claimed'} | {'in_progress'} | {'answered', sealed outcome} | {'unknown'}
-- One script, so that of many claims one wins. The claim's id lets a claim whose answer was lost on
-- the way be sent again without losing to itself.
local fields = redis.call('HMGET', KEYS[1], 'phase', 'callback', 'claim', 'outcome')
local phase, callback, claim, outcome = fields[1], fields[2], fields[3], fields[4]
if not phase then
  return {'unknown'}
end
if phase == 'open' then
  redis.call('HSET', KEYS[1], 'phase', 'claimed', 'callback', ARGV[1], 'claim', ARGV[2])
  return {'claimed'}
end
if callback ~= ARGV[1] then
  return {'unknown'}
end
if phase == 'answered' then
  return {'answered', outcome}
end
if claim == ARGV[2] then
  return {'claimed'}
end
return {'in_progress'}
