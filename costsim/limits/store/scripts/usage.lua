-- What the windows of some rules hold now.
--
-- ARGV  5... windows and rules

if not begin() then
  return 'E'
end
sweep()
local count, _, _, _, settled, held = concerned(5)
if not count then
  return reply('W')
end
local found = {}
for i = 1, count do
  found[i] = format('%d %d', settled[i], held[i])
end
return reply('V', table.concat(found, ' '))
