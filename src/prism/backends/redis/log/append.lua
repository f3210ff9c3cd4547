-- Appends messages, and sends them to who listens now, where one server holds all. What is refused before anything is
-- done comes back as an answer.
local identity, most, send, everything, tell, channel, told = unpack(ARGV, 1, 7)
local floor, last, bytes
identity, floor, last, bytes = known(identity)
local micros, count = parts(last)
if now > micros then micros, count = now, -1 end

local function varint(number)
  if number < 128 then return string.char(number) end
  return string.char(number % 128 + 128) .. varint(math.floor(number / 128))
end

local seconds = math.floor(micros / 1000000)
local published = string.char(0x08) .. varint(seconds) .. string.char(0x10) .. varint((micros - seconds * 1000000) * 1000)
published = string.char(0x2a) .. varint(#published) .. published
for i = 8, #ARGV, 2 do
  local body = ARGV[i + 1] .. published
  if send ~= '' then
    local first = redis.pcall(send, ARGV[i], body)
    if type(first) == 'table' and first.err then return first end
    call(send, everything, body)
  end
  count = count + 1
  call('XADD', log, int(micros) .. '-' .. int(count), 'b', body)
  bytes = bytes + #body + ENTRY
end
last = int(micros) .. '-' .. int(count)
set('end', last)
set('bytes', int(bytes) .. '-0')
most = tonumber(most)
if most > 0 and bytes > most then
  trim(identity, last, bytes, 100000, function(id, left) return left > most * 15 / 16 and id ~= last end)
end
redis.pcall(tell, channel, told)
return published
