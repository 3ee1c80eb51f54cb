/* SPDX-License-Identifier: MIT */
#include "control/dbhold.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/db.h"

/* SHARED_FIRST and SHARED_SIZE: no other can be alone with the database. */
#define SHARED_FIRST 0x40000002
#define SHARED_SIZE 510
/* The WAL-index is in use: who opens it takes it as it is. */
#define INDEX_IN_USE 128

static int take_lock(const char *path, off_t first, off_t len, int *out_fd, struct error *err)
{
	struct flock lock = {
		.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = first, .l_len = len};
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int done = -1;
	/* whoever has it alone has it for a moment */
	while (fd >= 0 && (done = fcntl(fd, F_SETLKW, &lock)) < 0 && errno == EINTR)
		;
	if (done < 0)
		return error_set(err, ERROR_SYSTEM, errno, "lock '%s'", path);
	*out_fd = TAKE_FD(fd);
	return 0;
}

/* In a child: makes the files of the log, or as the last one writes it back and removes them. */
static void open_and_close(const struct instance *inst)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct db db = {0};
		struct error ignored = ERROR_INIT;
		if (db_open(&db, inst, &ignored) == 0)
			db_close(&db);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int dbhold_take(struct dbhold *h, const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *db = instance_lib(inst, "berth.db");
	_cleanup_free_ char *index = instance_lib(inst, "berth.db-shm");
	if (take_lock(db, SHARED_FIRST, SHARED_SIZE, &h->db, err) < 0)
		return -1;
	/* from here on nobody removes them */
	open_and_close(inst);
	if (take_lock(index, INDEX_IN_USE, 1, &h->index, err) == 0)
		return 0;
	h->db = close_fd(h->db);
	return -1;
}

void dbhold_release(struct dbhold *h, const struct instance *inst)
{
	bool held = h->db >= 0;
	h->index = close_fd(h->index);
	h->db = close_fd(h->db);
	if (held)
		open_and_close(inst);
}
