-- SPDX-License-Identifier: MIT
-- Requests in flight: per backend and worker in the shared dictionary, so that the sum is exact and
-- a killed worker's share can be left out. A worker slot has an epoch, which its new occupant
-- raises: keys of older epochs are nobody's.

local dict = ngx.shared.berth_flight

local M = {}
local prefix
local active = {} -- backends with requests of this worker, by id

function M.worker()
	local slot = ngx.worker.id()
	prefix = slot .. "/" .. dict:incr("epoch/" .. slot, 1, 0) .. "/"
end

-- Both count in the worker's own table (b.busy, for choosing) and in the dictionary (for asking).
function M.enter(b)
	local key = b.key
	if not key then
		key = prefix .. b.id
		b.key = key
	end
	dict:incr(key, 1, 0)
	if b.busy == 0 then
		active[b.id] = b
	end
	b.busy = b.busy + 1
end

function M.leave(b)
	dict:incr(b.key, -1)
	b.busy = b.busy - 1
	if b.busy <= 0 then
		active[b.id] = nil
	end
end

-- The backend of this id that has requests of this worker.
function M.active(id)
	return active[id]
end

-- Requests at backend ID, over all workers that live.
function M.count(id)
	local sum = 0
	for slot = 0, ngx.worker.count() - 1 do
		local epoch = dict:get("epoch/" .. slot)
		if epoch then
			sum = sum + (dict:get(slot .. "/" .. epoch .. "/" .. id) or 0)
		end
	end
	return sum
end

-- Forgets counts of backends that are idle, and those of workers that are gone.
function M.sweep()
	for _, key in ipairs(dict:get_keys(0)) do
		local slot, epoch = key:match("^(%d+)/(%d+)/")
		if slot then
			local mine = tonumber(epoch) == dict:get("epoch/" .. slot)
			if not mine or dict:get(key) == 0 then
				dict:delete(key)
			end
		end
	end
end

return M
