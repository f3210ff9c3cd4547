-- Takes messages: each call's are published all, or none.
local function remembered(key)
  local kept = call('GET', base .. 'I' .. key)
  return kept and cmsgpack.unpack(kept)
end

local function remember(key, fingerprint, ids)
  call('SET', base .. 'I' .. key, cmsgpack.pack({fingerprint, ids}), 'PX', WINDOW)
end

local function read_message()
  local new = {topic = take(), prefix = take(), key = take(), delay = tonumber(take()), deliver_at = tonumber(take()),
    ttl = tonumber(take()), size = tonumber(take()), mark = tonumber(take()), body = take(), once = take(),
    fingerprint = take()}
  return new
end

local function read_messages()
  local messages = {}
  for i = 1, tonumber(take()) do messages[i] = read_message() end
  return messages
end

-- Why the messages are refused, or nothing. Nothing is changed.
local function refusal(messages)
  local room, seen = {}, {}
  for _, new in ipairs(messages) do
    local known = new.once ~= '' and remembered(new.once)
    local fingerprint = known and known[1] or seen[new.once]
    if fingerprint and fingerprint ~= new.fingerprint then return {'REPEATED'} end
    if new.once ~= '' then seen[new.once] = new.fingerprint end
    local of = topic(new.topic)
    if not known and not of and CREATE == '' then return {'NO_TOPIC', new.topic} end
    if not known and of and of.most > 0 and of.lasting then
      local used = room[new.topic] or of.bytes
      room[new.topic] = used + new.size
      if used + new.size > of.most then return {'FULL', new.topic, used, of.most} end
    end
  end
end

local function publish(messages)
  local ids = {}
  for i, new in ipairs(messages) do
    local known = new.once ~= '' and remembered(new.once)
    if known then
      ids[i] = {known[2][1], 1}
    else
      local id = store(topic(new.topic) or new_topic(new.topic, CREATE ~= '' and CREATE or LETTER), new)
      ids[i] = {id, 0}
      if new.once ~= '' then remember(new.once, new.fingerprint, {id}) end
    end
  end
  return ids
end
