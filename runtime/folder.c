/* SPDX-License-Identifier: MIT */
#include "runtime/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sock.h"
#include "runtime/status.h"

/* Longer than what a shim does last may take: to kill a cgroup and to remove each, 2 s each. */
#define WAIT_MS 15000

/* The folder's mode; with the sticky bit, which means nothing else here, that of one which has
 * ended: read together with the folder's being there, so that no moment between shows it begun. */
#define MODE 0750
#define MODE_ENDED (S_ISVTX | MODE)

/* Room for /proc/self/fd/N/control. */
#define PATH_SIZE 64

static void control_path(int folder, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "/proc/self/fd/%d/control", folder);
}

/* Without a status it is all but gone, or has only begun: which of both is seen in a moment. */
static bool is_ending(const struct instance *inst, const char *id)
{
	struct container_status old;
	struct error why = ERROR_INIT;

	if (status_read(inst, id, &old, &why) < 0)
		return why.code == ERROR_NOT_FOUND;
	return old.state == CONTAINER_EXITED && status_shim_alive(&old);
}

int folder_make(const struct instance *inst, const char *id, int *out_fd, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "containers/%s", id);
	int64_t until = clock_ms() + WAIT_MS;
	int fd;

	while (mkdir(path, MODE) < 0) {
		if (errno != EEXIST)
			return error_set(err, ERROR_SYSTEM, errno, "make '%s'", path);
		if (clock_ms() > until || !is_ending(inst, id))
			return error_set(err, ERROR_EXISTS, 0, "container '%s' exists already", id);
		clock_sleep_ms(5);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	*out_fd = fd;
	return 0;
}

int folder_listen(int folder, int *out_fd, struct error *err)
{
	char path[PATH_SIZE];

	control_path(folder, path);
	return sock_listen(path, SOCK_STREAM, 0600, (uid_t)-1, (gid_t)-1, out_fd, err);
}

int folder_connect(const struct instance *inst, const char *id, int *out_fd, struct error *err)
{
	_cleanup_free_ char *folder = instance_run(inst, "containers/%s", id);
	_cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[PATH_SIZE];

	if (dir < 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "container '%s' is not there", id);
	control_path(dir, path);
	return sock_connect(path, SOCK_STREAM, out_fd, err);
}

void folder_end(int folder)
{
	fchmod(folder, MODE_ENDED);
	unlinkat(folder, "status", 0);
}

bool folder_has_ended(const struct stat *st)
{
	return st->st_mode & S_ISVTX;
}

void folder_leave(int folder)
{
	unlinkat(folder, "control", 0);
}

void folder_remove(const struct instance *inst, const char *id, int folder)
{
	_cleanup_free_ char *path = instance_run(inst, "containers/%s", id);

	folder_leave(folder);
	folder_end(folder);
	rmdir(path);
}
