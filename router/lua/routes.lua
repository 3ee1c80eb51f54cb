-- SPDX-License-Identifier: MIT
-- The table of routes in the shared dictionary, and each worker's parsed copy of what it uses.
--
-- Keys of the dictionary:
--   h:HOST   the app that has HOST (exact, or "*.example.com")
--   a:APP    the app's entry of the table file, as JSON
--   applied  the version of the table file that the dictionary holds, -1 while it is changing
--   gen      goes up after every change: a worker whose copy has another gen looks again
--   lock     held by whoever changes the dictionary
--   g:APP    when APP went; kept for as long as what it was asked may still be on its way
--
-- The table file (routes.json, router/table.c) is the truth. Its first bytes hold its version.

local cjson = require "cjson.safe"

local dict = ngx.shared.berth_routes
local file = ngx.config.prefix() .. "routes.json"

local LOCK_SECONDS = 10
local CACHE_MAX = 4096
local HOST_MAX = 253
local GONE_SECONDS = 60

local M = {}

local function put(key, value)
	local ok, why = dict:safe_set(key, value)
	if not ok then
		error("the route dictionary is full: " .. tostring(why))
	end
end

-- KEY is that of an app or a host.
local function forget(key)
	dict:delete(key)
	if key:sub(1, 2) == "a:" then
		ngx.update_time()
		dict:safe_set("g:" .. key:sub(3), ngx.now(), GONE_SECONDS) -- never in the place of a route
	end
end

local function set_app(app, entry)
	local old = cjson.decode(dict:get("a:" .. app) or "{}")
	local has = {}
	put("a:" .. app, cjson.encode(entry))
	for _, host in ipairs(entry.hosts) do
		has[host] = true
		put("h:" .. host, app)
	end
	for _, host in ipairs(old.hosts or {}) do
		if not has[host] and dict:get("h:" .. host) == app then
			dict:delete("h:" .. host)
		end
	end
end

local function remove_app(app)
	local old = cjson.decode(dict:get("a:" .. app) or "{}")
	for _, host in ipairs(old.hosts or {}) do
		if dict:get("h:" .. host) == app then
			dict:delete("h:" .. host)
		end
	end
	forget("a:" .. app)
end

local function file_version()
	local f = io.open(file, "rb")
	if not f then
		return 0
	end
	local head = f:read(64)
	f:close()
	return tonumber(head and head:match('^{"version":(%d+)')) or 0
end

local function finish(version)
	dict:set("applied", version)
	dict:incr("gen", 1, 0)
	return version
end

-- The file has one app per line (router/table.h). It is read line by line, so that a large table
-- leaves no large heap behind in the worker that happened to read it.
local function load()
	local f = io.open(file, "rb")
	local version, keep, ended = 0, {}, f == nil
	dict:set("applied", -1)
	for line in f and f:lines() or function() end do
		local app, text = line:match('^"([^"]+)":(.*)$')
		if line:sub(-2) == "}}" and (not app or line:sub(-3) == "}}}") then
			ended = true
		end
		if app then
			text = ended and text:sub(1, -3) or text:sub(1, -2)
			local entry, why = cjson.decode(text)
			if not entry then
				error("cannot read app " .. app .. " in " .. file .. ": " .. why)
			end
			put("a:" .. app, text)
			keep["a:" .. app] = true
			for _, host in ipairs(entry.hosts) do
				put("h:" .. host, app)
				keep["h:" .. host] = true
			end
		else
			version = tonumber(line:match('^{"version":(%d+)')) or version
		end
	end
	if f then
		f:close()
	end
	if not ended then
		error("cannot read " .. file .. ": it has no end")
	end
	for _, key in ipairs(dict:get_keys(0)) do
		local kind = key:sub(1, 2)
		if (kind == "a:" or kind == "h:") and not keep[key] then
			forget(key)
		end
	end
	keep = nil -- luacheck: ignore
	collectgarbage()
	return finish(version)
end

-- One change at a time over all workers. WORK does not yield, so a lock that outlives its holder
-- is that of a killed worker. WAIT is false where nginx cannot sleep.
local function locked(wait, work)
	for _ = 1, wait and 2 * LOCK_SECONDS * 100 or 1 do
		if dict:add("lock", true, LOCK_SECONDS) then
			local ok, result = pcall(work)
			dict:delete("lock")
			if not ok then
				ngx.log(ngx.ERR, result)
				return nil, result
			end
			return result
		end
		if wait then
			ngx.sleep(0.01)
		end
	end
	return nil, "another change holds the lock"
end

function M.is_loaded()
	return dict:get("applied") ~= nil
end

-- Reads the file when the dictionary holds another version of it.
function M.check(wait)
	if dict:get("applied") ~= file_version() then
		locked(wait, function()
			if dict:get("applied") ~= file_version() then
				return load()
			end
		end)
	end
end

-- CHANGE: {from, to, set = {APP = entry}, remove = {APP}}, the step of the file from version to
-- version. When the dictionary does not stand at `from`, the file itself is read. Gives the version
-- that the dictionary holds afterwards.
function M.apply(change)
	return locked(true, function()
		local applied = dict:get("applied")
		if applied == change.to then
			return applied
		end
		if applied ~= change.from then
			return load()
		end
		dict:set("applied", -1)
		for app, entry in pairs(change.set or {}) do
			set_app(app, entry)
		end
		for _, app in ipairs(change.remove or {}) do
			remove_app(app)
		end
		return finish(change.to)
	end)
end

function M.version()
	return dict:get("applied")
end

-- Whether APP has been there since WHEN (Unix time): another may have the name of one that went.
function M.has_since(app, when)
	return dict:get("a:" .. app) ~= nil and (dict:get("g:" .. app) or 0) < when
end

-- The names of all apps: for reports, never while serving a request.
function M.apps()
	local names = {}
	for _, key in ipairs(dict:get_keys(0)) do
		if key:sub(1, 2) == "a:" then
			names[#names + 1] = key:sub(3)
		end
	end
	return names
end

-- The ids of APP's backends.
function M.backends(app)
	local entry = cjson.decode(dict:get("a:" .. app) or "{}")
	local ids = {}
	for i, b in ipairs(entry.backends or {}) do
		ids[i] = b[1]
	end
	return ids
end

-- This worker's copy. A route: {app, up, state, page, n, backends = {backend}, turn}.
local by_host, by_app, cached, gen = {}, {}, 0, nil
local by_id = setmetatable({}, { __mode = "v" })

-- One object per id for as long as a request is at it, which its count is with.
local function backend(app, id, address, port)
	local b = by_id[id]
	if not b then
		b = { id = id, busy = 0, bad = 0, checked = 0 }
		by_id[id] = b
	end
	b.app, b.address, b.port = app, address, port
	return b
end

local function parse(app, raw)
	local entry = cjson.decode(raw)
	local route = {
		app = app, raw = raw, state = entry.state, up = entry.state == "up",
		page = entry.page, backends = {}, n = 0, turn = 0,
	}
	for i, b in ipairs(entry.backends) do
		route.backends[i] = backend(app, b[1], b[2], b[3])
		route.n = i
	end
	-- one that is up without a backend is being started: its requests are held
	return route
end

local function route_of(app)
	local raw = dict:get("a:" .. app)
	if not raw then
		return nil
	end
	local route = by_app[app]
	if not route or route.raw ~= raw then
		route = parse(app, raw)
		by_app[app] = route
	end
	return route
end

local function look(key)
	local route = by_host[key]
	if route then
		return route
	end
	local app = dict:get("h:" .. key)
	route = app and route_of(app)
	if not route then
		return nil
	end
	if cached == CACHE_MAX then
		by_host, by_app, cached = {}, {}, 0
	end
	by_host[key] = route
	cached = cached + 1
	return route
end

-- Names that match a wildcard are not remembered one by one: a client can make up any number.
local function look_wildcard(host)
	local dot = host:find(".", 1, true)
	while dot do
		local route = look("*" .. host:sub(dot))
		if route then
			return route
		end
		dot = host:find(".", dot + 1, true)
	end
	return nil
end

-- The route of HOST (lower case, without a port), or nil; and the gen it belongs to.
function M.find(host)
	local now = dict:get("gen")
	if now ~= gen then
		by_host, cached, gen = {}, 0, now
	end
	local route = by_host[host]
	if route then
		return route, now
	end
	if #host > HOST_MAX then
		return nil, now
	end
	return look(host) or look_wildcard(host), now
end

function M.is_current(seen)
	return dict:get("gen") == seen
end

return M
