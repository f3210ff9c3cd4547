-- A namespace's log: one key, so that it is whole on one node of a cluster at any moment, also while its slot moves. What
-- there is to know of it is kept in consumer groups of the stream that read nothing: `bytes` and `end`, and a third one
-- whose name is the log's identity and whose place is its floor. An entry's id is the microsecond of its publishing.
local call = redis.call
local log = KEYS[1]
local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2]
local ENTRY = 100  -- bytes of an entry beyond its body

local function int(number) return string.format('%.0f', number) end

local function parts(id)
  local high, low = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(high), tonumber(low)
end

-- Identity, floor, end and bytes of the log, made where it is missing.
local function known(identity)
  local floor, last, bytes
  if call('EXISTS', log) == 0 then
    for _, name in ipairs({identity, 'end', 'bytes'}) do call('XGROUP', 'CREATE', log, name, '0-0', 'MKSTREAM') end
    return identity, '0-0', '0-0', 0
  end
  for _, group in ipairs(call('XINFO', 'GROUPS', log)) do
    local name, at
    for i = 1, #group, 2 do
      if group[i] == 'name' then name = group[i + 1] end
      if group[i] == 'last-delivered-id' then at = group[i + 1] end
    end
    if name == 'end' then last = at
    elseif name == 'bytes' then bytes = parts(at)
    else identity, floor = name, at end
  end
  return identity, floor, last, bytes
end

local function set(name, id) call('XGROUP', 'SETID', log, name, id) end

-- Removes the oldest messages while `goes` says so, but never the last one of all; how many bytes are left, and whether
-- it was stopped by `limit`.
local function trim(identity, last, bytes, limit, goes)
  local gone, going = nil, true
  local from, count = '-', 1  -- they may be large, and are read to be counted
  while going and limit > 0 do
    local entries = call('XRANGE', log, from, '+', 'COUNT', math.min(limit, count))
    count = math.min(2 * count, 32)
    going = #entries > 0
    for _, entry in ipairs(entries) do
      if not goes(entry[1], bytes) then
        going = false
        break
      end
      gone, bytes, limit = entry[1], bytes - #entry[2][2] - ENTRY, limit - 1
    end
    if gone then from = '(' .. gone end
  end
  if gone then
    local high, low = parts(gone)
    call('XTRIM', log, 'MINID', '=', int(high) .. '-' .. int(low + 1))
    set(identity, gone)
    set('bytes', int(bytes) .. '-0')
  end
  return bytes, going
end
