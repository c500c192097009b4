-- Ends the taker's last job, and takes and begins the next one: one atomic step, one round trip.
--
-- KEYS  1 the taker's list   2 the paused set   3 the flag of `rq suspend`   4 all holders
--       5 the library that Redis belongs to   6… the queues, in order
-- ARGV  1 prefix of RQ's keys   2 most bytes and 3 most fields of a job's hash
--       4 the execution's id   5 now, as a number and 6 as text   7 the worker   8 the holder's token
--       9 the holder as JSON   10 the library of the taker, or empty   11 the id of the job that has
--       ended, or empty   12… the commands that record its end, each after the number of its words
--
-- Answers {id, fields of the job's hash}, {id} for what is no hash or too large a one; 0 when there
-- is no job, 1 when there is none but a queue is paused, 2 when all are suspended; 3 when others wait
-- for the job that has ended, and none was taken; 4 when Redis belongs to another library.
--
-- What is written at the beginning of a job is what RQ 3 writes (Execution.create,
-- Job.prepare_for_execution, Worker.heartbeat); the fields `holder` and `attempt` are ours.

local prefix, margin = ARGV[1], 60

local function is_foreign()
    if ARGV[10] == '' then return false end
    local owner = redis.pcall('GET', KEYS[5])
    if type(owner) == 'string' then
        return string.match(owner, '^%w*') ~= string.match(ARGV[10], '^%w*')
    end
    redis.call('SET', KEYS[5], ARGV[10]) -- Redis was wiped
    return false
end

local function end_last()
    -- Not on the list any more: it was recorded before, or somebody took the taker for dead.
    if ARGV[11] == '' or redis.call('LREM', KEYS[1], 1, ARGV[11]) == 0 then return false end
    local i = 12
    while i <= #ARGV do
        local last = i + tonumber(ARGV[i])
        redis.call(unpack(ARGV, i + 1, last))
        i = last + 1
    end
    return redis.call('EXISTS', prefix .. 'job:' .. ARGV[11] .. ':dependents') == 1
end

local function begin(id, job, fields)
    local values = {}
    for i = 1, #fields, 2 do values[fields[i]] = fields[i + 1] end
    local composite = id .. ':' .. ARGV[4]
    local execution = prefix .. 'execution:' .. composite
    if redis.call('EXISTS', execution) == 1 then return end -- begun, and the answer was lost
    redis.call('HSET', KEYS[4], ARGV[8], ARGV[9]) -- Redis may have been wiped since it was written
    local ttl = (tonumber(values.timeout or '') or 0) + margin
    local expiry = math.floor(tonumber(ARGV[5])) + ttl
    local executions = prefix .. 'executions:' .. id
    local worker = prefix .. 'worker:' .. ARGV[7]
    redis.call('HSET', execution, 'id', ARGV[4], 'job_id', id, 'created_at', ARGV[5],
        'last_heartbeat', ARGV[5], 'worker_name', ARGV[7])
    redis.call('EXPIRE', execution, ttl)
    redis.call('ZADD', executions, expiry + 60, ARGV[4])
    redis.call('EXPIRE', executions, ttl + 60)
    redis.call('ZADD', prefix .. 'wip:' .. (values.origin or ''), expiry, composite)
    redis.call('SADD', worker .. ':executions', composite)
    redis.call('EXPIRE', worker .. ':executions', ttl + 60)
    redis.call('HSET', worker, 'state', 'busy', 'last_heartbeat', ARGV[6])
    redis.call('EXPIRE', worker, ttl)
    redis.call('HSET', job, 'last_heartbeat', ARGV[6], 'status', 'started', 'started_at', ARGV[6],
        'worker_name', ARGV[7], 'holder', ARGV[8])
    redis.call('PERSIST', job)
    redis.call('HINCRBY', job, 'attempt', 1)
end

local function hand_over(id)
    local job = prefix .. 'job:' .. id
    local kind = redis.call('TYPE', job).ok
    if kind ~= 'hash' and kind ~= 'none' then return {id} end
    if redis.call('HLEN', job) > tonumber(ARGV[3]) then return {id} end
    local fields, size = redis.call('HGETALL', job), 0
    for _, each in ipairs(fields) do size = size + #each end
    if size > tonumber(ARGV[2]) then return {id} end
    if size > 0 then begin(id, job, fields) end
    return {id, fields}
end

if is_foreign() then return 4 end
if end_last() then return 3 end
-- What the taker holds already was handed over by an answer that it did not get.
local held = redis.call('LINDEX', KEYS[1], 0)
if held then return hand_over(held) end
if redis.call('EXISTS', KEYS[3]) == 1 then return 2 end
local paused = 0
for i = 6, #KEYS do
    if redis.call('SISMEMBER', KEYS[2], string.sub(KEYS[i], #prefix + #'queue:' + 1)) == 1 then
        paused = 1
    else
        local id = redis.call('LMOVE', KEYS[i], KEYS[1], 'LEFT', 'RIGHT')
        if id then return hand_over(id) end
    end
end
return paused
