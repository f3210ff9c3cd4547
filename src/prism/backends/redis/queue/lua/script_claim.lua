-- Leases what is due, the longest due first, to each of those who want some.
local of = topic(take())
if not of then return {{}, 'NO_TOPIC'} end
local group_ = group(of, take())
if not group_ then return {{}, 'NO_GROUP'} end
tidy_topic(of, BATCH)
local flying, waiting = base .. 'i' .. group_.n, base .. 'w' .. group_.n
local blocked = call('EXISTS', base .. 'z' .. group_.n) == 1
if blocked then tidy_own(of, group_, BATCH) end  -- what is waited for may expire
local first_end = first_at(flying)
if first_end and first_end <= now then
  tidy_leases(of, group_, BATCH)
  first_end = first_at(flying)
end
local MOST = tonumber(take())
local room = MOST - call('ZCARD', flying)
local budget, starved = BATCH, false
local entries, next_entry, log_end, length = {}, 1, false, call('XLEN', of.log)
local next_due_at, leased_any

local function pass(seq, offered)
  group_.cursor, group_.behind, group_.changed = tonumber(seq), group_.behind + 1, true
  if offered then group_.offered = group_.offered + 1 end
end

-- The next message of the log that can be delivered; what cannot is passed.
local function next_ahead(count)
  while budget > 0 do
    if not entries[next_entry] then
      if log_end or group_.cursor >= of.last then return nil end
      entries, next_entry = call('XRANGE', of.log, int(group_.cursor + 1), '+', 'COUNT', count), 1
      if #entries == 0 then
        log_end = true
        return nil
      end
    end
    local entry = entries[next_entry]
    if not entry.meta then entry.meta, entry.seq = cmsgpack.unpack(entry[2][2]), number(entry) end
    local meta, seq = entry.meta, entry.seq
    local kept, passed
    if group_.early > 0 then kept, passed = row(group_, seq) end
    if kept or passed then
      if passed then call('HDEL', group_.rows, seq) end
      group_.early = group_.early - 1
      pass(seq)
    elseif expiry(of, meta) <= now then
      group_.expired = group_.expired + 1
      pass(seq, true)
    elseif meta[ORDER] ~= '' and call('HEXISTS', base .. 'k' .. group_.n, meta[ORDER]) == 1 then
      place(group_, seq, {BLOCKED, meta[DUE], 0, 0, 0, 0, '', '', meta[ORDER], meta[MARK], meta[BYTES], 0, 0, ''})
      call('RPUSH', base .. 'l' .. group_.n .. '\0' .. meta[ORDER], seq)
      blocked = true
      pass(seq, true)
    else
      return entry
    end
    next_entry, budget = next_entry + 1, budget - 1
  end
end

local rows, flights, sessions
local function flush(session)
  if #rows > 0 then
    call('HSET', group_.rows, unpack(rows))
    call('ZADD', flying, unpack(flights))
    if session ~= '' then call('SADD', base .. 's' .. group_.n .. '\0' .. session, unpack(sessions)) end
  end
  rows, flights, sessions = {}, {}, {}
end

local function serve(want)
  local found, left, bytes, alone = {}, math.min(want.limit, room), want.bytes, want.alone
  if left <= 0 or group_.paused then return found end
  local ends = now + group_.deadline
  rows, flights, sessions = {}, {}, {}
  local due, next_due = call('ZRANGE', waiting, 0, left, 'WITHSCORES'), 1
  local each = length > 0 and of.bytes / length or 0
  local count = math.max(1, math.min(left, 50, each > 0 and math.floor(bytes / each) or 50))
  while left > 0 do
    local seq, since = due[next_due], tonumber(due[next_due + 1])
    if seq and since > now then seq = nil end
    local entry = next_ahead(count)
    local meta, body, kept
    if seq and not (entry and entry.meta[DUE] < since) then
      next_due = next_due + 2
      entry = nil
      kept = row(group_, seq)
      if kept and (kept[EXPIRES] == 0 or kept[EXPIRES] > now) then meta, body = message(of, group_, seq, kept) end
      if not meta then
        call('ZREM', waiting, seq)
        if kept then
          group_.expired = group_.expired + 1
          finish(of, group_, seq, kept, false)
        end
      end
    elseif entry then
      seq, meta, body = entry.seq, entry.meta, entry[2][4]
      kept = {WAITING, meta[DUE], 0, 0, 0, 0, '', '', meta[ORDER], meta[MARK], meta[BYTES], 0, 0, ''}
    else
      break
    end
    if meta then
      if meta[BYTES] > bytes and not alone then
        starved = true
        break
      end
      bytes, alone, left, room = bytes - meta[BYTES], false, left - 1, room - 1
      if entry then
        pass(seq, true)
        next_entry = next_entry + 1
        if meta[ORDER] ~= '' then call('HSET', base .. 'k' .. group_.n, meta[ORDER], seq) end
      else
        call('ZREM', waiting, seq)
      end
      kept[STATE], kept[AT], kept[N], kept[FROM], kept[UNTIL] = FLYING, ends, kept[N] % 65535 + 1, now, ends
      kept[CONSUMER], kept[SESSION] = want.consumer, want.session
      rows[#rows + 1], rows[#rows + 2] = seq, cmsgpack.pack(kept)
      flights[#flights + 1], flights[#flights + 2] = int(ends), seq
      sessions[#sessions + 1] = seq
      leased_any = true
      found[#found + 1] = {seq, kept[TAG], kept[N], kept[FAILED] + 1, meta[PUBLISHED], meta[ID],
        meta[ORDER], meta[BYTES], body}
      if #sessions == 100 then flush(want.session) end
    end
  end
  flush(want.session)
  next_due_at = tonumber(due[next_due + 1])
  return found
end

local answers = {}
for i = 1, tonumber(take()) do
  answers[i] = serve({limit = tonumber(take()), bytes = tonumber(take()), alone = take() == '1', consumer = take(),
    session = take()})
end
local unnoted = group_.idle > 0 and math.min(group_.idle / 4, 1000000) or 1000000
if group_.used < now - unnoted then group_.used, group_.changed = now, true end

local wait = -1
local function sooner(at_)
  if at_ and (wait < 0 or at_ - now < wait) then wait = math.max(at_ - now, 0) end
end
if not group_.paused then
  sooner(first_end)
  if leased_any then sooner(now + group_.deadline) end
  if room > 0 then
    sooner(next_due_at or first_at(waiting))
    if budget == 0 or starved or length - group_.behind - group_.early > 0 then wait = 0 end
    if blocked then
      sooner(of.expires > 0 and of.expires)
      sooner(first_at(base .. 'r' .. group_.n))
    end
  end
end
if group_.idle > 0 then sooner(now + group_.idle / 2) end  -- 12: who waits is a consumer
save()
return {announce(), '', group_.epoch, group_.deadline, wait, answers}
