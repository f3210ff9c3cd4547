-- Removes what has been kept for its time; whether more is left.
if call('EXISTS', log) == 0 then return 0 end
local identity, _, last, bytes = known('')
local before = now - tonumber(ARGV[1])
local _, more = trim(identity, last, bytes, tonumber(ARGV[2]), function(id) return (parts(id)) <= before end)
return more and 1 or 0
