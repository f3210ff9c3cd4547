-- The messages behind a place, and where the log begins and ends.
local identity, floor, last = known(ARGV[1])
local after, limit, room = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local found, whole = {}, true
while #found < limit do
  local entries = call('XRANGE', log, '(' .. after, '+', 'COUNT', math.min(limit - #found, 16))
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    room = room - #entry[2][2] - ENTRY
    if #found > 0 and room < 0 then
      whole = false
      break
    end
    found[#found + 1], after = {entry[1], entry[2][2]}, entry[1]
  end
  if not whole then break end
end
if #found == limit then whole = false end
return {identity, floor, last, whole and 1 or 0, found}
