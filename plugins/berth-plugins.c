/* SPDX-License-Identifier: MIT */
/*
 * berth-plugins [--root DIR]: runs plugins for berthd (plugins/executor.h). Started as root it
 * makes its socket and becomes user berth-plugin; started by systemd it gets both.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/service.h"
#include "instance/instance.h"
#include "plugins/executor.h"

static int serve(const char *root, struct error *err)
{
	_cleanup_instance_ struct instance inst = {0};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (instance_open(&inst, root, err) < 0)
		return -1;
	path = instance_run(&inst, "plugins.sock");
	/* berth-plugin's own socket, which its group, that of berth, may use */
	if (service_listen(path, SOCK_STREAM, 0660, inst.plugin_uid, inst.gid, &fd, err) < 0 ||
	    service_become(inst.plugin_uid, inst.plugin_gid, err) < 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	if (chdir("/") < 0)
		return error_set(err, ERROR_SYSTEM, errno, "change to /");
	return executor_serve(&inst, fd, err);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	const char *root = NULL;
	int status = service_options(argc, argv, "berth-plugins", &root);

	if (status >= 0)
		return status;
	log_open("berth-plugins");
	if (serve(root, &err) < 0) {
		log_error("%s", err.message);
		return 1;
	}
	return 0;
}
