-- One call asks to be made. KEYS: state, breaker, slowdown, lowered limits, each limit's; last, the list of refused tickets. ARGV: now or
-- '', token, cost, may_probe, lease in seconds, the breaker's policy, number of limits, the limits, tenant, kind, without haste; last, the ticket.
-- Answers: granted, reason, wait, breaker state, trip, probe, epoch.

local now, token, cost = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local ticket = ARGV[#ARGV]
local may_probe, lease = ARGV[4] == '1', tonumber(ARGV[5])
local p, first = read_policy(6)
local count = tonumber(ARGV[first])
local limits = read_limits(first + 1, count, 5)

local state = redis.call('HMGET', KEYS[1], 'phase', 'epoch', KEYS[4])
if state[1] ~= 'open' then
  return { 0, 'redis', '1', 'closed', 0, 0, '' }
end
local b = read_breaker(KEYS[2])
local allowed, wait, probe = admit_breaker(KEYS[2], b, p, now, token, may_probe)
local function refuse(reason, seconds)
  if ticket ~= '' then
    redis.call('RPUSH', KEYS[#KEYS], ticket)  -- the sweep hints again when there is room
  end
  return { 0, reason, number(seconds), b.state, b.trip, 0, state[2] }
end
if not allowed then
  return refuse('breaker', wait)
end

local factor, until_ = slowness(KEYS[3], now)
if now < until_ then
  return refuse('rate:retry_after', until_ - now)
end
local flow = math.min(factor, flow_of(b, p, now))
limits = read_lowered(limits, KEYS[4], state[3], now, first + 1 + count * 6)
local longest, slowest = 0, ''
for index, limit in ipairs(limits) do
  local seconds = wait_of(limit, now, cost, flow)
  if seconds > longest then
    longest, slowest = seconds, 'rate:' .. (limit.name or index - 1)
  end
end
if longest > 0 then
  return refuse(slowest, longest)
end
for _, limit in ipairs(limits) do
  take(limit, now, cost, token, lease)
end
if probe then
  take_probe(KEYS[2], p, now, token)
end
return { 1, '', '0', b.state, b.trip, probe and 1 or 0, state[2] }
