-- SPDX-License-Identifier: MIT
-- The control socket (only the instance's own user reaches its folder): what router/router.c asks.

local cjson = require "cjson.safe"
local routes = require "routes"
local flight = require "flight"
local stats = require "stats"

local M = {}

local function answer(status, doc)
	ngx.status = status
	ngx.header["Content-Type"] = "application/json"
	local text = cjson.encode(doc)
	ngx.header["Content-Length"] = #text
	ngx.print(text)
	return ngx.exit(status)
end

local function body()
	ngx.req.read_body()
	local text = ngx.req.get_body_data()
	if text then
		return text
	end
	local name = ngx.req.get_body_file()
	local f = name and io.open(name, "rb")
	if not f then
		return ""
	end
	text = f:read("*a")
	f:close()
	return text
end

-- POST /apply: see routes.apply
function M.apply()
	local change = cjson.decode(body())
	if type(change) ~= "table" or type(change.from) ~= "number" or type(change.to) ~= "number" then
		return answer(400, { error = "not a change" })
	end
	local version, why = routes.apply(change)
	if not version then
		return answer(500, { error = why })
	end
	return answer(200, { version = version })
end

-- GET /in-flight?ID
function M.in_flight()
	return answer(200, { in_flight = flight.count(ngx.var.args or "") })
end

-- GET /stats
function M.stats()
	return answer(200, stats.report())
end

-- GET /status
function M.status()
	return answer(200, { version = routes.version(), pid = ngx.worker.pid() })
end

return M
