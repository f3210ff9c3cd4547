-- What time does to the topics of a namespace, some at a time: where to go on, and whether more is left.
local after, count = take(), tonumber(take())
local names = call('ZRANGEBYLEX', KEYS[1], after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, count)
local more = false
for _, name in ipairs(names) do
  local of = topic(name)
  more = tidy_topic(of, BATCH) or more
  for _, each in ipairs(all_groups(of)) do
    if each.idle > 0 and each.used + each.idle <= now and call('EXISTS', base .. 'i' .. each.n) == 0 then
      forget(of, each, false)
      call('DEL', each.key)
      call('SREM', base .. 'g' .. of.n, each.name)
      of.groups[each.name], of.all = false, nil
    else
      more = tidy_group(of, each, BATCH) or more
    end
  end
end
save()
return {announce(), #names == count and names[count] or '', more and 1 or 0}
