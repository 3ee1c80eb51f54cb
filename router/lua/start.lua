-- SPDX-License-Identifier: MIT
-- What nginx does once: in the master before it opens its sockets, and in each worker before it
-- takes its first connection.

local ffi = require "ffi"

ffi.cdef [[
int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
struct berth_sockaddr_un { unsigned short family; char path[108]; };
int socket(int domain, int type, int protocol);
int connect(int fd, const struct berth_sockaddr_un *address, unsigned int len);
int close(int fd);
int usleep(unsigned int us);
]]

local PR_SET_PDEATHSIG, SIGQUIT = 1, 3
local AF_UNIX, SOCK_STREAM_CLOEXEC = 1, 524289
local CHECK_EVERY = 5 -- seconds

local M = {}

local function answers(path)
	local address = ffi.new("struct berth_sockaddr_un", { family = AF_UNIX, path = path })
	local fd = ffi.C.socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0)
	local connected = fd >= 0 and ffi.C.connect(fd, address, ffi.sizeof(address)) == 0
	if fd >= 0 then
		ffi.C.close(fd)
	end
	return connected
end

-- A killed nginx leaves its unix sockets behind, and bind(2) refuses such a path. Its last workers
-- may still be closing theirs: give them a second.
local function remove_stale(path)
	for _ = 1, 20 do
		if not answers(path) then
			os.remove(path)
			return
		end
		ffi.C.usleep(50000)
	end
end

-- SOCKETS are the paths of the unix sockets that this nginx is about to open.
function M.master(sockets)
	local routes = require "routes"
	require "pages"
	require "balance"
	require "hold"
	require "stats"
	require "log"
	require "control"
	-- on a reload (SIGHUP) the dictionary is kept, and so are the sockets
	if not routes.is_loaded() then
		for _, path in ipairs(sockets) do
			remove_stale(path)
		end
	end
	routes.check(false)
	collectgarbage()
	collectgarbage()
end

function M.worker()
	-- workers of a killed master would keep the port: they finish what they have and end
	ffi.C.prctl(PR_SET_PDEATHSIG, SIGQUIT, 0, 0, 0)
	require("flight").worker()
	-- the file may have changed between init_by_lua and the opening of the control socket
	local routes = require "routes"
	routes.check(false)
	if ngx.worker.id() == 0 then
		ngx.timer.every(CHECK_EVERY, function()
			routes.check(true)
			require("flight").sweep()
		end)
	end
end

return M
