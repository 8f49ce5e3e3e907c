-- What the windows of some rules hold now: settled, held, and levels reached.
--
-- ARGV  5... windows and rules

if not begin() then
  return 'E'
end
sweep()
local count, _, _, _, settled, held, reached = concerned(5)
if not count then
  return reply('W')
end
local found = {}
for i = 1, count do
  found[i] = format('%d %d %s', settled[i], held[i], reached[i] or '0')
end
return reply('V', table.concat(found, ' '))
