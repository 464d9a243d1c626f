-- The breaker's policy, from ARGV[first] on; returns it and the index behind it.
local function read_policy(first)
  return {
    mode = ARGV[first], consecutive = tonumber(ARGV[first + 1]), rate = tonumber(ARGV[first + 2]),
    min_calls = tonumber(ARGV[first + 3]), window = tonumber(ARGV[first + 4]), open_for = tonumber(ARGV[first + 5]),
    open_for_max = tonumber(ARGV[first + 6]), probe_life = tonumber(ARGV[first + 7]), ramp = tonumber(ARGV[first + 8]),
  }, first + 9
end
