-- Limits that a person set for a while, beside those of the provider's file: as JSON in the state's hash, under the name of
-- the key that holds their buckets (see lowered.py). ARGV[first]: tenant, kind and '1' where the lane has no haste.
local function read_lowered(limits, key, stored, now, first)
  if not stored then
    return limits
  end
  local tenant, kind, spare = ARGV[first], ARGV[first + 1], ARGV[first + 2]
  for _, limit in ipairs(cjson.decode(stored)) do
    if now < limit.ends and (limit.tenant == '' or limit.tenant == tenant) and (limit.kind == '' or limit.kind == kind)
      and (not limit.spare or spare == '1') then
      limit.type, limit.key = limit.tenant == '' and 'shared' or 'bucket', key
      limits[#limits + 1] = limit
    end
  end
  return limits
end
