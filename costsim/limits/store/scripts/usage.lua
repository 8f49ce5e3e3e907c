-- What the windows of some rules hold now.
--
-- ARGV  5 orders of operators that the caller knows   6... windows and rules

if not begin() then
  return 'E'
end
sweep()
local old = outdated(ARGV[5])
if old then
  return old
end
local count, _, _, _, settled, held = concerned(6)
if not count then
  return reply('W')
end
local found = {}
for i = 1, count do
  found[i] = format('%d %d', settled[i], held[i])
end
return reply('V', table.concat(found, ' '))
