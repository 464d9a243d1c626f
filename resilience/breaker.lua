-- The breaker of breaker.py over one Redis hash. Fields are named as there; c<slot> and f<slot> are calls and failures.

local function read_breaker(key)
  local raw = redis.call('HGETALL', key)
  local b = { slots = {} }
  for i = 1, #raw, 2 do
    local slot = string.match(raw[i], '^c(%d+)$')
    if slot then
      b.slots[tonumber(slot)] = { tonumber(raw[i + 1]), 0 }
    end
  end
  for i = 1, #raw, 2 do
    local slot = string.match(raw[i], '^f(%d+)$')
    if slot and b.slots[tonumber(slot)] then
      b.slots[tonumber(slot)][2] = tonumber(raw[i + 1])
    elseif not slot and not string.match(raw[i], '^c%d+$') then
      b[raw[i]] = raw[i + 1]
    end
  end
  b.state = b.state or 'closed'
  b.probe = b.probe or ''
  b.held = b.held or ''
  b.by_rate = b.by_rate == '1'
  for _, name in ipairs({ 'trip', 'consecutive', 'opens', 'retry_at', 'probe_until' }) do
    b[name] = tonumber(b[name] or 0)
  end
  b.closed_at = tonumber(b.closed_at or -1e9)
  return b
end

local function open_breaker(key, b, p, now)
  local wait = math.min(p.open_for * 2 ^ b.opens, p.open_for_max)
  redis.call('DEL', key)
  redis.call('HSET', key, 'state', 'open', 'trip', b.trip + 1, 'opens', b.opens + 1,
    'retry_at', number(now + wait), 'by_rate', b.by_rate and 1 or 0)
  b.state, b.trip, b.retry_at = 'open', b.trip + 1, now + wait
end

-- Returns allowed, wait in seconds, probe.
local function admit_breaker(key, b, p, now, may_probe)
  if b.held ~= '' then
    local allowed = b.held == 'closed'
    b.state = allowed and 'closed' or 'open'
    return allowed, allowed and 0 or p.open_for_max, false
  end
  if b.state == 'closed' then
    return true, 0, false
  end
  if now < b.retry_at then
    b.state = 'open'
    return false, b.retry_at - now, false
  end
  b.state = 'half-open'
  if b.probe ~= '' and now < b.probe_until then
    return false, b.probe_until - now, false
  end
  return may_probe, 0, may_probe
end

local function take_probe(key, p, now, token)
  redis.call('HSET', key, 'state', 'half-open', 'probe', token, 'probe_until', number(now + p.probe_life))
end

local function count_calls(key, b, p, now, down, many)
  local current = math.floor(now / (p.window / 10))
  local calls, failures = 0, 0
  for slot, counts in pairs(b.slots) do
    if slot > current - 10 then
      calls, failures = calls + counts[1], failures + counts[2]
    else
      redis.call('HDEL', key, 'c' .. slot, 'f' .. slot)
    end
  end
  for _ = 1, many do  -- one after another, as if each had come alone
    calls, failures = calls + 1, failures + (down and 1 or 0)
    b.consecutive = down and b.consecutive + 1 or 0
    b.by_rate = p.mode ~= 'consecutive' and calls >= p.min_calls * (b.by_rate and 0.75 or 1.25)
    local tripped = b.consecutive >= p.consecutive
    if b.by_rate then
      tripped = failures >= p.rate * calls
    end
    if down and tripped then
      return open_breaker(key, b, p, now)  -- the others are of a trip that is over
    end
  end
  redis.call('HINCRBY', key, 'c' .. current, many)
  if down then
    redis.call('HINCRBY', key, 'f' .. current, many)
  end
  redis.call('HSET', key, 'consecutive', b.consecutive, 'by_rate', b.by_rate and 1 or 0)
end

-- The same of several calls; a probe reports alone.
local function report_breaker(key, b, p, now, verdict, trip, token, many)
  if b.held ~= '' or trip ~= b.trip then
    return
  end
  if b.state == 'closed' then
    if verdict ~= 'neutral' then
      count_calls(key, b, p, now, verdict == 'down', many)
    end
    return
  end
  if b.probe ~= token then
    return
  end
  if verdict == 'ok' then
    redis.call('DEL', key)
    redis.call('HSET', key, 'state', 'closed', 'trip', b.trip, 'closed_at', number(now), 'by_rate', b.by_rate and 1 or 0)
    b.state = 'closed'
  elseif verdict == 'down' then
    open_breaker(key, b, p, now)
  else
    redis.call('HSET', key, 'probe', '', 'probe_until', 0)
  end
end

local function flow_of(b, p, now)
  if p.ramp <= 0 then
    return 1
  end
  return math.min(1, math.max(0.1, (now - b.closed_at) / p.ramp))
end
