-- What becomes of deliveries, and of groups by time.
local function dead_letter(of, group_, seq, kept)
  local meta, body = message(of, group_, seq, kept)
  if not meta then return end
  local function note(name, value)
    return field(0x22, field(0x0a, 'prism-dead-' .. name) .. field(0x12, value))
  end
  local to = topic(group_.letter) or new_topic(group_.letter, LETTER)
  local noted = note('topic', of.name) .. note('group', group_.name) .. note('reason', kept[REASON])
    .. note('attempts', int(kept[FAILED])) .. note('published-at', int(meta[PUBLISHED])) .. note('at', int(now))
  store(to, {
    id = meta[ID], key = meta[ORDER], delay = 0, deliver_at = 0, ttl = 0, size = meta[BYTES], mark = meta[MARK],
    body = body .. noted,
  })
end

-- 13: with UNTIL_ACKNOWLEDGED a message goes when no group needs it.
local function drop_if_done(of, seq)
  if not of.lasting then return end
  for _, each in ipairs(all_groups(of)) do
    local kept, passed = row(each, seq)
    if kept or (tonumber(seq) > each.cursor and not passed) then return end
  end
  local meta, body = message(of, nil, seq, nil)
  if meta then remove(of, seq, meta, body, keeps_dead) end
end

-- An attempt has failed; the row is out of its sorted set.
local function fail(of, group_, seq, kept, again, reason, dead)
  kept[FAILED] = kept[FAILED] + 1
  group_.changed = true
  if not (dead or (group_.attempts > 0 and kept[FAILED] >= group_.attempts)) then
    kept[STATE], kept[AT], kept[SESSION], kept[CONSUMER] = WAITING, again, '', ''
    place(group_, seq, kept)
    return
  end
  kept[REASON] = reason
  if group_.mode == KEEP then
    unblock(of, group_, kept)
    kept[STATE], kept[AT], kept[SESSION] = DEAD, now, ''
    place(group_, seq, kept)
  else
    if group_.mode == TOPIC then dead_letter(of, group_, seq, kept) end
    group_.removed = group_.removed + 1
    finish(of, group_, seq, kept, false)
    drop_if_done(of, seq)
  end
end

local function first_at(name)
  local found = call('ZRANGE', name, 0, 0, 'WITHSCORES')[2]
  return found and tonumber(found)
end

-- Leases that have ended.
local function tidy_leases(of, group_, limit)
  local late = call('ZRANGEBYSCORE', base .. 'i' .. group_.n, '-inf', int(now), 'LIMIT', 0, limit)
  for _, seq in ipairs(late) do
    local kept = row(group_, seq)
    unplace(group_, seq, kept)
    fail(of, group_, seq, kept, now, kept[SESSION] == PARKED and 'its consumer is gone' or 'its deadline passed')
  end
  return #late == limit
end

-- What expires by itself: what was redriven, or what the log has no longer.
local function tidy_own(of, group_, limit)
  local over = call('ZRANGEBYSCORE', base .. 'r' .. group_.n, '-inf', int(now), 'LIMIT', 0, limit)
  for _, seq in ipairs(over) do
    local kept = row(group_, seq)
    if kept and kept[STATE] == WAITING then
      unplace(group_, seq, kept)
      group_.expired = group_.expired + 1
      finish(of, group_, seq, kept, false)
    else
      call('ZREM', base .. 'r' .. group_.n, seq)
    end
  end
  return #over == limit
end

-- All that time does to a group.
local function tidy_group(of, group_, limit)
  local more = tidy_leases(of, group_, limit)
  more = tidy_own(of, group_, limit) or more
  local dead = call('ZRANGEBYSCORE', base .. 'd' .. group_.n, '-inf', int(now - group_.dead), 'LIMIT', 0, limit)
  for _, seq in ipairs(dead) do
    local kept = row(group_, seq)
    unplace(group_, seq, kept)
    group_.removed = group_.removed + 1
    finish(of, group_, seq, kept, false)
  end
  return more or #dead == limit
end

local function ahead(of, group_) return call('XLEN', of.log) - group_.behind - group_.early end

-- What a lease is of; or whether it was acknowledged by it; nil where it is lost (3).
local function leased(of, group_, seq, epoch, mark, n)
  if epoch ~= group_.epoch then return nil end
  local kept, passed = row(group_, seq)
  if kept then
    if kept[STATE] == FLYING and kept[TAG] == mark and kept[N] == n and kept[AT] > now then return kept end
    return nil
  end
  if tonumber(seq) > group_.cursor and not passed then return nil end
  local meta = message(of, nil, seq, nil)
  if meta and meta[MARK] ~= mark then return nil end
  local word = call('GET', base .. 'a' .. group_.n .. '\0' .. int(epoch) .. '\0' .. seq)
  if tonumber(word or 1) == n then return nil, true end
  return nil
end

local function acknowledge(of, group_, seq, kept)
  unplace(group_, seq, kept)
  group_.acked = group_.acked + 1
  finish(of, group_, seq, kept, true)
  drop_if_done(of, seq)
end

local function release(of, group_, seq, kept)
  unplace(group_, seq, kept)
  kept[STATE], kept[AT], kept[SESSION], kept[CONSUMER] = WAITING, kept[FROM], '', ''
  place(group_, seq, kept)
  tell(of.name)
end
