-- What the windows of some rules hold now: settled, held, and levels reached.
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
local count, _, _, _, settled, held, reached = concerned(6)
if not count then
  return reply('W')
end
local found = {}
for i = 1, count do
  found[i] = format('%d %d %s', settled[i], held[i], reached[i] or '0')
end
return reply('V', table.concat(found, ' '))
