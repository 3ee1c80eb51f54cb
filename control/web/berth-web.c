/* SPDX-License-Identifier: MIT */
/*
 * berth-web [--root DIR]: the HTTP API (control/web/server.h) on run/web.sock. Started as root it
 * makes its socket and becomes user berth-web; started by systemd it gets both.
 */
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/service.h"
#include "control/web/server.h"
#include "instance/instance.h"

static int serve(const char *root, struct error *err)
{
	_cleanup_instance_ struct instance inst = {0};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (sodium_init() < 0)
		return error_set(err, ERROR_FAILED, 0, "libsodium does not start");
	if (instance_open(&inst, root, err) < 0)
		return -1;
	path = instance_run(&inst, "web.sock");
	/* nginx, user berth, connects to it */
	if (service_listen(path, SOCK_STREAM, 0660, inst.web_uid, inst.gid, &fd, err) < 0 ||
	    service_become(inst.web_uid, inst.web_gid, err) < 0)
		return -1;
	if (chdir("/") < 0)
		return error_set(err, ERROR_SYSTEM, errno, "change to /");
	return server_run(&inst, fd, err);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	const char *root = NULL;
	int status = service_options(argc, argv, "berth-web", &root);

	if (status >= 0)
		return status;
	log_open("berth-web");
	if (serve(root, &err) < 0) {
		log_error("%s", err.message);
		return 1;
	}
	return 0;
}
