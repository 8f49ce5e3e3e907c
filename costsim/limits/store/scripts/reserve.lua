-- Hold the first candidate that fits all windows of all scopes, or change nothing: the same
-- decision as costsim/limits/core.py, which the contract suite holds it to.
--
-- ARGV  5 call id   6 digest of what is asked   7 lease and 8 how long an ended window is kept, in
--       microseconds   9 tokens   10 "1" to observe: refuse nothing   11 windows   12 rules
--       13 upper bounds in nano-dollars   14 mark of this attempt

if not begin() then
  return 'E'
end
sweep()
local lease, keep = tonumber(ARGV[7]), tonumber(ARGV[8])
local known = read_record(KEYS[3])
if known then
  local tomb = string.sub(known.asked, 1, 1) == '!'
  if not tomb and known.asked ~= ARGV[6] then
    return reply('C')
  end
  -- A tombstone stops the attempt that was given up, and no later one; "!" alone stops all.
  if not tomb or known.asked == '!' or known.asked == '!' .. ARGV[14] then
    local since = known.state == 'H' and int(known.till - lease - retention - KEPT_OPEN) or '-'
    return reply('K', known.candidate .. ' ' .. since)
  end
end
local at = concerned(ARGV[12], ARGV[11])
if not at then
  return reply('W')
end

local count, tokens = at.count, tonumber(ARGV[9])
local bounds = {}
for bound in string.gmatch(ARGV[13], '%d+') do
  bounds[#bounds + 1] = tonumber(bound)
end

local function amount(i, bound)
  local unit = at.units[i]
  return unit == 'n' and bound or unit == 't' and tokens or 1
end

local function refusal(bound)
  for i = 1, count do
    if at.settled[i] + at.held[i] + amount(i, bound) > at.limits[i] then
      return i
    end
  end
  return nil
end

local granted, first
for index, bound in ipairs(bounds) do
  local refused = refusal(bound)
  if not refused then
    granted = index
    break
  end
  first = first or refused
end

local answer
if not granted then
  local moment = -1
  for _, bound in ipairs(bounds) do
    local admits = 0
    for i = 1, count do
      local takes = amount(i, bound)
      if at.settled[i] + at.held[i] + takes > at.limits[i] then
        if takes > at.limits[i] then
          admits = -1
          break
        end
        admits = math.max(admits, at.ends[i])
      end
    end
    if admits >= 0 and (moment < 0 or admits < moment) then
      moment = admits
    end
  end
  local by_holds = at.periods[first] ~= 4
  for i = 1, count do
    by_holds = by_holds and at.settled[i] + amount(i, bounds[1]) <= at.limits[i]
  end
  answer = (first - 1) .. ' ' .. (by_holds and 1 or 0) .. ' ' .. int(moment)
  if ARGV[10] ~= '1' then
    return reply('D', answer)
  end
  granted = 1 -- observed only: what would be refused is held and counted as all others
end

local bound = bounds[granted]
local entries = {}
for i = 1, count do
  local open = at.periods[i] == 4
  local stays = open and KEPT_OPEN or at.ends[i] - now + keep
  call('SET', at.keys[i],
    int(at.settled[i]) .. ' ' .. int(at.held[i] + amount(i, bound)) .. ' ' .. at.reached[i],
    'PX', int(stays / 1000))
  entries[i] = at.slots[i] .. ' ' .. (open and 'o' or at.units[i])
end
write_record(KEYS[3], lease + retention + KEPT_OPEN, 'H', ARGV[6], granted - 1, bound, tokens,
  table.concat(entries, ' '))
call('ZADD', KEYS[2], int(now + lease), ARGV[5])
call('PEXPIRE', KEYS[2], int((lease + retention + KEPT_OPEN) / 1000))
changed()
return reply(answer and 'O' or 'G', (granted - 1) .. (answer and ' ' .. answer or ''))
