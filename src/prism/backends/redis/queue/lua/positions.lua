-- Places in a topic, and groups that are moved to one.
local function locate(of, latest, since)
  if latest then return of.last, call('XLEN', of.log) end
  if since == 0 then return 0, 0 end
  local first = call('XRANGE', of.log, '-', '+', 'COUNT', 1)[1]
  if not first then return of.last, 0 end
  local low, high = tonumber(number(first)), of.last + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local entry = call('XRANGE', of.log, int(middle), '+', 'COUNT', 1)[1]
    if not entry or cmsgpack.unpack(entry[2][2])[PUBLISHED] >= since then
      high = middle
    else
      low = tonumber(number(entry)) + 1
    end
  end
  -- How many are before it, or after it, is counted.
  local before = low - tonumber(number(first)) < of.last - low
  local from, to = int(before and 0 or low), before and int(low - 1) or '+'
  local count = 0
  while true do
    local some = call('XRANGE', of.log, from, to, 'COUNT', 100)
    count = count + #some
    if #some < 100 then break end
    from = int(tonumber(number(some[100])) + 1)
  end
  return low - 1, before and count or call('XLEN', of.log) - count
end

-- What has a delay has its place by when it is due, now; all else when the group comes to it.
local function offer(of, group_, latest, since)
  group_.cursor, group_.behind = locate(of, latest, since)
  for _, seq in ipairs(call('ZRANGE', base .. 'x' .. of.n, 0, -1)) do
    if tonumber(seq) > group_.cursor and call('HEXISTS', group_.rows, seq) == 0 then
      local meta = message(of, nil, seq, nil)
      if meta and meta[DELAYED] == 1 then offer_early(group_, seq, meta) end
    end
  end
  group_.changed = true
end

-- Forgets all that a group knows but the dead; without `dead` those too.
local function forget(of, group_, dead)
  for _, key in ipairs(call('HKEYS', base .. 'k' .. group_.n)) do
    call('DEL', base .. 'l' .. group_.n .. '\0' .. key)
  end
  for _, seq in ipairs(call('ZRANGE', base .. 'i' .. group_.n, 0, -1)) do
    unplace(group_, seq, row(group_, seq))
  end
  local name = group_.n
  call('UNLINK', base .. 'k' .. name, base .. 'w' .. name, base .. 'z' .. name, base .. 'i' .. name, base .. 'r' .. name)
  if not dead then
    call('UNLINK', group_.rows, base .. 'd' .. name, base .. 'b' .. name, base .. 'h' .. name)
    return
  end
  local from = '0'
  repeat
    local some = call('HSCAN', group_.rows, from, 'COUNT', 500)
    from = some[1]
    for i = 1, #some[2], 2 do
      local seq, kept = some[2][i], some[2][i + 1]
      kept = kept ~= PASSED and cmsgpack.unpack(kept)
      if not kept or kept[STATE] ~= DEAD then
        if kept and kept[OWN] == 1 then call('HDEL', base .. 'b' .. name, seq) end
        call('HDEL', group_.rows, seq)
      end
    end
  until from == '0'
end

-- 17: moves a group; how many messages it has before it.
local function reset(of, group_, epoch, latest, since)
  forget(of, group_, true)
  group_.epoch = epoch
  call('HSET', group_.key, 'epoch', int(epoch))
  local dead = call('ZCARD', base .. 'd' .. group_.n)
  group_.offered, group_.acked, group_.expired, group_.removed, group_.early = dead, 0, 0, 0, 0
  group_.cursor, group_.behind = locate(of, latest, since)
  for _, seq in ipairs(call('ZRANGE', base .. 'd' .. group_.n, 0, -1)) do
    if tonumber(seq) > group_.cursor and row(group_, seq)[OWN] == 0 then group_.early = group_.early + 1 end
  end
  offer(of, group_, latest, since)
  tell(of.name, 'r')
  return ahead(of, group_) + group_.offered - dead
end
