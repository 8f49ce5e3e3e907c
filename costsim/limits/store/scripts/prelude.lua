-- What every script of the ledger begins with. One script is one atomic step on one tenant's keys.
--
-- KEYS  1 the tenant's state, "epoch now"   2 its leases, a sorted set of call ids by their end
--       3 the record of the call, where the script concerns one
-- ARGV  1 prefix of all keys   2 microseconds since 1970, or "" for the server's own time
--       3 retention in microseconds   4 watched slot and rising levels, or ""   5... the script's
--
-- A slot (one rule, one entity, one window) is the text "settled held levels_reached". A call's
-- record is "state until asked candidate nano tokens entries": state H held, X lease ran out,
-- S settled, R released; an entry is "slot unit", unit n nano-dollars, c calls, t tokens, o calls
-- in flight. Numbers are doubles, exact below 2^53, and written by %.0f: tostring keeps 14 digits.
-- What was asked is a digest, or "!" and the mark of an attempt that was given up. Keys of slots
-- are made here from the prefix, which holds the hash tag: all lie in one slot of a cluster.

local call, format, match = redis.call, string.format, string.match
local prefix, retention, now = ARGV[1], tonumber(ARGV[3]), nil
local epoch, seen
local alerts = {}

local KEPT_OPEN = 2764800000000 -- 32 days: a month's slots outlive the holds of a tenant that left

local function int(number)
  return format('%.0f', number)
end

local function begin()
  local state = call('GET', KEYS[1])
  if not state then
    return false
  end
  epoch, seen = match(state, '^(%S+) (%d+)$')
  if ARGV[2] == '' then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
  else
    now = tonumber(ARGV[2])
  end
  now = math.max(now, tonumber(seen)) -- a clock that steps back stands still
  return true
end

-- Remember the time of a change; a denial writes nothing at all.
local function changed()
  call('SET', KEYS[1], epoch .. ' ' .. int(now))
end

local function watched(slot, settled, reached)
  local base, levels = match(ARGV[4], '^(%S+) (.+)$')
  if not base or string.sub(slot, 1, #base + 1) ~= base .. ':' then
    return reached
  end
  local index = 0
  for level in string.gmatch(levels, '%d+') do
    index = index + 1
    if index > reached and settled >= tonumber(level) then
      reached = index
      alerts[#alerts + 1] = index
    end
  end
  return reached
end

-- Move a call's amounts in all its slots: out of what is held, into what is settled.
local function move(entries, held, settled)
  local slots, units, keys = {}, {}, {}
  for slot, unit in string.gmatch(entries, '(%S+) (%a)') do
    local n = #slots + 1
    slots[n], units[n], keys[n] = slot, unit, prefix .. slot
  end
  if #keys == 0 then
    return
  end
  local values = call('MGET', unpack(keys))
  for i, value in ipairs(values) do
    if value then -- else its window ended so long ago that it is forgotten
      local s, h, reached = match(value, '^(%d+) (%d+) (%d+)$')
      local unit = units[i]
      s, h, reached = s + settled[unit], h - held[unit], tonumber(reached)
      if ARGV[4] ~= '' then
        reached = watched(slots[i], s, reached)
      end
      call('SET', keys[i], int(s) .. ' ' .. int(h) .. ' ' .. reached, 'KEEPTTL')
    end
  end
end

local function amounts(nano, tokens, calls, open)
  return { n = nano, t = tokens, c = calls, o = open }
end

local function write_record(key, keep, state, asked, candidate, nano, tokens, entries)
  local text = state .. ' ' .. int(now + keep) .. ' ' .. asked .. ' ' .. candidate .. ' '
    .. int(nano) .. ' ' .. int(tokens) .. ' ' .. entries
  call('SET', key, text, 'PX', int(math.ceil(keep / 1000)))
end

local function read_record(key)
  local text = call('GET', key)
  if not text then
    return nil
  end
  local state, till, asked, candidate, nano, tokens, entries =
    match(text, '^(%a) (%d+) (%S+) (%d+) (%d+) (%d+) (.*)$')
  if tonumber(till) <= now then
    return nil
  end
  return {
    state = state, till = till, asked = asked, candidate = candidate,
    nano = tonumber(nano), tokens = tonumber(tokens), entries = entries,
  }
end

-- Leases that ran out charge their holds: the provider has probably billed.
local function sweep()
  local due = call('ZRANGEBYSCORE', KEYS[2], '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, 1000)
  if #due == 0 then
    return
  end
  for i = 1, #due, 2 do
    local id, left = due[i], due[i + 1] + retention - now
    local key = prefix .. 'call:' .. id
    local record = read_record(key)
    if record and record.state == 'H' then
      move(record.entries, amounts(record.nano, record.tokens, 1, 1),
        amounts(record.nano, record.tokens, 1, 0))
      if left > 0 then
        write_record(key, left, 'X', record.asked, record.candidate, record.nano, record.tokens,
          record.entries)
      else
        call('DEL', key)
      end
    end
    call('ZREM', KEYS[2], id)
  end
  changed()
end

local function reply(kind, rest)
  local levels = #alerts == 0 and '-' or table.concat(alerts, ',')
  return kind .. ' ' .. int(now) .. ' ' .. levels .. (rest and ' ' .. rest or '')
end

-- The slots that rules concern now: names, entries and ends, or nil when the caller's windows are
-- not those of this moment. Windows are "start end end_of_the_next" of hour, day and month.
local function concerned(rules, windows)
  local edges = {}
  for edge in string.gmatch(windows, '%d+') do
    edges[#edges + 1] = tonumber(edge)
  end
  local starts, ends = {}, { [4] = now + 1000000 } -- calls in flight: ask again in a second
  for period = 1, 3 do
    local first, second, third = edges[3 * period - 2], edges[3 * period - 1], edges[3 * period]
    if now < first or now >= third then
      return nil
    end
    local later = now >= second
    starts[period] = ':' .. int((later and second or first) / 1000000)
    ends[period] = later and third or second
  end
  starts[4] = ''
  local found = { slots = {}, keys = {}, units = {}, limits = {}, ends = {}, periods = {} }
  local n = 0
  for base, unit, period, limit in string.gmatch(rules, '(%S+) (%a) (%d) (%S+)') do
    n = n + 1
    period = tonumber(period)
    found.slots[n] = base .. starts[period]
    found.keys[n] = prefix .. found.slots[n]
    found.units[n], found.periods[n], found.ends[n] = unit, period, ends[period]
    found.limits[n] = limit == '-' and math.huge or tonumber(limit)
  end
  found.count = n
  local values = n > 0 and call('MGET', unpack(found.keys)) or {}
  found.settled, found.held, found.reached = {}, {}, {}
  for i = 1, n do
    local s, h, reached = match(values[i] or '0 0 0', '^(%d+) (%d+) (%d+)$')
    found.settled[i], found.held[i], found.reached[i] = tonumber(s), tonumber(h), reached
  end
  return found
end
