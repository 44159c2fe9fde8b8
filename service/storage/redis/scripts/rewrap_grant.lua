-- Puts a record that was sealed anew in the place of the same record as it was read.
--
-- KEYS  1 grant
-- ARGV  1 sealed record as it was read, 2 the same record sealed anew
-- Returns {'ok'} | {'moved'}: somebody else wrote meanwhile, with a newer key
-- One script, so that no commit comes between. Generation, change and life stay what they are.
local record = redis.call('HGET', KEYS[1], 'record')
if record ~= ARGV[1] and record ~= ARGV[2] then
  return {'moved'}
end
-- Also where it is there already: WAIT goes by what the connection wrote.
redis.call('HSET', KEYS[1], 'record', ARGV[2])
return {'ok'}
