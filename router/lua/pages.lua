-- SPDX-License-Identifier: MIT
-- Berth's own answers: one line of text for programs, a page for browsers.

local routes = require "routes"

local pages_folder = debug.getinfo(1, "S").source:match("^@(.*)lua/[^/]*$") .. "pages/"
local custom_folder = ngx.config.prefix() .. "pages/"
local PAGE_MAX = 1048576

local function read(path)
	local f = io.open(path, "rb")
	if not f then
		return nil
	end
	local text = f:read(PAGE_MAX)
	f:close()
	return text
end

local layout = assert(read(pages_folder .. "page.html"), "no " .. pages_folder .. "page.html")

local escapes = {
	["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

local function escape(text)
	return (tostring(text):gsub("[&<>\"']", escapes))
end

-- What a host name may look like in a line of text that is shown on a terminal.
local function printable(text)
	return (tostring(text):gsub("[^%w%.%-:]", "?"):sub(1, 253))
end

local function wants_html()
	local accept = ngx.var.http_accept
	return accept ~= nil and accept:find("text/html", 1, true) ~= nil
end

local function send(status, kind, text)
	ngx.status = status
	ngx.header["Content-Type"] = kind .. "; charset=utf-8"
	ngx.header["Content-Length"] = #text
	ngx.header["Cache-Control"] = "no-store"
	ngx.print(text)
	return ngx.exit(status)
end

-- PAGE: {status, title, message, retry = seconds}
local function serve(page)
	if page.retry then
		ngx.header["Retry-After"] = page.retry
	end
	if not wants_html() then
		return send(page.status, "text/plain", page.title .. ": " .. page.message .. "\n")
	end
	local fields = { status = page.status, title = page.title, message = page.message }
	local html = layout:gsub("{{(%w+)}}", function(name)
		return escape(fields[name] or "")
	end)
	return send(page.status, "text/html", html)
end

local M = {}

local function maintenance(route)
	local html = route.page and wants_html() and read(custom_folder .. route.app .. ".html")
	if html then
		ngx.header["Retry-After"] = 60
		return send(503, "text/html", html)
	end
	return serve {
		status = 503, retry = 60, title = "Down for maintenance",
		message = "this app is being worked on and will be back soon",
	}
end

-- The answer for a host whose app takes no requests; ROUTE is nil when nobody has the host.
function M.for_route(route, host)
	if not route then
		return serve {
			status = 404, title = "No such app",
			message = "nothing is deployed at " .. printable(host),
		}
	end
	if route.state == "maintenance" then
		return maintenance(route)
	end
	return serve {
		status = 503, title = "App is not running",
		message = "this app has no running web process",
	}
end

-- Every instance refused for as long as a request is held.
function M.unready()
	return serve {
		status = 503, retry = 5, title = "App is not answering",
		message = "this app is starting or has crashed, try again in a moment",
	}
end

-- error_page of the front and of the hold server: nginx could not get an answer, or the balancer
-- wants none.
function M.failed()
	local fate, host = ngx.var.berth_fate, ngx.var.host
	if fate == "page" then
		return M.for_route(routes.find(host), host)
	end
	local status = tonumber(fate) or ngx.status
	if status == 503 then
		return M.unready()
	elseif status == 504 then
		return serve {
			status = 504, title = "App took too long",
			message = "this app did not answer within the time limit",
		}
	end
	return serve {
		status = 502, title = "App did not answer",
		message = "this app closed the connection without an answer",
	}
end

-- error_page of the API's server
function M.no_panel()
	return serve {
		status = 503, retry = 5, title = "Berth's API is not running",
		message = "berth-web does not answer on this server",
	}
end

return M
