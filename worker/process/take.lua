#!lua flags=allow-oom
-- Ends the taker's last job, and takes and begins the next one: one atomic step, one round trip.
--
-- It checks before it writes, for an error in the middle of a script leaves half of it written. It
-- runs in a Redis whose memory is full too, for what takes jobs out is what empties it.
--
-- KEYS  1 the taker's list   2 the paused set   3 the flag of `rq suspend`   4 all holders
--       5 the library that Redis belongs to   6 how many jobs of each name were done   7 their seconds
--       8 their CPU seconds   9 the library roots that this host has, or an empty name
--       10… the queues, in order
-- ARGV  1 prefix of RQ's keys   2 most bytes and 3 most fields of a job's hash
--       4 the execution's id   5 now, as a number and 6 as text   7 the worker   8 the holder's token
--       9 the holder as JSON   10 the library of the taker, or empty   11 what is put before a key
--       that is set aside, and 12 its seconds   13 the id of the job that has ended well, or empty; of
--       it 14 the execution   15 the queue   16 the name that it counts as   17 how many seconds it ran
--       18 how many it is kept: 0 not at all, less without end   19 its start and 20 its end as text
--       21 the start and 22 the end of its execution as numbers   23 what it returned, or empty
--       24 how many CPU seconds it took
--
-- Answers {id, fields of the job's hash}, {id, what is wrong with it} for one that cannot be begun; 0
-- when there is no job, 1 when there is none but a queue is paused, 2 when all are suspended; 3 when
-- others wait for the job that has ended, and none was taken; 4 when Redis belongs to another library;
-- 5 when there is none but those whose files this host does not have. `first_seen` is of
-- worker.redis.hosts.
--
-- What is written at the beginning of a job is what RQ 3 writes (Execution.create,
-- Job.prepare_for_execution, Worker.heartbeat), but that its entry among the running jobs does not
-- expire: who lives is for the recovery to judge. The fields `holder` and `attempt` are ours. What is
-- written at its end is RQ's too (Job._handle_success, Job.cleanup, Result.create, Execution.delete).

local prefix, margin = ARGV[1], 60

-- Sets a key aside that is of another type than belongs there.
local function sound(key, kind)
    local found = redis.call('TYPE', key).ok
    if found ~= kind and found ~= 'none' then
        redis.call('RENAME', key, ARGV[11] .. key)
        redis.call('EXPIRE', ARGV[11] .. key, ARGV[12])
    end
end

local function is_foreign()
    if ARGV[10] == '' then return false end
    local owner = redis.pcall('GET', KEYS[5])
    owner = type(owner) == 'string' and string.match(owner, '^%x+')
    if owner and #owner == 32 then return owner ~= string.sub(ARGV[10], 1, 32) end
    redis.call('SET', KEYS[5], ARGV[10]) -- Redis was wiped, or that is no library's name
    return false
end

-- Counts the job that has ended. Whatever fails here, on a counter of text, stays alone.
local function count(worker)
    redis.pcall('HINCRBY', worker, 'successful_job_count', 1)
    redis.pcall('HINCRBYFLOAT', worker, 'total_working_time', ARGV[17])
    redis.pcall('HINCRBY', KEYS[6], ARGV[16], 1)
    redis.pcall('HINCRBYFLOAT', KEYS[7], ARGV[16], ARGV[17])
    redis.pcall('HINCRBYFLOAT', KEYS[8], ARGV[16], ARGV[24])
end

-- Keeps the job that has ended, and what it returned, for as long as that is wanted.
local function keep(id, job, results, of_job)
    local seconds = tonumber(ARGV[18])
    if seconds == 0 then
        redis.pcall('DEL', job, results, unpack(of_job))
        return
    end
    redis.pcall('HSET', job, 'status', 'finished', 'started_at', ARGV[19], 'ended_at', ARGV[20])
    local result = {'type', '1', 'worker_name', ARGV[7], 'execution_id', ARGV[14],
        'execution_started_at', ARGV[21], 'execution_ended_at', ARGV[22]}
    if ARGV[23] ~= '' then
        result[11], result[12] = 'return_value', ARGV[23]
    end
    redis.pcall('XADD', results, 'MAXLEN', '~', '10', '*', unpack(result))
    local until_then = seconds < 0 and '+inf' or math.floor(tonumber(ARGV[5])) + seconds
    redis.pcall('ZADD', prefix .. 'finished:' .. ARGV[15], until_then, id)
    if seconds < 0 then return end
    redis.pcall('EXPIRE', results, seconds)
    redis.pcall('EXPIRE', job, seconds)
    for _, key in ipairs(of_job) do redis.pcall('EXPIRE', key, seconds) end
end

local function end_last()
    local id = ARGV[13]
    -- Not on the list any more: it was recorded before, or somebody took the taker for dead.
    if id == '' or redis.call('LREM', KEYS[1], 1, id) == 0 then return false end
    local job, worker = prefix .. 'job:' .. id, prefix .. 'worker:' .. ARGV[7]
    local composite = id .. ':' .. ARGV[14]
    count(worker)
    keep(id, job, prefix .. 'results:' .. id,
        {job .. ':dependents', prefix .. 'job::' .. id .. ':dependencies'})
    redis.pcall('DEL', prefix .. 'execution:' .. composite)
    redis.pcall('ZREM', prefix .. 'wip:' .. ARGV[15], composite)
    redis.pcall('ZREM', prefix .. 'executions:' .. id, ARGV[14])
    redis.pcall('SREM', worker .. ':executions', composite)
    redis.pcall('HSET', worker, 'state', 'idle')
    return redis.call('EXISTS', job .. ':dependents') == 1
end

local function is_count(text, digits)
    if not text or text == '0' then return true end
    return #text <= digits and string.find(text, '^[1-9]%d*$') ~= nil -- as HINCRBY wants it
end

local function fault(values)
    for name, digits in pairs({timeout = 7, attempt = 9, deaths = 4}) do
        if not is_count(values[name], digits) then
            return 'its ' .. name .. ' is ' .. string.sub(values[name], 1, 40)
        end
    end
    if #(values.origin or '') > 200 or string.find(values.origin or '', '[^ -~]') then
        return 'its origin is no name of a queue'
    end
end

local function begin(id, job, values)
    local composite = id .. ':' .. ARGV[4]
    local execution = prefix .. 'execution:' .. composite
    if redis.call('EXISTS', execution) == 1 then return end -- begun, and the answer was lost
    local ttl = (tonumber(values.timeout or '') or 0) + margin
    local executions = prefix .. 'executions:' .. id
    local worker = prefix .. 'worker:' .. ARGV[7]
    local running = prefix .. 'wip:' .. (values.origin or '')
    sound(KEYS[4], 'hash')
    sound(executions, 'zset')
    sound(running, 'zset')
    sound(worker, 'hash')
    sound(worker .. ':executions', 'set')
    redis.call('HSET', KEYS[4], ARGV[8], ARGV[9]) -- Redis may have been wiped since it was written
    redis.call('HSET', execution, 'id', ARGV[4], 'job_id', id, 'created_at', ARGV[5],
        'last_heartbeat', ARGV[5], 'worker_name', ARGV[7])
    redis.call('EXPIRE', execution, ttl)
    redis.call('ZADD', executions, math.floor(tonumber(ARGV[5])) + ttl + 60, ARGV[4])
    redis.call('EXPIRE', executions, ttl + 60)
    redis.call('ZADD', running, '+inf', composite)
    redis.call('SADD', worker .. ':executions', composite)
    redis.call('EXPIRE', worker .. ':executions', ttl + 60)
    if redis.call('HEXISTS', worker, 'pid') == 1 then -- else half an entry: the next beat writes it
        redis.call('HSET', worker, 'state', 'busy', 'last_heartbeat', ARGV[6])
        redis.call('EXPIRE', worker, ttl)
    end
    redis.call('HSET', job, 'last_heartbeat', ARGV[6], 'status', 'started', 'started_at', ARGV[6],
        'worker_name', ARGV[7], 'holder', ARGV[8])
    redis.call('PERSIST', job)
    redis.call('HINCRBY', job, 'attempt', 1)
end

local function hand_over(id)
    if #id > 200 or not string.find(id, '^[%w_-]+$') then return {id, 'that is no id of a job'} end
    local job = prefix .. 'job:' .. id
    local kind = redis.call('TYPE', job).ok
    if kind == 'none' then return {id, {}} end
    if kind ~= 'hash' then return {id, 'it is a ' .. kind} end
    if redis.call('HLEN', job) > tonumber(ARGV[3]) then return {id, 'it has too many fields'} end
    local fields, size, values = redis.call('HGETALL', job), 0, {}
    for i = 1, #fields, 2 do
        size = size + #fields[i] + #fields[i + 1]
        values[fields[i]] = fields[i + 1]
    end
    if size > tonumber(ARGV[2]) then return {id, 'it is larger than a job may be'} end
    local wrong = fault(values)
    if wrong then return {id, wrong} end
    begin(id, job, values)
    return {id, fields}
end

if is_foreign() then return 4 end
sound(KEYS[1], 'list')
if end_last() then return 3 end
-- What the taker holds already was handed over by an answer that it did not get.
local held = redis.call('LINDEX', KEYS[1], 0)
if held then return hand_over(held) end
if redis.call('EXISTS', KEYS[3]) == 1 then return 2 end
local why_none = 0
sound(KEYS[2], 'set')
for i = 10, #KEYS do
    sound(KEYS[i], 'list')
    if redis.call('SISMEMBER', KEYS[2], string.sub(KEYS[i], #prefix + #'queue:' + 1)) == 1 then
        why_none = math.max(why_none, 1)
    else
        local place, id = first_seen(KEYS[9], KEYS[i], prefix)
        if place == 0 then
            return hand_over(redis.call('LMOVE', KEYS[i], KEYS[1], 'LEFT', 'RIGHT'))
        elseif place then
            redis.call('LREM', KEYS[i], 1, id)
            redis.call('RPUSH', KEYS[1], id)
            return hand_over(id)
        elseif id then
            why_none = 5
        end
    end
end
return why_none
