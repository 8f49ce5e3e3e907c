-- Hold the first candidate that fits all windows of all scopes, or change nothing: the same
-- decision as costsim/limits/core.py, which the contract suite holds it to.
--
-- ARGV  5 call id   6 digest of what is asked   7 lease and 8 how long an ended window is kept, in
--       microseconds   9 tokens   10 orders of operators that the caller knows, then "1" to observe:
--       refuse nothing, and "1" for a call that operators stopped   11 mark of this attempt
--       12 what the ladder makes of the organisation's month, or "": position of its rule, limit and
--       level for what was asked for, level for the routes of a downgrade, "1" where levels that were
--       reached stay on, and "1" or "0" for each candidate, whether it was asked for; a level is its
--       number, 0 for none
--       13 the burst guard, or "": the user's key, microseconds from call to call, how far ahead
--       14 number of candidates, then the upper bound of each; then windows and rules

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
  if not tomb or known.asked == '!' or known.asked == '!' .. ARGV[11] then
    local since = known.till - lease - retention - KEPT_OPEN
    return reply('K', known.candidate .. ' ' .. (known.state == 'H' and format('%d', since) or '-'))
  end
end

local old, observes, stopped = outdated(ARGV[10])
if old then
  return old
end
if stopped then
  return reply('H')
end

local candidates = tonumber(ARGV[14])
local count, rules, slots, keys, settled, held, reached, ends = concerned(15 + candidates)
if not count then
  return reply('W')
end

local tokens, limits = tonumber(ARGV[9]), {}
for i = 1, count do
  local limit = ARGV[rules + 4 * i + 3]
  limits[i] = limit == '-' and math.huge or tonumber(limit)
end

local function amount(i, bound)
  local unit = ARGV[rules + 4 * i + 1]
  return unit == 'n' and bound or unit == 't' and tokens or 1
end

local gated, asked_limit, asked_level, level, latches, asked, gate_limit = match(ARGV[12],
  '^(%d+) (%d+) (%d+) (%d+) (%d) (%d+)$')
gated, asked_level, level = tonumber(gated), tonumber(asked_level), tonumber(level)
gate_limit, asked_limit = gated and limits[gated], tonumber(asked_limit)

-- The ladder stops what was asked for before it stops cheaper routes; a level that was reached
-- stays on. The position of the rule that refuses everything, and the number of its level.
local function open_gate(index)
  if not gated then
    return nil, 0
  end
  local other = string.sub(asked, index, index) == '0'
  local number = other and level or asked_level
  limits[gated] = other and gate_limit or asked_limit
  local stays = latches == '1' and number > 0 and tonumber(reached[gated] or '0') >= number
  return stays and gated or nil, number
end

local paced, interval, ahead, pace_key = now, nil, nil, nil
if ARGV[13] ~= '' then
  local tolerance
  pace_key, interval, tolerance = match(ARGV[13], '^(%S+) (%d+) (%d+)$')
  ahead = tonumber(call('GET', prefix .. pace_key) or '0')
  paced = ahead - tonumber(tolerance)
end

local granted, first, by_holds, soft
local named, moment = 0, -1
for index = 1, candidates do
  local bound, refused = tonumber(ARGV[14 + index]), nil
  local closed, number = open_gate(index)
  for i = 1, count do
    if settled[i] + held[i] + amount(i, bound) > limits[i] or i == closed then
      refused = i
      break
    end
  end
  if not refused then
    granted = index
    break
  end
  if not first or soft then -- a route behind what was downgraded has the last word
    first, named = refused, refused == gated and number or 0
    soft = refused == gated and asked_level ~= level and string.sub(asked, index, index) == '1'
    by_holds = ARGV[rules + 4 * first + 2] ~= '4'
    for i = 1, count do
      by_holds = by_holds and settled[i] + amount(i, bound) <= limits[i] and i ~= closed
    end
  end
  local admits = 0
  for i = 1, count do
    local takes = amount(i, bound)
    if settled[i] + held[i] + takes > limits[i] or i == closed then
      if takes > limits[i] then
        admits = -1
        break
      end
      admits = math.max(admits, ends[ARGV[rules + 4 * i + 2]])
    end
  end
  if admits >= 0 and (moment < 0 or admits < moment) then
    moment = admits
  end
end

local answer
if not granted then
  moment = moment < 0 and moment or math.max(moment, paced)
  answer = format('%d %d %d %d', first - 1, by_holds and 1 or 0, moment, named)
elseif paced > now then
  answer = format('-1 0 %d 0', paced)
end
if answer then
  if not observes then
    return reply('D', answer)
  end
  granted = 1 -- observed only: what would be refused is held and counted as all others
end
if interval and paced <= now then
  local at = math.max(ahead, now) + tonumber(interval)
  call('SET', prefix .. pace_key, format('%d', at), 'PX', format('%d', (at - now + keep) / 1000))
end

local bound = tonumber(ARGV[14 + granted])
local entries, fresh = {}, count == 0
for i = 1, count do
  local period, unit = ARGV[rules + 4 * i + 2], ARGV[rules + 4 * i + 1]
  local value = format('%d %d %s', settled[i], held[i] + amount(i, bound), reached[i] or '0')
  if reached[i] and period ~= '4' then
    call('SET', keys[i], value, 'KEEPTTL')
  else
    fresh = true
    local stay = period == '4' and KEPT_OPEN or ends[period] - now + keep
    call('SET', keys[i], value, 'PX', format('%d', stay / 1000))
  end
  entries[2 * i - 1], entries[2 * i] = slots[i], period == '4' and 'o' or unit
end
write_record(KEYS[3], lease + retention + KEPT_OPEN, 'H', ARGV[6], granted - 1, bound, tokens,
  table.concat(entries, ' '))
call('ZADD', KEYS[2], format('%d', now + lease), ARGV[5])
if fresh then -- at least once in each window; it stays for longer than the longest
  call('PEXPIRE', KEYS[2], format('%d', (lease + retention + KEPT_OPEN) / 1000))
end
changed()
return reply(answer and 'O' or 'G', (granted - 1) .. (answer and ' ' .. answer or ''))
