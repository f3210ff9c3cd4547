-- Publishing, from a client or as a dead letter.
local function make_room(of, size)
  if of.most == 0 or of.lasting then return end
  if of.bytes + size > of.most then
    call('HSET', of.key, 'l', int(of.last))  -- where memory is full, nothing is done
    tidy_topic(of, BATCH)
  end
  while of.bytes + size > of.most do
    local entry = call('XRANGE', of.log, '-', '+', 'COUNT', 1)[1]
    if not entry then return end
    remove(of, number(entry), cmsgpack.unpack(entry[2][2]), entry[2][4], keeps_dead)
  end
end

local function offer_early(each, seq, meta)
  place(each, seq, {WAITING, meta[DUE], 0, 0, 0, 0, '', '', '', meta[MARK], meta[BYTES], 0, 0, ''})
  each.early, each.offered, each.changed = each.early + 1, each.offered + 1, true
end

-- The number of a message is part of its id, so that it is found again; a dead letter keeps the id that it has.
local function store(of, new)
  make_room(of, new.size)
  of.last, of.bytes, of.changed = of.last + 1, of.bytes + new.size, true
  local seq = int(of.last)
  local id = new.id or new.prefix .. '-' .. seq
  if new.id then
    local others = call('HGET', base .. 'f' .. of.n, id)
    call('HSET', base .. 'f' .. of.n, id, others and others .. ',' .. seq or seq)
  end
  local due = now
  if new.deliver_at > 0 then due = math.max(now, new.deliver_at) else due = now + new.delay end
  local meta = {now, due, new.ttl, new.size, new.mark, id, new.key, due > now and 1 or 0}
  call('XADD', of.log, seq .. '-0', 'm', cmsgpack.pack(meta), 'b', new.body)
  local ends = expiry(of, meta)
  if meta[TTL] > 0 or meta[DELAYED] == 1 then call('ZADD', base .. 'x' .. of.n, int(ends), seq) end
  if of.expires == 0 or ends < of.expires then of.expires = ends end
  if meta[DELAYED] == 1 then
    for _, each in ipairs(all_groups(of)) do offer_early(each, seq, meta) end
  end
  tell(of.name)
  return id
end
