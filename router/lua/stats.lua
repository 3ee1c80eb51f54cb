-- SPDX-License-Identifier: MIT
-- Counters per app. A worker counts in its own tables and copies those
-- that changed into the shared dictionary once a second, one short string per app and worker; a
-- worker that takes over a slot goes on from what its predecessor left there.

local flight = require "flight"
local routes = require "routes"
local cjson = require "cjson.safe"

local ngx = ngx
local dict = ngx.shared.berth_stats

local FLUSH_SECONDS = 1
local BOUNDS = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30 }
local LAST = #BOUNDS + 1
-- fields: 1 requests, 2..6 status classes 1xx..5xx, 7 bytes in, 8 bytes out, 9 seconds in all,
-- 10.. histogram (not cumulative)
local CLASS, IN, OUT, SUM, HIST = 1, 7, 8, 9, 9
local FIELDS = HIST + LAST

local M = {}
local counts, dirty, armed = {}, {}, false

local function read(key)
	local c = {}
	local i = 0
	for field in (dict:get(key) or ""):gmatch("%S+") do
		i = i + 1
		c[i] = tonumber(field)
	end
	for j = i + 1, FIELDS do
		c[j] = 0
	end
	return c
end

local function key_of(slot, app)
	return slot .. "/" .. app
end

local function flush()
	armed = false
	local slot = ngx.worker.id()
	for app, c in pairs(dirty) do
		dict:set(key_of(slot, app), table.concat(c, " "))
	end
	dirty = {}
end

local function counts_of(app)
	local c = counts[app]
	if not c then
		c = read(key_of(ngx.worker.id(), app))
		counts[app] = c
	end
	return c
end

-- Most requests take some milliseconds: those find their bucket without a loop, which would end
-- what LuaJIT compiles.
local QUICK = 100
local quick = {}

local function find_bucket(seconds)
	for i = 1, LAST - 1 do
		if seconds <= BOUNDS[i] then
			return i
		end
	end
	return LAST
end

for ms = 0, QUICK do
	quick[ms] = find_bucket(ms / 1000)
end

local function bucket(ms)
	return ms <= QUICK and quick[ms] or find_bucket(ms / 1000)
end

-- One request of APP: it took MS milliseconds, and so many bytes went in and out.
function M.count(app, status, ms, bytes_in, bytes_out)
	local c = counts_of(app)
	local class = CLASS + math.floor(status / 100)
	c[1] = c[1] + 1
	if class > CLASS and class <= CLASS + 5 then
		c[class] = c[class] + 1
	end
	c[IN] = c[IN] + bytes_in
	c[OUT] = c[OUT] + bytes_out
	if status ~= 101 then -- how long a websocket was open says nothing about the app
		local i = HIST + bucket(ms)
		c[i] = c[i] + 1
		c[SUM] = c[SUM] + ms / 1000
	end
	dirty[app] = c
	if not armed then
		armed = ngx.timer.at(FLUSH_SECONDS, flush) and true or false
	end
end

local function add(sum, c)
	for i = 1, FIELDS do
		sum[i] = (sum[i] or 0) + c[i]
	end
end

local function in_flight(app)
	local sum = 0
	for _, id in ipairs(routes.backends(app)) do
		sum = sum + flight.count(id)
	end
	return sum
end

local function report_of(app)
	local sum = {}
	for slot = 0, ngx.worker.count() - 1 do
		add(sum, read(key_of(slot, app)))
	end
	local status, buckets = {}, {}
	for i = 1, 5 do
		status[i .. "xx"] = sum[CLASS + i]
	end
	for i = 1, LAST do
		buckets[i] = sum[HIST + i]
	end
	return {
		requests = sum[1], status = status,
		bytes = { ["in"] = sum[IN], out = sum[OUT] },
		latency = { le = BOUNDS, count = buckets, sum = sum[SUM] },
		in_flight = in_flight(app),
	}
end

-- {APP = {...}} for every app of the table. `count` has one more element than `le`: the slowest.
function M.report()
	flush()
	local report = {}
	for _, app in ipairs(routes.apps()) do
		report[app] = report_of(app)
	end
	return next(report) and report or cjson.decode("{}")
end

return M
