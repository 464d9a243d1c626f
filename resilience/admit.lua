-- Calls of one lane ask to be made, as many as there are tokens. KEYS: state, breaker, slowdown, lowered limits, each limit's; last, the list
-- of refused tickets. ARGV: now or '', cost of each, may_probe, lease in seconds, the breaker's policy, number of limits, the limits, tenant,
-- kind, without haste, patience in seconds, how many more to grant ahead; then, for each call, its token and its ticket. Only a call that
-- asks alone may probe.
-- Answers: how many are granted, the first ones, and how many ahead; and why the others are not: reason, wait, breaker state, trip, probe,
-- and whether they are expected to ask again, for a limit lets the next one pass within their patience.

local now, cost = clock(ARGV[1]), tonumber(ARGV[2])
local may_probe, lease = ARGV[3] == '1', tonumber(ARGV[4])
local p, first = read_policy(5)
local count = tonumber(ARGV[first])
local limits = read_limits(first + 1, count, 5)
local lane = first + 1 + count * 6
local patience = tonumber(ARGV[lane + 3])
local more = tonumber(ARGV[lane + 4])
local calls = lane + 5  -- where the first call's token is

local state = redis.call('HMGET', KEYS[1], 'phase', KEYS[4])
if state[1] ~= 'open' then
  return { 0, 0, 'redis', '1', 'closed', 0, 0, 0 }
end
local b = read_breaker(KEYS[2])
local allowed, wait, probe = admit_breaker(KEYS[2], b, p, now, may_probe)
local function refuse(from, reason, seconds)
  local soon = reason ~= 'breaker' and seconds <= patience
  for at = from, #ARGV, 2 do
    if ARGV[at + 1] ~= '' and not soon then
      redis.call('RPUSH', KEYS[#KEYS], ARGV[at + 1])  -- the sweep hints again when there is room
    end
  end
  return { (from - calls) / 2, 0, reason, number(seconds), b.state, b.trip, 0, soon and 1 or 0 }
end
if not allowed then
  return refuse(calls, 'breaker', wait)
end

local factor, until_ = slowness(KEYS[3], now)
if now < until_ then
  return refuse(calls, 'rate:retry_after', until_ - now)
end
limits = read_lowered(limits, KEYS[4], state[2], now, lane)
local flow = flow_of(b, p, now)
set_flows(limits, flow, factor)
for _, limit in ipairs(limits) do
  look(limit, now)
end
local at, longest, slowest = calls, 0, ''
while at < #ARGV do
  for index, limit in ipairs(limits) do
    local seconds = wait_of(limit, now, cost)
    if seconds > longest then
      longest, slowest = seconds, 'rate:' .. (limit.name or index - 1)
    end
  end
  if longest > 0 then
    break
  end
  for _, limit in ipairs(limits) do
    take(limit, now, cost, ARGV[at], lease)
  end
  at = at + 2
end
if longest > 0 or flow < 1 or factor < 1 then
  more = 0
end
for _, limit in ipairs(limits) do
  more = math.min(more, beyond(limit, cost))
end
if more > 0 then
  for _, limit in ipairs(limits) do
    take(limit, now, cost * more)
  end
end
if at > calls then
  for _, limit in ipairs(limits) do
    keep(limit, lease)
  end
  if probe then
    take_probe(KEYS[2], p, now, ARGV[calls])
  end
end
if longest > 0 then
  return refuse(at, slowest, longest)
end
return { (at - calls) / 2, more, '', '0', b.state, b.trip, probe and 1 or 0, 0 }
