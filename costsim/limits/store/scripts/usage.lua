-- What the windows of some rules hold now.
--
-- ARGV  5 windows   6 rules

if not begin() then
  return 'E'
end
sweep()
local at = concerned(ARGV[6], ARGV[5])
if not at then
  return reply('W')
end
local found = {}
for i = 1, at.count do
  found[i] = int(at.settled[i]) .. ' ' .. int(at.held[i])
end
return reply('V', table.concat(found, ' '))
