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
-- in flight. Numbers are doubles, exact below 2^53, and written by %d, because tostring keeps 14
-- digits.
-- What was asked is a digest, or "!" and the mark of an attempt that was given up. Keys of slots
-- are made here from the prefix, which holds the hash tag: all lie in one slot of a cluster.

local call, format, match = redis.call, string.format, string.match
local prefix, retention, now = ARGV[1], tonumber(ARGV[3]), nil
local epoch, seen
local alerts = {}

local KEPT_OPEN = 2764800000000 -- 32 days: a month's slots outlive the holds of a tenant that left

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
  seen = tonumber(seen)
  now = math.max(now, seen) -- a clock that steps back by more than a second stands still
  return true
end

-- Remember the time of a change, to the second; a denial writes nothing at all.
local function changed()
  if now >= seen + 1000000 then
    call('SET', KEYS[1], format('%s %d', epoch, now))
  end
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

-- Move a call's amounts in all its slots: out of what is held, into what is settled. Both are
-- tables of amounts by unit.
local function move(entries, held, settled)
  local slots, units, keys, n = {}, {}, {}, 0
  for slot, unit in string.gmatch(entries, '(%S+) (%a)') do
    n = n + 1
    slots[n], units[n], keys[n] = slot, unit, prefix .. slot
  end
  if n == 0 then
    return
  end
  local values = call('MGET', unpack(keys))
  for i = 1, n do
    local value, unit = values[i], units[i]
    if value then -- else its window ended so long ago that it is forgotten
      local s, h, reached = match(value, '^(%d+) (%d+) (%d+)$')
      s, h = s + settled[unit], h - held[unit]
      if ARGV[4] ~= '' then
        reached = watched(slots[i], s, tonumber(reached))
      end
      call('SET', keys[i], format('%d %d %s', s, h, reached), 'KEEPTTL')
    end
  end
end

local function amounts(nano, tokens, calls, open)
  return { n = nano, t = tokens, c = calls, o = open }
end

local function write_record(key, keep, state, asked, candidate, nano, tokens, entries)
  call('SET', key,
    format('%s %d %s %s %d %d %s', state, now + keep, asked, candidate, nano, tokens, entries),
    'PX', format('%d', math.ceil(keep / 1000)))
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
  local due = call('ZRANGEBYSCORE', KEYS[2], '-inf', format('%d', now), 'WITHSCORES', 'LIMIT', 0, 1000)
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
  return format('%s %d %s %s', kind, now, levels, rest or '')
end

-- The slots that rules concern now, or nil when the caller's windows are not those of this moment.
-- From ARGV[first] on: of hour, day and month each the start, the end, the end of the next, and how
-- slots of both are named; then of each rule its slot without the window, unit, period and limit.
local function concerned(first)
  local ends, names = { ['4'] = now + 1000000 }, { ['4'] = '' } -- in flight: ask in a second
  for period = 1, 3 do
    local at, key = first + 5 * period - 5, tostring(period)
    local second, third = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    if now < second then
      if now < tonumber(ARGV[at]) then
        return nil
      end
      ends[key], names[key] = second, ARGV[at + 3]
    elseif now < third then
      ends[key], names[key] = third, ARGV[at + 4]
    else
      return nil
    end
  end
  local slots, keys, n = {}, {}, 0
  local rules = first + 11 -- of rule i: rules + 4 * i
  for at = first + 15, #ARGV, 4 do
    n = n + 1
    local slot = ARGV[at] .. names[ARGV[at + 2]]
    slots[n], keys[n] = slot, prefix .. slot
  end
  local settled, held, reached = {}, {}, {}
  if n > 0 then
    local values = call('MGET', unpack(keys))
    for i = 1, n do
      if values[i] then
        local s, h, r = match(values[i], '^(%d+) (%d+) (%d+)$')
        settled[i], held[i], reached[i] = tonumber(s), tonumber(h), r
      else
        settled[i], held[i] = 0, 0
      end
    end
  end
  return n, rules, slots, keys, settled, held, reached, ends
end

-- Whether operators have ordered something that the caller does not know, or an order has ended:
-- `words` holds the edition it knows, the last end that it counted, the next one, and two flags.
local function outdated(words)
  local edition, since, till, one, two = match(words, '^(%S+) (%d+) (%d+) ?(%d?) ?(%d?)$')
  local there = call('GET', prefix .. 'edition') or '-'
  if there ~= edition or now < tonumber(since) or now >= tonumber(till) then
    return reply('L', there)
  end
  return nil, one == '1', two == '1'
end
