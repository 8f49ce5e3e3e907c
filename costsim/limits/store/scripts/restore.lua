-- Fill a store that holds no ledger of this tenant, step by step; nothing is served before "finish".
--
-- ARGV  5 "begin", "slots", "calls" or "finish"   6 token of who restores
--       7... slots: slot, settled, milliseconds to keep; calls: call ids, settled before

if call('EXISTS', KEYS[1]) == 1 then
  return 'A'
end
local lock, step, token = prefix .. 'restoring', ARGV[5], ARGV[6]
if step == 'begin' then
  return call('SET', lock, token, 'NX', 'PX', 60000) and 'T' or 'B'
end
if call('GET', lock) ~= token then
  return 'B'
end
call('PEXPIRE', lock, 60000)
epoch, now = token, tonumber(ARGV[2])
if ARGV[2] == '' then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end
if step == 'slots' then
  for i = 7, #ARGV, 3 do
    local settled, reached = tonumber(ARGV[i + 1]), 0
    if ARGV[4] ~= '' then -- levels that were reached are on, and were told before
      reached = watched(ARGV[i], settled, 0)
    end
    call('SET', prefix .. ARGV[i], format('%d 0 %d', settled, reached), 'PX', ARGV[i + 2])
  end
elseif step == 'calls' then
  for i = 7, #ARGV do
    write_record(prefix .. 'call:' .. ARGV[i], retention, 'S', '!', 0, 0, 0, '')
  end
else
  call('DEL', KEYS[2], lock)
  call('SET', KEYS[1], format('%s %d', epoch, now))
end
return 'T'
