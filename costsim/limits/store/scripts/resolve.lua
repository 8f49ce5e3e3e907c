-- Settle a call at what it cost, or release its hold; each hold resolves once.
--
-- ARGV  5 call id   6 "settle", "release", or "cancel": release what nobody was told of
--       7 nano-dollars   8 tokens, or "" for those held
--       9 what to do with a call that is not known: "" say so, "book" charge it to the slots
--       given (it was granted while this store was away), "tomb" remember it as given up (its
--       reserve may still be on the way)   10 digest of what was asked, or "!" and the mark
--       of the attempt that was given up   11 candidate
--       12 slots to book to, "slot unit milliseconds_to_keep" each

if not begin() then
  return 'E'
end
sweep()
local id, settles = ARGV[5], ARGV[6] == 'settle'
local nano, used = tonumber(ARGV[7]), tonumber(ARGV[8])
local record = read_record(KEYS[3])

local function resolve(state, asked, candidate, held, tokens)
  write_record(KEYS[3], retention, state, asked, candidate, held, tokens, '')
  changed()
  return reply('T')
end

if not record then
  if ARGV[9] == '' then
    return reply('U')
  end
  if ARGV[9] == 'tomb' then
    return resolve('R', ARGV[10], ARGV[11], 0, 0)
  end
  local entries = {}
  for slot, unit, keep in string.gmatch(ARGV[12], '(%S+) (%a) (%d+)') do
    call('SET', prefix .. slot, '0 0 0', 'PX', keep, 'NX')
    entries[#entries + 1] = slot .. ' ' .. unit
  end
  move(table.concat(entries, ' '), amounts(0, 0, 0, 0), amounts(nano, used, 1, 0))
  return resolve('S', ARGV[10], ARGV[11], nano, used)
end

local state = record.state
if state == 'S' or state == 'R' or (state == 'X' and not settles) then
  return reply('F')
end
used = used or record.tokens
if state == 'X' then -- charged already: only the difference
  move(record.entries, amounts(0, 0, 0, 0),
    amounts(nano - record.nano, used - record.tokens, 0, 0))
else
  local booked = settles and amounts(nano, used, 1, 0) or amounts(0, 0, 0, 0)
  move(record.entries, amounts(record.nano, record.tokens, 1, 1), booked)
  call('ZREM', KEYS[2], id)
end
if ARGV[6] == 'cancel' then -- the id is free again, but for the attempt that was given up
  return resolve('R', ARGV[10], 0, 0, 0)
end
return resolve(settles and 'S' or 'R', record.asked, record.candidate, record.nano, record.tokens)
