-- A call says how it went, or hands its permit back unused. KEYS: state, breaker, slowdown, lowered limits, then each limit on calls at
-- once. ARGV: now or '', token, verdict, trip, retry_after ('' unless the provider said that we are too fast), the policy.
-- Answers: breaker state before, after, trip after, seconds until a probe.

local now, token, verdict, trip = clock(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local p = read_policy(6)
for i = 5, #KEYS do
  redis.call('ZREM', KEYS[i], token)
end
if redis.call('HGET', KEYS[1], 'phase') ~= 'open' then
  return { 'unknown', 'unknown', 0, '0' }
end
if ARGV[5] ~= '' then
  slow_down(KEYS[3], now, tonumber(ARGV[5]))
end
local b = read_breaker(KEYS[2])
local before = b.state
report_breaker(KEYS[2], b, p, now, verdict, trip, token)
return { before, b.state, b.trip, number(math.max(0, b.retry_at - now)) }
