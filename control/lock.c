/* SPDX-License-Identifier: MIT */
#include "control/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "control/answer.h"

static char *lock_path(struct context *c, const struct app *app)
{
	return instance_run(c->inst, "locks/%lld", (long long)app->id);
}

static int announce(struct context *c, int fd, const char *what, struct error *err)
{
	_cleanup_free_ char *text = xasprintf("%s by %s", what, c->identity);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "write the lock's holder");
	return 0;
}

int lock_try(struct context *c, const struct app *app, const char *what, int *out_fd,
	     struct error *err)
{
	_cleanup_free_ char *path = lock_path(c, app);
	_cleanup_close_ int fd = -1;
	if (file_lock(path, false, &fd, err) < 0) {
		if (err && err->code == ERROR_BUSY)
			error_set(err, ERROR_BUSY, 0, "app '%s' is being changed", app->name);
		return -1;
	}
	if (announce(c, fd, what, err) < 0)
		return -1;
	*out_fd = TAKE_FD(fd);
	return 0;
}

int lock_take(struct context *c, const struct app *app, const char *what, int *out_fd,
	      struct error *err)
{
	struct error busy = ERROR_INIT;
	if (lock_try(c, app, what, out_fd, &busy) == 0)
		return 0;
	if (busy.code != ERROR_BUSY) {
		*err = busy;
		return -1;
	}
	_cleanup_free_ char *path = lock_path(c, app);
	_cleanup_strbuf_ struct strbuf holder = STRBUF_INIT;
	if (file_read(AT_FDCWD, path, 4096, &holder, &busy) < 0 || !holder.len)
		strbuf_addstr(&holder, "another command");
	answer_step(c, "Waiting for the %s", holder.data);
	_cleanup_close_ int fd = -1;
	if (file_lock(path, true, &fd, err) < 0 || announce(c, fd, what, err) < 0)
		return -1;
	*out_fd = TAKE_FD(fd);
	return 0;
}

static char *ticket_path(struct context *c, const struct app *app)
{
	return instance_run(c->inst, "locks/%lld.newest", (long long)app->id);
}

int lock_leave_ticket(struct context *c, const struct app *app, const char *ticket, int *out_fd,
		      struct error *err)
{
	_cleanup_free_ char *path = ticket_path(c, app);
	_cleanup_free_ char *fresh = xasprintf("%s.%d", path, (int)getpid());
	_cleanup_close_ int fd = -1;
	/* locked before it has its name: nobody takes it for that of a dead one */
	if (file_lock(fresh, false, &fd, err) < 0)
		return -1;
	if (ftruncate(fd, 0) < 0 || file_write_all(fd, ticket, strlen(ticket), err) < 0 ||
	    rename(fresh, path) < 0) {
		error_set(err, ERROR_SYSTEM, errno, "write '%s'", fresh);
		unlink(fresh);
		return -1;
	}
	*out_fd = TAKE_FD(fd);
	return 0;
}

bool lock_ticket_is_newest(struct context *c, const struct app *app, const char *ticket)
{
	_cleanup_free_ char *path = ticket_path(c, app);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char newest[256];
	ssize_t n = fd < 0 ? -1 : pread(fd, newest, sizeof(newest) - 1, 0);
	if (n < 0)
		return true;
	newest[n] = '\0';
	return strcmp(newest, ticket) == 0 || flock(fd, LOCK_SH | LOCK_NB) == 0;
}
