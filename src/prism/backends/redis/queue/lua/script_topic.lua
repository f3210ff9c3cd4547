-- What is done with topics.
local what, name = take(), take()
local of = topic(name)
if what == 'create' then
  local config = take()
  local made = not of
  of = of or new_topic(name, config)
  return {{}, '', of.config, made and 1 or 0}
end
if not of then return {{}, 'NO_TOPIC'} end
if what == 'describe' then
  tidy_topic(of, BATCH)
  save()
  return {announce(), '', of.config, call('XLEN', of.log), of.bytes, call('SMEMBERS', base .. 'g' .. of.n)}
elseif what == 'update' then
  local before, config = take(), take()
  if before ~= of.config then return {{}, 'CHANGED'} end
  call('HSET', of.key, 'c', config)
  topics[name] = nil
  of = topic(name)
  local special = base .. 'x' .. of.n
  for _, seq in ipairs(call('ZRANGE', special, 0, -1)) do
    local meta = message(of, nil, seq, nil)
    if meta then call('ZADD', special, int(expiry(of, meta)), seq) end
  end
  if of.expires > 0 then of.expires, of.changed = now, true end
  tidy_topic(of, BATCH)
  tell(name)
elseif what == 'delete' then
  for _, each in ipairs(all_groups(of)) do
    forget(of, each, false)
    call('DEL', each.key)
  end
  call('UNLINK', of.log, base .. 'x' .. of.n, base .. 'f' .. of.n, base .. 'g' .. of.n, of.key)
  call('ZREM', KEYS[1], name)
  topics = {}
  tell(name, 'r')
elseif what == 'purge' then
  local epoch, count = tonumber(take()), call('XLEN', of.log)
  for _, each in ipairs(all_groups(of)) do
    for _, seq in ipairs(call('ZRANGE', base .. 'd' .. each.n, 0, -1)) do
      local kept = row(each, seq)
      if kept[OWN] == 0 then
        local meta, body = message(of, each, seq, kept)
        call('HSET', base .. 'b' .. each.n, seq, cmsgpack.pack({meta, body}))
        if call('HEXISTS', base .. 'f' .. of.n, meta[ID]) == 1 then
          call('HSET', base .. 'h' .. each.n, meta[ID], seq)
        end
        kept[OWN] = 1
        call('HSET', each.rows, seq, cmsgpack.pack(kept))
      end
    end
  end
  call('UNLINK', of.log, base .. 'x' .. of.n, base .. 'f' .. of.n)
  of.bytes, of.expires, of.front, of.changed = 0, 0, of.last + 1, true
  for _, each in ipairs(all_groups(of)) do reset(of, each, epoch, true, 0) end
  save()
  return {announce(), '', count}
end
save()
return {announce(), ''}
