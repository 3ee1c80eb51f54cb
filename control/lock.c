/* SPDX-License-Identifier: MIT */
#include "control/lock.h"

#include <fcntl.h>
#include <string.h>
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

int lock_leave_ticket(struct context *c, const struct app *app, const char *ticket,
		      struct error *err)
{
	_cleanup_free_ char *path = instance_run(c->inst, "locks/%lld.newest", (long long)app->id);
	return file_replace(AT_FDCWD, path, ticket, strlen(ticket), 0640, err);
}

bool lock_ticket_is_newest(struct context *c, const struct app *app, const char *ticket)
{
	_cleanup_free_ char *path = instance_run(c->inst, "locks/%lld.newest", (long long)app->id);
	_cleanup_strbuf_ struct strbuf newest = STRBUF_INIT;
	struct error err = ERROR_INIT;
	return file_read(AT_FDCWD, path, 256, &newest, &err) < 0 ||
	       strcmp(newest.data, ticket) == 0;
}
