-- SPDX-License-Identifier: MIT
-- The end of each request: it has left its backend, is counted, and has a line in its app's log
-- (router/line.h). A worker keeps lines for an instant, so that many cost one write; a file is
-- opened anew each time, so whoever renames it loses nothing.

local balance = require "balance"
local routes = require "routes"
local stats = require "stats"

local ngx = ngx
local var = ngx.var
local now, start_time = ngx.now, ngx.req.start_time
local floor = math.floor

local FLUSH_SECONDS = 0.1
local FLUSH_BYTES = 65536 -- of one app

local folder = ngx.config.prefix() .. "logs/"
local M = {}
-- by app: {n = LINES, bytes = N, since = TIME OF THE FIRST REQUEST, line, ...}
local kept, armed = {}, false

local function write(app, lines)
	-- whose app is gone, its log is: another of that name must not find it
	if not routes.has_since(app, lines.since) then
		return
	end
	local f, why = io.open(folder .. app .. ".log", "a")
	if f then
		f:setvbuf("no")
		lines[lines.n + 1] = ""
		local done
		done, why = f:write(table.concat(lines, "\n", 1, lines.n + 1)) -- one write(2)
		f:close()
		if done then
			return
		end
	end
	ngx.log(ngx.ERR, lines.n, " lines of ", app, " are lost: ", why)
end

function M.flush()
	armed = false
	local all = kept
	kept = {}
	for app, lines in pairs(all) do
		write(app, lines)
	end
end

local function keep(app, began, line)
	local lines = kept[app]
	if not lines then
		lines = { n = 0, bytes = 0, since = began }
		kept[app] = lines
	end
	if began < lines.since then
		lines.since = began
	end
	local n = lines.n + 1
	lines[n] = line
	lines.n = n
	lines.bytes = lines.bytes + #line
	if lines.bytes > FLUSH_BYTES then
		kept[app] = nil
		write(app, lines)
	elseif not armed then
		armed = ngx.timer.at(FLUSH_SECONDS, M.flush) and true or false
	end
end

-- log_by_lua of the front. Who reached no backend counts for the app that has the host.
function M.log()
	local b = balance.done()
	local route = not b and routes.find(var.host or "")
	local app = b and b.app or route and route.app
	if app then
		-- both are whole milliseconds
		local began = start_time()
		local ms = floor((now() - began) * 1000 + 0.5)
		stats.count(app, ngx.status, ms, tonumber(var.request_length) or 0,
			tonumber(var.bytes_sent) or 0)
		keep(app, began, var.berth_line)
	end
end

return M
