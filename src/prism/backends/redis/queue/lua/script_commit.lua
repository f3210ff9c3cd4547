local CREATE, WINDOW = take(), take()
--SUBMIT
local of = topic(take())
local group_ = of and group(of, take())
if not group_ then return {{}, of and 'NO_GROUP' or 'NO_TOPIC'} end
local once, fingerprint = take(), take()
if once ~= '' then
  local known = remembered(once)
  if known then return {{}, known[1] == fingerprint and '' or 'REPEATED', known[2]} end
end
local leases, lost, seen = {}, 0, {}
for i = 1, tonumber(take()) do
  local seq = take()
  local kept = leased(of, group_, seq, tonumber(take()), tonumber(take()), tonumber(take()))
  leases[i] = {seq, kept}
  if not kept then lost = lost + 1 end
end
if lost > 0 then return {{}, 'LOST', lost} end
local messages = read_messages()
local refused = refusal(messages)
if refused then return {{}, unpack(refused)} end
if #messages > 0 then call('HSET', of.key, 'l', int(of.last)) end  -- where memory is full, nothing is done
for _, each in ipairs(leases) do
  if not seen[each[1]] then acknowledge(of, group_, each[1], each[2]) end
  seen[each[1]] = true
end
local ids = {}
for i, each in ipairs(publish(messages)) do ids[i] = each[1] end
if once ~= '' then remember(once, fingerprint, ids) end
save()
return {announce(), '', ids}
