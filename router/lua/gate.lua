-- SPDX-License-Identifier: MIT
-- access_by_lua of the front for requests that may have a body: one that gets a page gets it before
-- nginx begins to send it on, for then its connection would end. The others are balance.lua's.

local routes = require "routes"
local pages = require "pages"

local M = {}

function M.access()
	local host = ngx.var.host
	local route = routes.find(host)
	if not route or not route.up then
		if route then
			ngx.var.berth_app = route.app
		end
		return pages.for_route(route, host)
	end
end

return M
