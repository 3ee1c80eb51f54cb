-- SPDX-License-Identifier: MIT
-- Which backend a request goes to, and what follows when that one fails. One whose host has no app
-- that takes requests goes to none, and gets a page: for nginx it has failed, so its connection
-- ends with it ("Connection: close"), and those that do go to a backend have no phase before this.
--
-- A request that was not sent is never lost: a backend that cannot be connected to is replaced by
-- the next one, and when none is left the request goes through the hold socket (hold.lua), where it
-- waits for one. A request that was sent is sent again only when nginx says that it may be
-- (proxy_next_upstream without non_idempotent), and then once.

local balancer = require "ngx.balancer"
local routes = require "routes"
local flight = require "flight"

local ngx = ngx
local var = ngx.var
local find, is_current = routes.find, routes.is_current
local enter, leave = flight.enter, flight.leave
local set_current_peer, set_more_tries = balancer.set_current_peer, balancer.set_more_tries
local get_last_failure = balancer.get_last_failure

local BAD_SECONDS = 1 -- a backend that refused is the last choice for this long
local RESENDS = 1

local M = {}

-- The least busy of those that were not tried and do not refuse; nil when all were tried.
local function pick_any(route, tried)
	local now = ngx.now()
	local best, best_load
	for _, b in ipairs(route.backends) do
		if b.bad <= now then
			b.bad = 0
		end
		if not (tried and tried[b.id]) then
			local load = b.bad > 0 and b.busy + 1e6 or b.busy
			if not best or load < best_load then
				best, best_load = b, load
			end
		end
	end
	return best
end

-- The less busy of two that follow each other, another two each time: as even as asking all of
-- them, and without a loop, which would keep LuaJIT from compiling what every request goes through.
local function pick(route, tried)
	local list, n, turn = route.backends, route.n, route.turn
	if tried or n == 0 then
		return pick_any(route, tried)
	end
	local b = list[turn % n + 1]
	if n > 1 then
		route.turn = turn + 1
		local other = list[(turn + 1) % n + 1]
		if b.bad > 0 or other.bad > 0 then
			return pick_any(route)
		elseif other.busy < b.busy then
			return other
		end
	end
	return b
end

-- Picks and counts. The table may change in between: whoever changed it and then reads the count
-- of a backend must find this request in it, or this request must see the change. Gives the
-- backend, or nil, and whether HOST has an app that takes requests.
local function take(host, tried, wanted)
	local route, seen = find(host)
	if not route or not route.up then
		return nil, false
	end
	local b = wanted or pick(route, tried)
	if not b then
		return nil, true
	end
	enter(b)
	if is_current(seen) then
		return b, true
	end
	leave(b)
	return take(host, tried)
end

local function go(b)
	var.berth_backend = b.id
	set_more_tries(1)
	return set_current_peer(b.address, b.port)
end

local function go_hold()
	var.berth_backend = ""
	ngx.ctx.held = true
	return set_current_peer(var.berth_hold)
end

local function give_up(status)
	var.berth_backend = ""
	var.berth_fate = status
	return ngx.exit(ngx.ERROR)
end

-- The connection of the try before this one had been made. (The last element is this try's.)
local function was_connected()
	local times = var.upstream_connect_time or ""
	local before = times:match("([^%s,]+),%s*[^%s,]+$")
	return before ~= nil and before ~= "-"
end

local function again(code)
	local ctx = ngx.ctx
	local failed = flight.active(var.berth_backend)
	ctx.tried = ctx.tried or {}
	if failed then
		leave(failed)
		ctx.tried[failed.id] = true
	end
	if was_connected() then
		ctx.resent = (ctx.resent or 0) + 1
		if code == 504 then
			return give_up("504")
		end
		if ctx.resent > RESENDS then
			return give_up("502")
		end
	elseif failed then
		failed.bad = ngx.now() + BAD_SECONDS
	end
	if ctx.held then
		return give_up("502")
	end
	local b = take(var.host, ctx.tried)
	if b then
		return go(b)
	end
	return go_hold()
end

-- balancer_by_lua of the front's upstreams
function M.front()
	local state, code = get_last_failure()
	if state then
		return again(code)
	end
	local b, up = take(var.host)
	if b then
		return go(b)
	elseif up then
		return go_hold()
	end
	return give_up("page")
end

-- balancer_by_lua behind the hold socket: one try, at the backend that was seen to answer
function M.held()
	if get_last_failure() then
		local failed = flight.active(var.berth_backend)
		if failed then
			leave(failed)
		end
		return give_up("502")
	end
	local b = take(var.host, nil, ngx.ctx.ready)
	if not b then
		return give_up("503")
	end
	var.berth_backend = b.id
	return set_current_peer(b.address, b.port)
end

-- log phase: the request has left its backend. Gives the backend, or nil.
function M.done()
	local b = flight.active(var.berth_backend)
	if b then
		leave(b)
	end
	return b
end

return M
