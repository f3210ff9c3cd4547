-- What is kept, and how it is read and written: the beginning of every script. layout.py says what the keys are.
local call = redis.call
local base = string.sub(KEYS[1], 1, -2)
local CHANNEL, TELL, HEAD, LETTER = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local at = 4
local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2]
local BATCH, DAY = 1000, 86400000
-- Messages are numbered from here on: all numbers are as long as each other, and in order as text too.
local FIRST = '100000000000'

-- The states of a row, each with its sorted set, and the fields of one.
local WAITING, BLOCKED, FLYING, DEAD = 1, 2, 3, 4
local SETS = {'w', 'z', 'i', 'd'}
local STATE, AT, N, FAILED, FROM, UNTIL, CONSUMER, SESSION, KEY, TAG, SIZE, OWN, EXPIRES, REASON =
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
local COUNTERS = {'cursor', 'behind', 'early', 'offered', 'acked', 'expired', 'removed', 'used'}
local PASSED, PARKED = 'x', '!'
-- The fields of a message.
local PUBLISHED, DUE, TTL, BYTES, MARK, ID, ORDER, DELAYED = 1, 2, 3, 4, 5, 6, 7, 8
local KEEP, TOPIC = 1, 3

local function int(number) return string.format('%.0f', number) end

local function take()
  at = at + 1
  return ARGV[at]
end

local topics = {}

local function topic(name)
  local found = topics[name]
  if found == nil then
    local key = base .. 'T' .. name
    local kept = call('HMGET', key, 'n', 'c', 'l', 'b', 'x', 'f')
    found = false
    if kept[1] then
      local lasting, _, retention, most = struct.unpack('>BI4I8I8', kept[2])
      found = {
        name = name, key = key, n = kept[1], config = kept[2], last = tonumber(kept[3]), bytes = tonumber(kept[4]),
        expires = tonumber(kept[5]), front = tonumber(kept[6]), lasting = lasting == 1, retention = retention,
        most = most, log = base .. 'm' .. kept[1], groups = {},
      }
    end
    topics[name] = found
  end
  return found
end

local function new_topic(name, config)
  local key = base .. 'T' .. name
  call('HSET', key, 'n', call('INCR', base .. 'n'), 'c', config, 'l', FIRST, 'b', 0, 'x', 0, 'f', 0)
  call('ZADD', KEYS[1], 0, name)
  topics[name] = nil
  return topic(name)
end

local function group(of, name)
  local found = of.groups[name]
  if found == nil then
    local key = base .. 'G' .. of.n .. '\0' .. name
    local kept = call('HMGET', key, 'n', 'c', 'epoch', unpack(COUNTERS))
    found = false
    if kept[1] then
      local deadline, longest, attempts, shortest, slowest, mode, dead, idle, paused, letter_at =
        struct.unpack('>I8I8I4I8I8BI8I8B', kept[2])
      found = {
        name = name, key = key, n = kept[1], config = kept[2], epoch = tonumber(kept[3]), deadline = deadline,
        longest = longest, attempts = attempts, shortest = shortest, slowest = slowest, mode = mode, dead = dead,
        idle = idle, paused = paused == 1, letter = string.sub(kept[2], letter_at), rows = base .. 'e' .. kept[1],
        was = {},
      }
      for i, counter in ipairs(COUNTERS) do
        found.was[i] = tonumber(kept[i + 3])
        found[counter] = found.was[i]
      end
    end
    of.groups[name] = found
  end
  return found
end

local function all_groups(of)
  if not of.all then
    of.all = {}
    for _, name in ipairs(call('SMEMBERS', base .. 'g' .. of.n)) do
      local found = group(of, name)
      if found then of.all[#of.all + 1] = found end
    end
  end
  return of.all
end

-- Writes what has changed of the counters: the last step of every script.
local function save()
  for _, of in pairs(topics) do
    if of then
      if of.changed then
        call('HSET', of.key, 'l', int(of.last), 'b', int(of.bytes), 'x', int(of.expires), 'f', int(of.front))
      end
      for _, each in pairs(of.groups) do
        if each and each.changed then
          local values = {}
          for i, name in ipairs(COUNTERS) do
            if each[name] ~= each.was[i] then
              values[#values + 1], values[#values + 2] = name, int(each[name])
              each.was[i] = each[name]
            end
          end
          if #values > 0 then call('HSET', each.key, unpack(values)) end
        end
      end
    end
  end
end

local function varint(number)
  if number < 128 then return string.char(number) end
  return string.char(number % 128 + 128) .. varint(math.floor(number / 128))
end

local function field(tag, text) return string.char(tag) .. varint(#text) .. text end

-- Other gateways hear of a topic where there may be something to do; this one does by what the script returns.
local told, changes = {}, {}

local function tell(name, kind)
  if told[name] ~= 'r' then
    if not told[name] then changes[#changes + 1] = name end
    told[name] = kind or 'c'
  end
end

local function announce()
  for i, name in ipairs(changes) do
    changes[i] = told[name] .. name
    redis.pcall(TELL, CHANNEL, HEAD .. field(0x12, changes[i]))
  end
  return changes
end

-- Rows: what a group knows of a message that it has passed, or that it got early.
local function row(of, seq)
  local kept = call('HGET', of.rows, seq)
  if not kept then return nil, false end
  if kept == PASSED then return nil, true end
  return cmsgpack.unpack(kept), false
end

local function place(of, seq, kept)
  call('HSET', of.rows, seq, cmsgpack.pack(kept))
  call('ZADD', base .. SETS[kept[STATE]] .. of.n, int(kept[AT]), seq)
  if kept[EXPIRES] > 0 and kept[STATE] == WAITING then call('ZADD', base .. 'r' .. of.n, int(kept[EXPIRES]), seq) end
end

local function unplace(of, seq, kept)
  call('ZREM', base .. SETS[kept[STATE]] .. of.n, seq)
  if kept[STATE] == FLYING and kept[SESSION] ~= '' then
    local who = kept[SESSION] == PARKED and 'p' .. of.n .. '\0' .. kept[CONSUMER] or 's' .. of.n .. '\0' .. kept[SESSION]
    call('SREM', base .. who, seq)
  end
end

-- 8: what was first of its key is so no longer; the next one may come.
local function unblock(topic_, of, kept)
  local key = kept[KEY]
  if key == '' or kept[STATE] == BLOCKED then return end
  kept[KEY] = ''
  local line = base .. 'l' .. of.n .. '\0' .. key
  while true do
    local seq = call('LPOP', line)
    if not seq then
      call('HDEL', base .. 'k' .. of.n, key)
      return
    end
    local following = row(of, seq)
    if following and following[STATE] == BLOCKED then
      unplace(of, seq, following)
      following[STATE] = WAITING
      place(of, seq, following)
      tell(topic_.name)
      return
    end
  end
end

-- A message of the log, or one that a group has kept when the log lost it.
local function message(of, group_, seq, kept)
  if kept and kept[OWN] == 1 then
    local own = call('HGET', base .. 'b' .. group_.n, seq)
    if not own then return nil end
    local both = cmsgpack.unpack(own)
    return both[1], both[2]
  end
  local found = call('XRANGE', of.log, seq, seq)[1]
  if not found then return nil end
  return cmsgpack.unpack(found[2][2]), found[2][4]
end

-- A row ends, and is out of its sorted set. What it was is remembered where a receipt of its could be asked about: that
-- the first delivery acknowledged it needs no words.
local function finish(of, group_, seq, kept, acknowledged)
  if kept[OWN] == 1 then
    local meta = message(of, group_, seq, kept)
    call('HDEL', base .. 'b' .. group_.n, seq)
    if meta then call('HDEL', base .. 'h' .. group_.n, meta[ID]) end
  end
  if kept[EXPIRES] > 0 then call('ZREM', base .. 'r' .. group_.n, seq) end
  if kept[OWN] == 0 and tonumber(seq) > group_.cursor then
    call('HSET', group_.rows, seq, PASSED)
  else
    call('HDEL', group_.rows, seq)
  end
  if kept[N] > 1 or (kept[N] == 1 and not acknowledged) then
    local name = base .. 'a' .. group_.n .. '\0' .. int(group_.epoch) .. '\0' .. seq
    call('SET', name, acknowledged and kept[N] or 0, 'PX', int(math.max(of.retention / 1000, DAY)))
  end
  unblock(of, group_, kept)
  group_.changed = true
end

local function expiry(of, meta)
  local life = of.retention
  if meta[TTL] > 0 and meta[TTL] < life then life = meta[TTL] end
  return meta[DUE] + life
end

-- Takes a message out of the log. A group that `keeps` its row has it on; for others it is over, `expired` unless cancelled.
local function remove(of, seq, meta, body, keeps, cancelled)
  local place_ = tonumber(seq)
  for _, each in ipairs(all_groups(of)) do
    local kept, passed = row(each, seq)
    each.changed = true
    if passed then call('HDEL', each.rows, seq) end
    local counted = place_ > each.cursor
    if kept and keeps(kept) then
      call('HSET', base .. 'b' .. each.n, seq, cmsgpack.pack({meta, body}))
      if meta[ID] ~= '' and call('HEXISTS', base .. 'f' .. of.n, meta[ID]) == 1 then
        call('HSET', base .. 'h' .. each.n, meta[ID], seq)
      end
      kept[OWN] = 1
      if kept[EXPIRES] == 0 then kept[EXPIRES] = expiry(of, meta) end
      call('HSET', each.rows, seq, cmsgpack.pack(kept))
    elseif kept then
      unplace(each, seq, kept)
      if kept[STATE] == DEAD then each.removed = each.removed + 1
      elseif cancelled then each.offered = each.offered - 1
      else each.expired = each.expired + 1 end
      finish(of, each, seq, kept, false)
      if counted then call('HDEL', each.rows, seq) end
    elseif counted and not passed and not cancelled then
      each.offered, each.expired = each.offered + 1, each.expired + 1
    end
    if not counted then each.behind = each.behind - 1
    elseif kept or passed then each.early = each.early - 1 end
  end
  call('XDEL', of.log, int(place_) .. '-0')
  if meta[TTL] > 0 or meta[DELAYED] == 1 then call('ZREM', base .. 'x' .. of.n, seq) end
  call('HDEL', base .. 'f' .. of.n, meta[ID])
  of.bytes = of.bytes - meta[BYTES]
  of.changed = true
end

local function keeps_dead(kept) return kept[STATE] == DEAD end

local function keeps_living(kept)
  return kept[STATE] == DEAD or kept[STATE] == FLYING or kept[EXPIRES] > now
end

-- The number in an entry's id.
local function number(entry) return string.match(entry[1], '^%d+') end

-- 13: what has outlived its retention or its ttl goes. Plain messages expire in the order of the log, from `front` on;
-- those with a delay or a ttl are in a sorted set.
local function tidy_topic(of, limit)
  local left = limit
  while of.expires > 0 and of.expires <= now and left > 0 do
    local special = base .. 'x' .. of.n
    local soonest = 0
    for _, seq in ipairs(call('ZRANGEBYSCORE', special, '-inf', int(now), 'LIMIT', 0, left)) do
      local meta, body = message(of, nil, seq, nil)
      if meta then remove(of, seq, meta, body, keeps_living) else call('ZREM', special, seq) end
      left = left - 1
    end
    local more = left > 0
    while more and left > 0 do
      local entries = call('XRANGE', of.log, int(of.front), '+', 'COUNT', math.min(left, 50))
      more = #entries > 0
      for _, entry in ipairs(entries) do
        local meta, seq = cmsgpack.unpack(entry[2][2]), number(entry)
        if meta[TTL] == 0 and meta[DELAYED] == 0 then
          local ends = expiry(of, meta)
          if ends > now then
            soonest, more = ends, false
            break
          end
          remove(of, seq, meta, entry[2][4], keeps_living)
        end
        of.front, left, of.changed = tonumber(seq) + 1, left - 1, true
      end
    end
    if left > 0 then
      local first = call('ZRANGE', special, 0, 0, 'WITHSCORES')[2]
      if first and (soonest == 0 or tonumber(first) < soonest) then soonest = tonumber(first) end
      of.expires, of.changed = soonest, true
    end
  end
  return left == 0
end
