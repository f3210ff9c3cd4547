-- What becomes of deliveries, as some callers want: for each the microseconds that are left of its lease, 0 where it has ended, -1 where it
-- is lost.
local of = topic(take())
if not of then return {{}, 'NO_TOPIC'} end
local group_ = group(of, take())
if not group_ then return {{}, 'NO_GROUP'} end
local random = tonumber(take())
local full = call('ZCARD', base .. 'i' .. group_.n) >= tonumber(take())
local function settle(i)
  local verb, seq, epoch, mark, n = take(), take(), tonumber(take()), tonumber(take()), tonumber(take())
  local delay, reason, dead
  if verb == 'N' then delay, reason, dead = take(), take(), take() == '1' end
  local kept, acknowledged = leased(of, group_, seq, epoch, mark, n)
  local left = 0
  if not kept then
    if not (acknowledged and verb == 'A') then left = -1 end
  elseif verb == 'A' then
    acknowledge(of, group_, seq, kept)
  elseif verb == 'N' then
    local wait
    if delay ~= '' then
      wait = tonumber(delay)
    else
      wait = math.min(group_.shortest * 2 ^ math.min(kept[FAILED], 40), math.max(group_.slowest, group_.shortest))
      wait = wait + math.floor(wait * 0.1 * ((random + i * 0.618034) % 1))
    end
    unplace(group_, seq, kept)
    fail(of, group_, seq, kept, now + wait, reason, dead)
    tell(of.name)
  elseif verb == 'R' then
    release(of, group_, seq, kept)
  else
    if verb == 'B' then kept[FROM] = now end
    kept[UNTIL] = math.min(now + group_.deadline, kept[FROM] + group_.longest)
    kept[AT] = kept[UNTIL]
    place(group_, seq, kept)
    left = kept[AT] - now
  end
  return left
end

local answers = {}
for i = 1, tonumber(take()) do
  answers[i] = {}
  for j = 1, tonumber(take()) do answers[i][j] = settle(i * 7 + j) end
end
if full then tell(of.name) end
save()
return {announce(), '', answers}
