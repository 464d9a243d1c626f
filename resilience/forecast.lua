-- What admission would grant a lane within the next `horizon` seconds. KEYS and ARGV as in admit.lua, without the list of refused
-- tickets, the patience and the calls, and with the horizon in the lease's place. Answers: breaker state, seconds until a probe, whether one is
-- under way, permits (-1: no limit), the permits of each limit alone, in the order of KEYS, and of each lowered one after its name, and
-- whether they are there from now on, and not only towards the end of that time.

local now, cost, horizon = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local p, first = read_policy(5)
local count = tonumber(ARGV[first])
local limits = read_limits(first + 1, count, 5)
local state = redis.call('HMGET', KEYS[1], 'phase', KEYS[4])
if state[1] ~= 'open' then
  return { 'unknown', '1', 0, 0, {}, {}, 1 }
end
local b = read_breaker(KEYS[2])
local _, wait = admit_breaker(KEYS[2], b, p, now, true)
if b.state ~= 'closed' then
  return { b.state, number(wait), b.probe ~= '' and now < b.probe_until and 1 or 0, 0, {}, {}, 1 }
end
local factor, until_ = slowness(KEYS[3], now)
local ahead = math.max(0, horizon - math.max(0, until_ - now))
local room, each, lowered, even = -1, {}, {}, now >= until_
limits = read_lowered(limits, KEYS[4], state[2], now, first + 1 + count * 6)
set_flows(limits, flow_of(b, p, now), factor)
for i, limit in ipairs(limits) do
  local free
  if limit.type == 'seats' then
    redis.call('ZREMRANGEBYSCORE', limit.key, '-inf', number(now))
    -- A call usually takes far less than the horizon, so a seat serves more than one (SEAT_TURNS in forecast.py).
    free = limit.allowed * 4 - redis.call('ZCARD', limit.key)
  elseif limit.type == 'quota' then
    free = limit.allowed - spend_of(limit, now)
  elseif limit.type ~= 'ramp' or limit.flow < 1 then
    fill(limit, now)
    free = limit.tokens + limit.rate * limit.flow * ahead
    even = even and limit.tokens >= 0
  end
  local calls = -1
  if free then
    calls = math.max(0, math.floor(free / cost))
    room = room < 0 and calls or math.min(room, calls)
  end
  if limit.name then
    lowered[#lowered + 1] = { limit.name, calls }
  else
    each[i] = calls
  end
end
if now < until_ and ahead == 0 then
  room = 0
end
return { 'closed', '0', 0, room, each, lowered, even and 1 or 0 }
