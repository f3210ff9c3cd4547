-- What is done with messages by their ids, and what is shown of them.
local what, topic_name, name = take(), take(), take()
local of = topic(topic_name)
if not of then return {{}, 'NO_TOPIC'} end

-- The numbers of what has this id: in the log, or in what a group has kept.
local function find(id, group_)
  local found = {}
  local own = string.match(id, '%-(%d+)$')
  local others = (own or '') .. ',' .. (call('HGET', base .. 'f' .. of.n, id) or '')
  if group_ then others = others .. ',' .. (call('HGET', base .. 'h' .. group_.n, id) or '') end
  for seq in string.gmatch(others, '%d+') do
    if #seq < 17 then
      local kept = group_ and row(group_, seq)
      local meta, body = message(of, group_, seq, kept)
      if meta and meta[ID] == id and not found[seq] then
        found[seq] = true
        found[#found + 1] = {seq, meta, body, kept}
      end
    end
  end
  return found
end

if what == 'cancel' then
  local cancelled = {}
  for _ = 1, tonumber(take()) do
    local id = take()
    for _, each in ipairs(find(id)) do
      remove(of, each[1], each[2], each[3], function(kept) return kept[STATE] == FLYING or kept[STATE] == DEAD end, true)
      cancelled[#cancelled + 1] = id
    end
  end
  save()
  return {announce(), '', cancelled}
end

local group_ = group(of, name)
if not group_ then return {{}, 'NO_GROUP'} end

-- Rows as they are shown, with their messages.
local function shown(seq, kept)
  local meta, body = message(of, group_, seq, kept)
  if not meta then return nil end
  return {seq, kept[STATE], kept[AT], kept[FAILED], kept[CONSUMER], kept[REASON], meta[PUBLISHED], meta[ID],
    meta[ORDER], meta[BYTES], body}
end

if what == 'tidy' then
  tidy_topic(of, BATCH)
  tidy_group(of, group_, BATCH)
  save()
  return {announce(), '', now, group_.n}
elseif what == 'rows' then
  local answers = {}
  for _ = 1, tonumber(take()) do
    local seq = take()
    local kept = row(group_, seq)
    if kept then answers[#answers + 1] = shown(seq, kept) end
  end
  return {{}, '', answers}
elseif what == 'ahead' then
  local answers, after, limit = {}, math.max(tonumber(take()), group_.cursor), tonumber(take())
  while #answers < limit do
    local entries = call('XRANGE', of.log, int(after + 1), '+', 'COUNT', math.min(limit, 50))
    if #entries == 0 then break end
    for _, entry in ipairs(entries) do
      local seq, meta = number(entry), cmsgpack.unpack(entry[2][2])
      after = tonumber(seq)
      if #answers < limit and call('HEXISTS', group_.rows, seq) == 0 then
        answers[#answers + 1] = {seq, WAITING, meta[DUE], 0, '', '', meta[PUBLISHED], meta[ID], meta[ORDER],
          meta[BYTES], entry[2][4]}
      end
    end
  end
  return {{}, '', answers}
end

-- The dead, by their ids or those that died first.
local dead = {}
local limit, count = tonumber(take()), tonumber(take())
for _ = 1, count do
  for _, each in ipairs(find(take(), group_)) do
    if each[4] and each[4][STATE] == DEAD then dead[#dead + 1] = each[1] end
  end
end
if count == 0 then dead = call('ZRANGE', base .. 'd' .. group_.n, 0, limit - 1) end
for _, seq in ipairs(dead) do
  local kept = row(group_, seq)
  unplace(group_, seq, kept)
  if what == 'discard' then
    group_.removed = group_.removed + 1
    finish(of, group_, seq, kept, false)
    drop_if_done(of, seq)
  else
    kept[STATE], kept[AT], kept[FAILED], kept[KEY], kept[REASON], kept[CONSUMER] = WAITING, now, 0, '', '', ''
    kept[EXPIRES] = now + of.retention
    place(group_, seq, kept)
    tell(topic_name)
  end
end
save()
return {announce(), '', #dead}
