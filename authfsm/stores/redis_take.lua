-- Returns the value of KEYS[1], and stores "" (`authfsm.stores.TAKEN`) in its place for ARGV[1] milliseconds.
-- GETDEL would leave nothing that tells other callers of the turn. A call that finds "" does not extend its
-- lifetime: otherwise repeated calls would wait for ever for a worker that died.
local text = redis.call("GET", KEYS[1])
if text and text ~= "" then
    redis.call("SET", KEYS[1], "", "PX", ARGV[1])
end
return text
