-- Calls of one lane and trip say how they went, all the same, or hand their permits back unused. KEYS: state, breaker, slowdown, lowered
-- limits, then each limit on calls at once. ARGV: now or '', verdict, trip, retry_after ('' unless the provider said that we are too fast),
-- the policy, and the token of each call. Answers: breaker state before, after, trip after, seconds until a probe.

local now, verdict, trip = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local p, first = read_policy(5)
for i = 5, #KEYS do
  redis.call('ZREM', KEYS[i], unpack(ARGV, first))
end
if redis.call('HGET', KEYS[1], 'phase') ~= 'open' then
  return { 'unknown', 'unknown', 0, '0' }
end
if ARGV[4] ~= '' then
  slow_down(KEYS[3], now, tonumber(ARGV[4]))
end
local b = read_breaker(KEYS[2])
local before = b.state
report_breaker(KEYS[2], b, p, now, verdict, trip, ARGV[first], #ARGV - first + 1)
return { before, b.state, b.trip, number(math.max(0, b.retry_at - now)) }
