-- SPDX-License-Identifier: MIT
-- access_by_lua of the front: a request either has an app that can take it, or gets a page.

local routes = require "routes"
local pages = require "pages"

local var = ngx.var
local find = routes.find

local M = {}

function M.access()
	local host = var.host
	local route = find(host)
	if route then
		var.berth_app = route.app
		if route.up then
			return
		end
	end
	return pages.for_route(route, host)
end

return M
