-- SPDX-License-Identifier: MIT
-- Behind the hold socket: requests whose backends all refused wait here, unread, until one of them
-- can be connected to or the table names others. The front streams the request to this socket
-- like to a backend, so a body of any size waits at the client.

local routes = require "routes"
local pages = require "pages"

local HOLD_SECONDS = 5
local HELD_MAX = 1024  -- per worker; more than that are told at once
local PROBE_AGE = 0.04 -- seconds that the result of a probe is good for all who wait
local STEP_MAX = 0.2

local M = {}
local held = 0

local function probe(b)
	local now = ngx.now()
	if now - b.checked < PROBE_AGE then
		return b.ready
	end
	b.checked, b.ready = now, false
	local sock = ngx.socket.tcp()
	sock:settimeout(1000)
	b.ready = sock:connect(b.address, b.port) and true or false
	if b.ready then
		sock:close()
		b.bad = 0
	end
	ngx.update_time()
	b.checked = ngx.now()
	return b.ready
end

-- Waits until the backend of ngx.ctx.ready answers, or gives the page to send and its route.
local function wait(host)
	local deadline = ngx.now() + HOLD_SECONDS
	local step = 0.02
	while true do
		local route = routes.find(host)
		if not route or not route.up then
			return pages.for_route, route
		end
		for _, b in ipairs(route.backends) do
			-- a probe takes its time: the table may not name it any more
			if probe(b) and routes.find(host) == route then
				ngx.ctx.ready = b
				return nil
			end
		end
		if ngx.now() >= deadline then
			return pages.unready
		end
		ngx.sleep(step)
		step = math.min(step * 1.5, STEP_MAX)
	end
end

-- access_by_lua of the hold server
function M.access()
	local host = ngx.var.host
	if held >= HELD_MAX then
		return pages.unready()
	end
	held = held + 1
	local ok, page, route = pcall(wait, host)
	held = held - 1
	if not ok then
		error(page, 0)
	elseif page then
		-- only now: it ends this function, from inside (ngx.exit)
		return page(route, host)
	end
end

return M
