-- What is done with groups.
local what, topic_name, name = take(), take(), take()
local of = topic(topic_name)
if what == 'create' then
  local make_topic, make, config = take(), take(), take()
  if not of then
    if make_topic == '' then return {{}, 'NO_TOPIC'} end
    of = new_topic(topic_name, make_topic)
  end
  local found = group(of, name)
  if found then return {{}, '', found.config, 0} end
  if make == '' then return {{}, 'NO_GROUP'} end
  tidy_topic(of, BATCH)
  local key = base .. 'G' .. of.n .. '\0' .. name
  local epoch, latest, since = take(), take() == '1', tonumber(take())
  call('HSET', key, 'n', call('INCR', base .. 'n'), 'c', config, 'cursor', 0, 'behind', 0, 'early', 0, 'offered', 0,
    'acked', 0, 'expired', 0, 'removed', 0, 'epoch', epoch, 'used', int(now))
  call('SADD', base .. 'g' .. of.n, name)
  of.groups[name], of.all = nil, nil
  offer(of, group(of, name), latest, since)
  save()
  return {announce(), '', config, 1}
end
if not of then return {{}, 'NO_TOPIC'} end
if what == 'list' then return {{}, '', call('SMEMBERS', base .. 'g' .. of.n)} end
local group_ = group(of, name)
if not group_ then return {{}, 'NO_GROUP'} end
if what == 'config' then return {{}, '', group_.config} end
if what == 'update' then
  local before, config = take(), take()
  if before ~= group_.config then return {{}, 'CHANGED'} end
  call('HSET', group_.key, 'c', config)
  tell(topic_name, 'r')
  return {announce(), ''}
elseif what == 'delete' then
  forget(of, group_, false)
  call('DEL', group_.key)
  call('SREM', base .. 'g' .. of.n, name)
  tell(topic_name, 'r')
  return {announce(), ''}
elseif what == 'seek' then
  tidy_topic(of, BATCH)
  local count = reset(of, group_, tonumber(take()), take() == '1', tonumber(take()))
  save()
  return {announce(), '', count}
end
-- 18: a group and its counts, of what is not overdue.
tidy_topic(of, BATCH)
tidy_group(of, group_, BATCH)
save()
local changed = announce()
local waiting = base .. 'w' .. group_.n
local due = call('ZCOUNT', waiting, '-inf', int(now))
local blocked = call('ZCARD', base .. 'z' .. group_.n)
local oldest = first_at(waiting)
local function older(since)
  if since and (not oldest or since < oldest) then oldest = since end
end
older(first_at(base .. 'z' .. group_.n))
if ahead(of, group_) > 0 then
  local after, found = group_.cursor, false
  while not found do
    local entry = call('XRANGE', of.log, int(after + 1), '+', 'COUNT', 1)[1]
    if not entry then break end
    after, found = tonumber(number(entry)), call('HEXISTS', group_.rows, number(entry)) == 0
    if found then older(cmsgpack.unpack(entry[2][2])[DUE]) end
  end
end
local consumers = {}
local flying = call('ZRANGE', base .. 'i' .. group_.n, 0, -1)
for i = 1, #flying, 500 do
  for _, kept in ipairs(call('HMGET', group_.rows, unpack(flying, i, math.min(i + 499, #flying)))) do
    local who = cmsgpack.unpack(kept)[CONSUMER]
    consumers[who] = (consumers[who] or 0) + 1
  end
end
local listed = {}
for who, count in pairs(consumers) do
  listed[#listed + 1] = who
  listed[#listed + 1] = count
end
local before = ahead(of, group_)
return {changed, '', group_.config, group_.offered + before, group_.acked, group_.expired, group_.removed,
  group_.epoch, group_.used, before + due + blocked,
  call('ZCARD', waiting) - due, call('ZCARD', base .. 'i' .. group_.n), call('ZCARD', base .. 'd' .. group_.n),
  oldest and math.max(now - oldest, 0) or 0, listed}
