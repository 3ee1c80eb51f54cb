/* SPDX-License-Identifier: MIT */
/*
 * berth-resolver [--root DIR]: answers containers' questions for names (resolver/server.h). Started
 * as root it becomes user berth; it needs no privilege.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/service.h"
#include "base/sock.h"
#include "instance/instance.h"
#include "resolver/server.h"

static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int serve(const char *root, struct error *err)
{
	_cleanup_instance_ struct instance inst = {0};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int alive = -1;
	int sockets[SOCKET_COUNT];

	if (instance_open(&inst, root, err) < 0 || socket_take(&inst, sockets, err) < 0 ||
	    service_become(inst.uid, inst.gid, err) < 0)
		return -1;
	path = instance_run(&inst, "resolver.sock");
	if (sock_listen(path, SOCK_STREAM, 0600, (uid_t)-1, (gid_t)-1, &alive, err) < 0)
		return -1;
	if (chdir("/") < 0)
		return error_set(err, ERROR_SYSTEM, errno, "change to /");
	raise_limits();
	service_ready();
	return server_run(&inst, sockets, alive, err);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	const char *root = NULL;
	int status = service_options(argc, argv, "berth-resolver", &root);

	if (status >= 0)
		return status;
	log_open("berth-resolver");
	if (serve(root, &err) < 0) {
		log_error("%s", err.message);
		return 1;
	}
	return 0;
}
