"""The Lua scripts: each changes or reads one record as a whole, by Redis' own clock, or sends one message.

Versions are Redis' clock in microseconds, never below the item's last one, and a random byte. KEYS are the record's `k`
and, where one server holds all, the namespace's `r` and `t`: layout.py says what they are. In a
cluster the second one is a name that nothing has: while the record's slot moves from node to node, and some of its keys
with it, a key that is missing makes Redis answer TRYAGAIN instead of running a script that sees half of the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1

_PRELUDE = """
local k = KEYS[1]
local base = string.sub(k, 1, -2)
local x = base .. 'x'
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local ms = math.floor(us / 1000)
local soonest = false

-- When an item expires, by its life: microseconds from now, a time negated, or nothing.
local function due_after(life)
  if life == '' then return 0 end
  local n = tonumber(life)
  return n < 0 and -n or us + n
end

local function version_after(header, random)
  local at = us
  if #header >= 16 then
    local last = struct.unpack('>I7', header)
    if last >= at then at = last + 1 end
  end
  return struct.pack('>I7', at) .. random
end

local function set_due(key, due)
  if due > 0 then
    local at = math.ceil(due / 1000)
    redis.call('ZADD', x, at, key)
    if not soonest or at < soonest then soonest = at end
  else
    redis.call('ZREM', x, key)
  end
end

local function write(key, version, due, body)
  local name = base .. 'i' .. key
  if due > 0 then
    redis.call('SET', name, version .. struct.pack('>I8', due) .. body, 'PXAT', math.ceil(due / 1000))
  else
    redis.call('SET', name, version .. struct.pack('>I8', 0) .. body)
  end
  redis.call('ZADD', k, 0, key)
  set_due(key, due)
end

local function remove(key)
  local existed = redis.call('DEL', base .. 'i' .. key)
  redis.call('ZREM', k, key)
  redis.call('ZREM', x, key)
  return existed
end

local function list_record(id)
  if KEYS[3] then
    redis.call('ZADD', KEYS[2], 0, id)
    if soonest then redis.call('ZADD', KEYS[3], 'LT', soonest, id) end
  end
  return soonest or 0
end

local function unlist_if_empty(id)
  if redis.call('EXISTS', k) == 1 then return 0 end
  if KEYS[3] then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
  end
  return 1
end
"""

_PUT = """
local marker = ARGV[3] ~= '' and base .. 'd' .. ARGV[3]
if marker then
  local known = redis.call('GET', marker)
  if known then return {known, 0} end
end
local versions = {}
local GONE = string.rep('\\0', 8)
for i = 5, #ARGV, 4 do
  local key, life = ARGV[i], ARGV[i + 1]
  local header = redis.call('GETRANGE', base .. 'i' .. key, 0, 15)
  local due = 0
  if life ~= '' then
    due = due_after(life)
  elseif ARGV[2] == '1' and #header == 16 then
    due = struct.unpack('>I8', header, 9)
  end
  local version = version_after(header, ARGV[i + 2])
  write(key, version, due, ARGV[i + 3])
  versions[#versions + 1] = life ~= '' and due <= us and GONE or version
end
local written = table.concat(versions)
if marker then redis.call('SET', marker, written, 'PX', ARGV[4]) end
return {written, list_record(ARGV[1])}
"""

_COMPARE_AND_SWAP = """
local key, expected = ARGV[2], ARGV[3]
local current = redis.call('GET', base .. 'i' .. key)
local fits
if expected == 'absent' then
  fits = not current
elseif not current then
  fits = false
elseif expected == 'version' then
  fits = string.sub(current, 1, 8) == ARGV[4]
else
  fits = #current >= 20 and string.sub(current, 21 + struct.unpack('>I4', current, 17)) == ARGV[4]
end
if not fits then return {0, current, 0, 0} end
if ARGV[5] == 'delete' then
  if not current then return {1, false, 0, 0} end
  remove(key)
  return {1, false, 0, unlist_if_empty(ARGV[1])}
end
local due = due_after(ARGV[6])
local version = version_after(current or '', ARGV[7])
write(key, version, due, ARGV[8])
if due > 0 and due <= us then return {1, false, list_record(ARGV[1]), 0} end
return {1, version .. struct.pack('>I8', due) .. ARGV[8], list_record(ARGV[1]), 0}
"""

_DELETE = """
local existed = {}
for i = 2, #ARGV do
  if remove(ARGV[i]) == 1 then existed[#existed + 1] = ARGV[i] end
end
return {unlist_if_empty(ARGV[1]), existed}
"""

_DELETE_RECORD = """
local count = 0
while true do
  local keys = redis.call('ZRANGE', k, 0, 999)
  if #keys == 0 then break end
  for i = 1, #keys do keys[i] = base .. 'i' .. keys[i] end
  count = count + redis.call('DEL', unpack(keys))
  redis.call('ZREMRANGEBYRANK', k, 0, #keys - 1)
end
redis.call('DEL', x)
return {unlist_if_empty(ARGV[1]), count}
"""

_SET_EXPIRY = """
local existed = {}
local due = due_after(ARGV[2])
for i = 3, #ARGV do
  local key = ARGV[i]
  local name = base .. 'i' .. key
  if redis.call('EXISTS', name) == 1 then
    redis.call('SETRANGE', name, 8, struct.pack('>I8', due))
    if due > 0 then redis.call('PEXPIREAT', name, math.ceil(due / 1000)) else redis.call('PERSIST', name) end
    set_due(key, due)
    existed[#existed + 1] = key
  end
end
if #existed == 0 then return {0, existed} end
return {list_record(ARGV[1]), existed}
"""

_PAGE = """
local first, before, reverse, most, room = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5])
local rows, count = {}, 0
while true do
  local keys
  if reverse then
    keys = redis.call('ZREVRANGEBYLEX', k, before, first, 'LIMIT', 0, most - count)
  else
    keys = redis.call('ZRANGEBYLEX', k, first, before, 'LIMIT', 0, most - count)
  end
  for i = 1, #keys do
    local item
    local name = base .. 'i' .. keys[i]
    if ARGV[6] == '1' then
      item = redis.pcall('GETRANGE', name, 0, 19)
      if item == '' and redis.call('EXISTS', name) == 0 then item = false end
    else
      item = redis.pcall('GET', name)
    end
    if type(item) == 'table' then
      if not string.find(item.err, 'WRONGTYPE', 1, true) then return item end
      item = ''
    end
    if item then
      rows[#rows + 1] = keys[i]
      rows[#rows + 1] = item
      count = count + 1
      room = room - #item + 20
      if count == most or room < 0 then return rows end
    end
  end
  if #keys == 0 then return rows end
  if reverse then before = '(' .. keys[#keys] else first = '(' .. keys[#keys] end
end
"""

_ALIVE = """
return redis.call('ZCARD', k) - redis.call('ZCOUNT', x, '-inf', ms)
"""

_SWEEP = """
local dead = redis.call('ZRANGE', x, '-inf', ms, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for i = 1, #dead do
  if redis.call('EXISTS', base .. 'i' .. dead[i]) == 0 then
    redis.call('ZREM', k, dead[i])
    redis.call('ZREM', x, dead[i])
  end
end
local empty = unlist_if_empty(ARGV[1])
local following = redis.call('ZRANGE', x, 0, 0, 'WITHSCORES')
local due = tonumber(following[2] or 0)
if KEYS[3] and empty == 0 then
  if due > 0 then redis.call('ZADD', KEYS[3], due, ARGV[1]) else redis.call('ZREM', KEYS[3], ARGV[1]) end
end
return {#dead, empty, due}
"""

# A message goes to those who listen to its topic and to those who listen to everything, in one step. Being no read-only
# script it is refused by a replica, whose subscribers alone would hear it. What is refused at once comes back as an
# answer and not as the end of a script, which may have begun. It is sent whole: what had to be sent again because Redis
# did not know its digest would have been overtaken. Its channels are not KEYS, as no node has such keys: a node whose
# slot is being moved would refuse the script for want of them, though all subscribers are still there.
PUBLISH = b"""#!lua flags=allow-oom
local first = redis.pcall(ARGV[3], ARGV[1], ARGV[4])
if type(first) == 'table' and first.err then return first end
redis.call(ARGV[3], ARGV[2], ARGV[4])
"""
NOT_HERE = "Script attempted to access a non local key"
"""What PUBLISH answers, having done nothing, at a node that does not own its channels."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script, called by its digest; sent whole only to a server that does not know it.

    Attributes:
        text: in Lua.
        digest: names it in EVALSHA.
    """

    text: bytes
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        # Redis names its scripts by SHA-1; nothing secret depends on it.
        digest = sha1(self.text, usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest.encode())


def _script(body: str) -> Script:
    return Script((_PRELUDE + body).encode())


PUT = _script(_PUT)
COMPARE_AND_SWAP = _script(_COMPARE_AND_SWAP)
DELETE = _script(_DELETE)
DELETE_RECORD = _script(_DELETE_RECORD)
SET_EXPIRY = _script(_SET_EXPIRY)
PAGE = _script(_PAGE)
ALIVE = _script(_ALIVE)
SWEEP = _script(_SWEEP)

SCRIPTS = {
    script.digest: script for script in (PUT, COMPARE_AND_SWAP, DELETE, DELETE_RECORD, SET_EXPIRY, PAGE, ALIVE, SWEEP)
}


def known(script: Script) -> Script:
    """Makes a script one that `whole` finds by its digest."""
    SCRIPTS[script.digest] = script
    return script


def whole(command: Sequence[bytes | str | int]) -> Sequence[bytes | str | int]:
    """An EVALSHA as the EVAL that says the same: Redis cannot have forgotten it, and knows it from then on."""
    _, digest, *rest = command
    return (b"EVAL", SCRIPTS[bytes(digest)].text, *rest)  # type: ignore[arg-type]  # a digest is bytes
