-- Streams that end in order (give back), break (park) and come again (adopt).
local what = take()
local of = topic(take())
if not of then return {{}, 'NO_TOPIC'} end
local group_ = group(of, take())
if not group_ then return {{}, 'NO_GROUP'} end
local consumer, session, window = take(), take(), tonumber(take())
local own, parked = base .. 's' .. group_.n .. '\0' .. session, base .. 'p' .. group_.n .. '\0'
local answers = {}
for _, seq in ipairs(call('SMEMBERS', what == 'adopt' and parked .. consumer or own)) do
  local kept = row(group_, seq)
  if what == 'release' then
    release(of, group_, seq, kept)
  elseif what == 'park' then
    unplace(group_, seq, kept)
    kept[SESSION], kept[AT] = PARKED, math.min(kept[UNTIL], now + window)
    call('SADD', parked .. kept[CONSUMER], seq)
    place(group_, seq, kept)
    tell(of.name)
  elseif kept[AT] > now then
    unplace(group_, seq, kept)
    kept[SESSION], kept[AT] = session, kept[UNTIL]
    call('SADD', own, seq)
    place(group_, seq, kept)
    answers[#answers + 1] = {seq, kept[TAG], kept[N], kept[SIZE], kept[AT] - now}
  end
end
save()
return {announce(), '', group_.epoch, answers}
