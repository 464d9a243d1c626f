-- The limits of limiter.py over Redis keys: a hash for a bucket, a hash for a quota, a sorted set for seats. Where several
-- buckets share a hash, `field` is what their fields begin with.

local DUST = 1e-9

local function number(value)
  return string.format('%.6f', value)
end

local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- ARGV from `first` on: type, allowed, burst, rate, per, life of each limit.
local function read_limits(first, count, keys_from)
  local limits = {}
  for i = 0, count - 1 do
    local at = first + i * 6
    limits[i + 1] = {
      key = KEYS[keys_from + i], type = ARGV[at], allowed = tonumber(ARGV[at + 1]), burst = tonumber(ARGV[at + 2]),
      rate = tonumber(ARGV[at + 3]), per = tonumber(ARGV[at + 4]), life = tonumber(ARGV[at + 5]),
    }
  end
  return limits
end

local function fill(limit, now)
  local field = limit.field or ''
  local stored = redis.call('HMGET', limit.key, field .. 'tokens', field .. 'at')
  if not stored[1] then
    limit.tokens, limit.at = limit.burst, now
    return
  end
  local at = tonumber(stored[2])
  local tokens = tonumber(stored[1]) + math.max(0, now - at) * limit.rate * limit.flow
  limit.tokens, limit.at = math.min(tokens, limit.burst), math.max(now, at)
end

local function spend_of(limit, now)
  local sum, width = 0, limit.per / 24
  local oldest = math.floor((now - limit.per - limit.life) / width)
  local raw = redis.call('HGETALL', limit.key)
  limit.stale = {}
  for i = 1, #raw, 2 do
    if tonumber(raw[i]) >= oldest then
      sum = sum + tonumber(raw[i + 1])
    else
      limit.stale[#limit.stale + 1] = raw[i]
    end
  end
  limit.slot = math.floor(now / width)
  return sum, width
end

-- How fast each limit fills: after an outage all of them slowly; for a tenant that was told that it is too fast, those that count
-- it alone. The ramp is everybody's and knows no more than the usual traffic: such a tenant is held by it only where the
-- provider's file has no limit of its own for each tenant.
local function set_flows(limits, ramping, factor)
  local paced = false
  for _, limit in ipairs(limits) do
    paced = paced or limit.type == 'bucket' and not limit.name
  end
  for _, limit in ipairs(limits) do
    local slowed = limit.type == 'bucket' or limit.type == 'ramp' and not paced
    limit.flow = slowed and math.min(ramping, factor) or ramping
  end
end

-- A limit is read once, asked and taken from for each call, and written once.
local function look(limit, now)
  if limit.type == 'seats' then
    redis.call('ZREMRANGEBYSCORE', limit.key, '-inf', number(now))
    limit.taken = redis.call('ZCARD', limit.key)
  elseif limit.type == 'quota' then
    limit.sum, limit.width = spend_of(limit, now)
    limit.spent = 0
  elseif limit.type ~= 'ramp' or limit.flow < 1 then
    fill(limit, now)
  end
end

-- Seconds until this limit lets a call of `cost` pass; 0 when it does now.
local function wait_of(limit, now, cost)
  if limit.type == 'seats' then
    if limit.taken < limit.allowed then
      return 0
    end
    local first = redis.call('ZRANGE', limit.key, 0, 0, 'WITHSCORES')
    return math.min(1, math.max(0.05, tonumber(first[2]) - now))
  elseif limit.type == 'quota' then
    return limit.sum + cost <= limit.allowed + DUST and 0 or limit.width
  elseif not limit.tokens then
    return 0
  end
  local missing = math.min(cost, limit.burst) - limit.tokens
  return missing <= DUST and 0 or missing / math.max(limit.rate * limit.flow, DUST)
end

local function take(limit, now, cost, token, lease)
  if limit.type == 'seats' then
    redis.call('ZADD', limit.key, number(now + lease), token)
    limit.taken = limit.taken + 1
  elseif limit.type == 'quota' then
    limit.sum, limit.spent = limit.sum + cost, limit.spent + cost
  elseif limit.tokens then
    limit.tokens = limit.tokens - cost
  end
end

-- How many calls of `cost` may be granted ahead: none of a limit on calls at once, of a day's, or of one that a person lowered; of a bucket
-- a tenth of its burst, what leaves it half full, and what flows in while a permit is good, whichever is least.
local function beyond(limit, cost)
  if limit.type == 'seats' or limit.type == 'quota' or limit.field then
    return 0
  elseif not limit.tokens then
    return math.huge
  end
  local spare = math.min(limit.burst / 10, limit.tokens - limit.burst / 2, limit.rate * limit.life)
  return math.max(0, math.floor(spare / cost))
end

local function keep(limit, lease)
  if limit.type == 'seats' then
    redis.call('EXPIRE', limit.key, math.ceil(lease) + 60)
  elseif limit.type == 'quota' then
    for _, slot in ipairs(limit.stale) do
      redis.call('HDEL', limit.key, slot)
    end
    redis.call('HINCRBYFLOAT', limit.key, limit.slot, limit.spent)
    redis.call('EXPIRE', limit.key, math.ceil(limit.per * 1.2))
  elseif limit.tokens then
    local field = limit.field or ''
    redis.call('HSET', limit.key, field .. 'tokens', number(limit.tokens), field .. 'at', number(limit.at))
    -- Full again long before that; where buckets share a hash, the longest window there may be decides.
    redis.call('EXPIRE', limit.key, math.ceil(math.max(60, 20 * (limit.field and 3600 or limit.per))))
  end
end

local function slowness(key, now)
  local stored = redis.call('HMGET', key, 'factor', 'at', 'until')
  local factor = 1
  if stored[1] then
    factor = math.min(1, tonumber(stored[1]) + math.max(0, now - tonumber(stored[2])) / 60)
  end
  return factor, tonumber(stored[3] or 0)
end

local function slow_down(key, now, retry_after)
  local factor = slowness(key, now)
  redis.call('HSET', key, 'factor', number(math.max(0.1, factor * 0.67)), 'at', number(now),
    'until', number(now + retry_after))
  redis.call('EXPIRE', key, math.ceil(retry_after) + 120)
end
