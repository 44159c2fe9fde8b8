-- Takes tokens from a bucket that all replicas share, or begins a cool-down in which there are none.
--
-- KEYS  1 limit
-- ARGV  1 how many are wanted, 2 how many come back per second ('' where there is no bucket),
--       3 how many it holds, 4 a cool-down to begin, in ms (0: none)
-- Returns {how many were taken, ms until the next, ms that are left of the cool-down}
-- One script, so that no token is given twice. Time is the server's: replicas whose clocks differ
-- would fill the bucket by the fastest of them. Run twice it takes twice, which only costs tokens.
local kLongest = 3600000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wanted, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'cool_until')

-- More than the longest is left only where the server's clock was set back.
local cool = (tonumber(held[3]) or now) - now
if cool < 0 or cool > kLongest then cool = 0 end
local began = math.min(tonumber(ARGV[4]), kLongest)
local changed = began > cool
if changed then
  cool = began
  redis.call('HSET', KEYS[1], 'cool_until', string.format('%.0f', now + cool))
end

local taken, next_in, fills_in = 0, 0, 0
if cool == 0 then taken = wanted end
if rate then
  local tokens = tonumber(held[1]) or burst
  local elapsed = math.max(0, now - (tonumber(held[2]) or now))
  tokens = math.min(burst, tokens + elapsed * rate / 1000)
  taken = math.min(taken, math.floor(tokens))
  tokens = tokens - taken
  if tokens < 1 then next_in = math.ceil((1 - tokens) / rate * 1000) end
  if taken > 0 then
    changed = true
    redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
  end
  fills_in = math.ceil((burst - tokens) / rate * 1000)
end
-- A bucket that nobody uses is full, and that is what one that is not there means.
if changed then
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(cool, fills_in) + 1000))
end
return {tostring(taken), string.format('%.0f', next_in), string.format('%.0f', cool)}
