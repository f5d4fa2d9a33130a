-- Takes a text, and marks its place as taken for ARGV[1] milliseconds.
-- GETDEL would leave no mark for others during the turn. The mark ("", as `authfsm.stores.TAKEN`) is not
-- renewed: whoever asks again and again must not keep alive the mark of a worker that died.
local text = redis.call("GET", KEYS[1])
if text and text ~= "" then
    redis.call("SET", KEYS[1], "", "PX", ARGV[1])
end
return text
