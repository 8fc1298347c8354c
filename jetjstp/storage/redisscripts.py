"""
What L{jetjstp.storage.redis} has the Redis server do, each as a whole.

What succeeds gives a number where it can: of those the library takes many at a
time, of all else one in each turn of the reactor.

A session is one hash, so that the server, when it has to make room, drops it as
a whole or not at all. Its fields:

  - C{identity}, C{delivered}, C{received}, C{latest}: as in
    L{jetjstp.storage.records.Snapshot}
  - C{b:NUMBER}: a message; C{first}: none that is lower than this is there
  - C{d:KEY}: a value, behind its place in the order and a colon; C{places}: how
    many of them were given
  - C{epoch} and C{server}: who has it; C{epoch} is not there if nobody does
  - C{inactive}: there if it is
"""

from __future__ import annotations

__all__ = ["DELETE", "GET", "RECORD", "RELEASE", "SET", "SET_INACTIVE", "TAKE"]

SET = """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'identity', ARGV[2], 'delivered', ARGV[3], 'received', ARGV[4], 'latest', ARGV[5],
    'first', ARGV[6], 'places', ARGV[7])
for i = 8, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""
"""Milliseconds, the fields that are always there in their order, then names and values of all others."""

GET = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
redis.call('HDEL', KEYS[1], 'inactive')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HGETALL', KEYS[1])
"""
"""Milliseconds; gives all fields, or nothing."""

SET_INACTIVE = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 'inactive', 1)
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
"""
"""Milliseconds."""

# The time is in it so that an epoch does not come again if the server was restarted from an older copy of its data.
TAKE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local epoch = string.format('%.0f', math.max(now, last + 1))
redis.call('SET', KEYS[2], epoch)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'server', ARGV[2])
redis.call('HDEL', KEYS[1], 'inactive')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HGETALL', KEYS[1])
"""
"""Milliseconds and the server, with the key of the last epoch; gives all fields, or nothing."""

_HELD = """
local held = redis.call('HMGET', KEYS[1], 'identity', 'epoch', 'server', 'inactive', 'first')
if not held[1] then return {'gone'} end
if not held[2] then return {'released'} end
if held[2] ~= ARGV[2] then return {'taken', held[3]} end
"""

# Messages are numbered without gaps, apart from sessions that somebody else has written: the server is not to count
# from one end of the numbers to the other because of those.
RECORD = (
    _HELD
    + """
local first = tonumber(held[5])
local function forget(upTo)
    if upTo - first < 1000 then
        for number = first, upTo do
            redis.call('HDEL', KEYS[1], string.format('b:%.0f', number))
        end
    else
        for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
            if string.sub(name, 1, 2) == 'b:' and tonumber(string.sub(name, 3)) <= upTo then
                redis.call('HDEL', KEYS[1], name)
            end
        end
    end
    if upTo >= first then
        first = upTo + 1
        redis.call('HSET', KEYS[1], 'first', string.format('%.0f', first))
    end
end
local i = 3
while i <= #ARGV do
    local what, a, b = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    i = i + 3
    if what == 'r' then
        if tonumber(a) > tonumber(redis.call('HGET', KEYS[1], 'received')) then
            redis.call('HSET', KEYS[1], 'received', a)
        end
    elseif what == 's' then
        redis.call('HSET', KEYS[1], 'latest', a, 'b:' .. string.gsub(a, '-', ''), b)
    elseif what == 'a' then
        forget(tonumber(a))
        redis.call('HSET', KEYS[1], 'delivered', a)
    elseif what == 'p' then
        local old = redis.call('HGET', KEYS[1], 'd:' .. a)
        local place = old and string.match(old, '^%d+') or redis.call('HINCRBY', KEYS[1], 'places', 1)
        redis.call('HSET', KEYS[1], 'd:' .. a, place .. ':' .. b)
    elseif what == 'd' then
        redis.call('HDEL', KEYS[1], 'd:' .. a)
    end
end
if not held[4] then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
"""
)
"""Milliseconds, the epoch, and for each change a letter and two values; gives 1, or why it was not done."""

RELEASE = (
    _HELD
    + """
redis.call('HDEL', KEYS[1], 'epoch')
redis.call('HSET', KEYS[1], 'inactive', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""
)
"""Milliseconds and the epoch; gives 1, or why it was not done."""

DELETE = (
    _HELD
    + """
redis.call('DEL', KEYS[1])
return 1
"""
)
"""Milliseconds, which do not matter, and the epoch; gives 1, or why it was not done."""
