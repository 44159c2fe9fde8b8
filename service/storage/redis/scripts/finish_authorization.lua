-- Keeps the answer to a claimed authorization; the first answer stays.
--
-- KEYS  1 authorization
-- ARGV  1 sealed outcome
-- Returns {'ok', name of the caller's set of open ones} | {'unknown'}
-- One script, so that an answer cannot come between the check and an end of the authorization.
local fields = redis.call('HMGET', KEYS[1], 'phase', 'caller')
local phase, caller = fields[1], fields[2]
if not phase or phase == 'open' then
  return {'unknown'}
end
if phase == 'claimed' then
  redis.call('HSET', KEYS[1], 'phase', 'answered', 'outcome', ARGV[1])
end
return {'ok', caller}
