-- Uses an authorization up.
--
-- KEYS  1 authorization
-- Returns {'ok', name of the caller's set of open ones, or '' where there was nothing}
local caller = redis.call('HGET', KEYS[1], 'caller')
redis.call('DEL', KEYS[1])
return {'ok', caller or ''}
