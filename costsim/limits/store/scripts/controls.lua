-- The orders of operators: a list to which entries are only added, and the mark of its edition.
--
-- ARGV  5 edition that the caller has read, or "" to read   6 the new edition   7... entries to add
-- Reads "V" or, where there is no ledger of this tenant, "E"; the time; edition; entries. Adding
-- answers 1, or 0 when another edition is there.

local list, mark = prefix .. 'controls', prefix .. 'edition'
local edition = call('GET', mark) or '-'
if ARGV[5] == '' then
  local there = begin()
  local found = { there and 'V' or 'E', format('%d', now or 0), edition }
  for _, entry in ipairs(call('LRANGE', list, 0, -1)) do
    found[#found + 1] = entry
  end
  return found
end
if edition ~= ARGV[5] then
  return 0
end
for i = 7, #ARGV do
  call('RPUSH', list, ARGV[i])
end
call('SET', mark, ARGV[6])
return 1
