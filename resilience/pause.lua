-- A tenant makes no call for a while, whatever its limits say. KEYS: its slowdown. ARGV: now or '', seconds.

local now, seconds = clock(ARGV[1]), tonumber(ARGV[2])
local _, until_ = slowness(KEYS[1], now)
if now + seconds > until_ then
  redis.call('HSET', KEYS[1], 'until', number(now + seconds))
  redis.call('EXPIRE', KEYS[1], math.ceil(seconds) + 120)  -- as long as what the provider has said heals
end
